package jetstream_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"foxhunt/jetstream"
	"foxhunt/jetstream/jetstreamtest"
)

// hearing answers questions until the test ends.
func hearing(t *testing.T, c *jetstream.Conn, subject string, answer func([]byte) []byte) *jetstream.Questions {
	t.Helper()
	q, err := c.HearQuestions(within(t, 10*time.Second), subject, answer)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(q.Stop)
	return q
}

// TestAskStations: every station that hears the subject answers once, and no other.
func TestAskStations(t *testing.T) {
	t.Parallel()
	s := jetstreamtest.Start(t)
	for _, station := range []string{"a", "b", "c"} {
		hearing(t, s.Connect(t), "requests.dcf", func(q []byte) []byte { return []byte(station + " " + string(q)) })
	}
	hearing(t, s.Connect(t), "requests.dcf", func([]byte) []byte { return nil }) // says nothing
	hearing(t, s.Connect(t), "requests.other", func([]byte) []byte { return []byte("other") })
	var got []string
	err := s.Connect(t).AskStations(asking(t), "requests.dcf", []byte("now"), func(answer []byte) bool {
		got = append(got, string(answer))
		return len(got) == 3
	})
	slices.Sort(got)
	if err != nil || !slices.Equal(got, []string{"a now", "b now", "c now"}) {
		t.Errorf("answers %q, %v", got, err)
	}
}

// TestAskNobody: where no station listens that is known at once, and where fewer answer than are wanted, at the end of the time.
func TestAskNobody(t *testing.T) {
	t.Parallel()
	s := jetstreamtest.Start(t)
	c := s.Connect(t)
	take := func([]byte) bool { t.Error("an answer"); return true }
	if err := c.AskStations(asking(t), "requests.dcf", nil, take); err != nil {
		t.Error(err)
	}
	hearing(t, s.Connect(t), "requests.dcf", func(q []byte) []byte { return q })
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := c.AskStations(ctx, "requests.dcf", []byte("x"), func([]byte) bool { return false }); err != nil {
		t.Errorf("the end of the time: %v", err)
	}
}

// TestQuestionsFlood: a station that is busy with one question keeps few others, and counts what it drops.
func TestQuestionsFlood(t *testing.T) {
	t.Parallel()
	s := jetstreamtest.Start(t)
	busy := make(chan struct{})
	release := sync.OnceFunc(func() { close(busy) })
	t.Cleanup(release)
	var mu sync.Mutex
	heard := 0
	q := hearing(t, s.Connect(t), "requests.dcf", func([]byte) []byte {
		<-busy
		mu.Lock()
		defer mu.Unlock()
		heard++
		return nil
	})
	c := s.Connect(t)
	const flood = 1000
	for range flood {
		if err := c.PublishPlain("requests.dcf", []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	waitFor(t, "dropping", func() bool { return q.Dropped() >= flood-66 })
	release()
	waitFor(t, "hearing the rest", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return heard+int(q.Dropped()) == flood
	})
	if heard > 66 {
		t.Errorf("%d of %d were heard; want 64 that wait, and one in hand", heard, flood)
	}
}

// TestQuestionsRefused: who may not hear a subject, or ask on it, is told.
func TestQuestionsRefused(t *testing.T) {
	t.Parallel()
	url := startServer(t, &server.Options{Users: []*server.User{{Username: "st", Password: "pw", Permissions: &server.Permissions{
		Publish:   &server.SubjectPermission{Allow: []string{"captures.dcf.st"}},
		Subscribe: &server.SubjectPermission{Allow: []string{"requests.dcf", "_INBOX.>"}},
	}}}})
	c := connect(t, jetstream.Options{URL: "nats://st:pw@" + url[len("nats://"):]})
	if _, err := c.HearQuestions(t.Context(), "requests.other", func([]byte) []byte { return nil }); code(err) != jetstream.CodeRefused {
		t.Errorf("hearing another network's requests: %v", err)
	}
	hearing(t, c, "requests.dcf", func([]byte) []byte { return nil })
	if err := c.AskStations(asking(t), "requests.dcf", []byte("x"), func([]byte) bool { return true }); code(err) != jetstream.CodeRefused {
		t.Errorf("asking without the right to: %v", err)
	}
}
