package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"testing"
	"time"

	"foxhunt/messages"
)

// TestHealth goes through what can be known of the workers.
func TestHealth(t *testing.T) {
	yes, no := true, false
	minuteAgo, hourAgo := time.Now().Add(-time.Minute).UnixNano(), time.Now().Add(-time.Hour).UnixNano()
	for name, c := range map[string]struct {
		open, inFlight     int
		err                error
		away               bool
		lastAnswer         int64
		status             int
		code               string
		loaded, cacheThere *bool
	}{
		"a worker asks":                {open: 1, status: 200, loaded: &yes, lastAnswer: minuteAgo, cacheThere: &yes},
		"a worker asks, no hit lately": {open: 1, status: 200, loaded: &yes, lastAnswer: hourAgo},
		"nobody asks":                  {status: 503, code: CodeNoWorker, loaded: &no},
		"busy, and answered lately":    {inFlight: 3, lastAnswer: minuteAgo, status: 200, loaded: &yes, cacheThere: &yes},
		"busy, or dead":                {inFlight: 3, lastAnswer: hourAgo, status: 200},
		"there are no streams":         {err: &Failure{"no_stream", "no"}, status: 503, code: "no_stream"},
		"the server does not answer":   {err: &Failure{"timeout", "no"}, status: 503, code: "timeout"},
		"the server does not tell":     {err: errors.New("no"), status: 503, code: CodeInternal},
		"no server":                    {away: true, open: 1, status: 503, code: "not_connected"},
	} {
		s := &streams{away: c.away, pulls: func() (int, int, error) { return c.open, c.inFlight, c.err }}
		g, server := serve(t, s, nil)
		g.lastAnswer.Store(c.lastAnswer)
		g.lastHit.Store(c.lastAnswer)
		response, err := http.Get(server.URL + "/api/v1/inference/health")
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		var h healthReport
		if err := json.Unmarshal(text, &h); err != nil {
			t.Fatal(err)
		}
		if response.StatusCode != c.status || h.Code != c.code || (h.Status == "healthy") != (c.status == 200) ||
			!equal(h.ModelLoaded, c.loaded) || !equal(h.CacheAvailable, c.cacheThere) {
			t.Errorf("%s: %d %s", name, response.StatusCode, text)
		}
		if age := time.Since(h.Timestamp.Time()); age < 0 || age > time.Minute {
			t.Errorf("%s: the timestamp is %v", name, h.Timestamp)
		}
	}
}

func equal(a, b *bool) bool { return (a == nil) == (b == nil) && (a == nil || *a == *b) }

// TestWorkersAreAskedSeldom asks the server once for many requests, and a second time before a worker is said to be absent.
func TestWorkersAreAskedSeldom(t *testing.T) {
	asked := 0
	s := &streams{pulls: func() (int, int, error) { asked++; return min(asked-1, 1), 0, nil }} // absent, then there
	_, server := serve(t, s.answering(t, func(subject, id string) Message { return fixOf(t, subject, id) }), nil)
	for range 5 {
		if a := post(t, server.URL+predictPage, typeJSON, good); a.status != 200 {
			t.Fatalf("%d %s", a.status, a.text)
		}
	}
	if asked != 2 {
		t.Errorf("the server was asked %d times", asked)
	}
}

// TestWorkersAskedApart lets nobody wait for another's question to a server that does not answer.
func TestWorkersAskedApart(t *testing.T) {
	asked, answer := make(chan struct{}), make(chan struct{})
	s := &streams{pulls: func() (int, int, error) { close(asked); <-answer; return 1, 0, nil }}
	w := &workers{streams: s}
	first := make(chan knowledge)
	go func() { first <- w.look(t.Context()) }()
	<-asked
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if k := w.look(ctx); k.state != unknown || k.err == nil {
		t.Errorf("without an answer: %+v", k)
	}
	close(answer)
	if k := <-first; k.state != present {
		t.Errorf("with the answer: %+v", k)
	}
}

// TestCacheSeen learns from a fix that comes that there is a cache, and nothing from one that is looked up.
func TestCacheSeen(t *testing.T) {
	hit := func(subject, id string) Message {
		m := fixOf(t, subject, id)
		fix, err := messages.DecodeFix("", m.Data)
		if err != nil {
			t.Error(err)
			return m
		}
		fix.CacheHit = true
		m.Data, _ = fix.Encode("")
		return m
	}
	s := &streams{}
	s.publish = func(_ context.Context, subject, id string, _ []byte) (bool, error) {
		s.store(id, hit(subject, id))
		return true, nil // the stream had it
	}
	g, server := serve(t, s, nil)
	if a := post(t, server.URL+predictPage, typeJSON, good); a.status != 200 || seen(&g.lastHit) {
		t.Errorf("a fix of old is taken for a hit of now: %d %s", a.status, a.text)
	}
	s.answering(t, hit)
	if post(t, server.URL+predictPage, typeJSON, good); !seen(&g.lastHit) || !seen(&g.lastAnswer) {
		t.Error("the hit was not seen")
	}
	for _, there := range []bool{true, false} {
		g.options.Cache = func() bool { return there }
		if is := g.cacheAvailable(); is == nil || *is != there {
			t.Errorf("a cache that says %v of itself: %v", there, is)
		}
	}
}
