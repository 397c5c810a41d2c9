package gateway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"foxhunt/messages"
)

func TestOptions(t *testing.T) {
	for _, o := range []Options{{InFlight: MaxBatch - 1}, {Deadline: -1}} {
		if _, err := New(&streams{}, o); err == nil {
			t.Errorf("%+v makes a gateway", o)
		}
	}
	g, err := New(&streams{}, Options{})
	if err != nil || g.options.Deadline != DefaultDeadline || g.options.InFlight != DefaultInFlight {
		t.Errorf("without options: %+v, %v", g, err)
	}
}

// TestAnswers expects each way in which a capture can end as the status that it should have.
func TestAnswers(t *testing.T) {
	for _, c := range []struct {
		answer func(subject, id string) Message
		status int
		code   string
	}{
		{func(subject, id string) Message { return fixOf(t, subject, id) }, 200, ""},
		{func(subject, id string) Message { return deadOf(subject, id, "bad_samples", "sample 3") }, 400, "bad_samples"},
		{func(subject, id string) Message { return deadOf(subject, id, "too_large", "no") }, 413, "too_large"},
		{func(subject, id string) Message { return deadOf(subject, id, "ellipse_too_large", "no") }, 422, "ellipse_too_large"},
		{func(subject, id string) Message { return deadOf(subject, id, "gave_up", "no") }, 500, "gave_up"},
		{func(subject, id string) Message { return deadOf(subject, id, "max_deliveries", "no") }, 500, "max_deliveries"},
		{func(subject, id string) Message { m := fixOf(t, subject, id); m.Data = []byte("{"); return m }, 500, CodeInternal},
		{func(subject, id string) Message {
			m := fixOf(t, subject, id)
			m.Data = fixOf(t, subject, "another").Data
			return m
		}, 500, CodeInternal},
		{func(subject, id string) Message {
			m := deadOf(subject, id, "x", "y")
			delete(m.Header, messages.DeadTimeHeader)
			return m
		}, 500, CodeInternal},
	} {
		s := &streams{}
		_, server := serve(t, s.answering(t, c.answer), nil)
		if a := post(t, server.URL+predictPage, typeJSON, good); a.status != c.status || a.Code != c.code {
			t.Errorf("%d %s; want %d %s", a.status, a.text, c.status, c.code)
		}
	}
}

// TestForeignMessages lets pass what somebody else's captures get, and what only looks like an answer.
func TestForeignMessages(t *testing.T) {
	s := &streams{}
	s.answering(t, func(subject, id string) Message {
		s.handle(fixOf(t, subject, messages.NewCaptureID()))
		s.handle(fixOf(t, "captures.other.http", id))
		forged := fixOf(t, subject, id)
		forged.Subject = "fixes.other.http"
		s.handle(forged)
		letter := deadOf(subject, id, "forged", "by who may publish fixes")
		letter.Subject = "fixes.http.http"
		s.handle(letter)
		s.handle(deadOf("captures.other.http", id, "foreign", ""))
		s.handle(Message{Subject: "dead.captures.invalid"})
		s.handle(Message{})
		return fixOf(t, subject, id)
	})
	g, server := serve(t, s, nil)
	if a := post(t, server.URL+predictPage, typeJSON, good); a.status != 200 {
		t.Errorf("%d %s", a.status, a.text)
	}
	if n := len(g.waiters.byFix); n != 0 {
		t.Errorf("%d are still waited for", n)
	}
}

// TestGap expects an answer that passed unheard to be looked for as soon as the gap is known.
func TestGap(t *testing.T) {
	s := &streams{}
	s.publish = func(_ context.Context, subject, id string, _ []byte) (bool, error) {
		s.store(id, fixOf(t, subject, id))
		s.mu.Lock()
		s.gaps++
		s.mu.Unlock()
		return false, nil
	}
	_, server := serve(t, s, nil)
	if a := post(t, server.URL+predictPage, typeJSON, good); a.status != 200 || s.searched != 1 {
		t.Errorf("%d %s after %d searches", a.status, a.text, s.searched)
	}
	s.publish = func(_ context.Context, subject, id string, _ []byte) (bool, error) {
		s.store(id, deadOf(subject, id, "bad_samples", "no"))
		return true, nil // the stream had this capture before: its answer may be long there
	}
	if a := post(t, server.URL+predictPage, typeJSON, good); a.status != 400 || a.Code != "bad_samples" {
		t.Errorf("%d %s", a.status, a.text)
	}
}

// TestDuplicateElsewhere says that a capture was not stored because another subject has one of its id.
func TestDuplicateElsewhere(t *testing.T) {
	for _, m := range []func(id string) Message{
		func(id string) Message { return fixOf(t, "captures.other.http", id) },
		func(id string) Message { return deadOf("captures.http.other", id, "bad_samples", "no") },
	} {
		s := &streams{}
		s.publish = func(_ context.Context, _, id string, _ []byte) (bool, error) {
			s.store(id, m(id))
			return true, nil
		}
		_, server := serve(t, s, nil)
		if a := post(t, server.URL+predictPage, typeJSON, good); a.status != 409 || a.Code != CodeDuplicateID {
			t.Errorf("%d %s", a.status, a.text)
		}
	}
}

// TestNetworkOfTheQuery stands for what a body does not say.
func TestNetworkOfTheQuery(t *testing.T) {
	s := &streams{}
	var subjects []string
	s.answering(t, func(subject, id string) Message {
		subjects = append(subjects, subject)
		return fixOf(t, subject, id)
	})
	_, server := serve(t, s, nil)
	for _, body := range []string{good, strings.Replace(good, "{", `{"network":"own",`, 1)} {
		if a := post(t, server.URL+predictPage+"?network=n", typeJSON, body); a.status != 200 {
			t.Errorf("%d %s", a.status, a.text)
		}
	}
	if want := []string{"captures.n.http", "captures.own.http"}; !slices.Equal(subjects, want) {
		t.Errorf("published on %s; want %s", subjects, want)
	}
}

// TestSearchFails goes on waiting when a search fails, and says why where a search is all that there is.
func TestSearchFails(t *testing.T) {
	s := &streams{searchErr: &Failure{"server_error", "no"}}
	s.publish = func(_ context.Context, subject, id string, _ []byte) (bool, error) {
		time.AfterFunc(time.Millisecond, func() { s.handle(fixOf(t, subject, id)) })
		return true, nil
	}
	_, server := serve(t, s, nil)
	if a := post(t, server.URL+predictPage, typeJSON, good); a.status != 200 {
		t.Errorf("%d %s", a.status, a.text)
	}
	for code, status := range map[string]int{"server_error": 503, "search_too_long": 400, "timeout": 504} {
		s.searchErr = &Failure{code, "no"}
		response, err := http.Get(server.URL + "/api/v1/fixes/" + messages.NewCaptureID())
		if err != nil {
			t.Fatal(err)
		}
		if a := read(t, response); a.status != status || a.Code != code {
			t.Errorf("%s: %d %s", code, a.status, a.text)
		}
	}
}

func TestPublishFails(t *testing.T) {
	for code, status := range map[string]int{
		"station_over_limit": 429, "stream_full": 503, "no_stream": 503, "not_connected": 503, "refused": 503, "too_large": 413, "timeout": 504,
	} {
		s := &streams{publish: func(context.Context, string, string, []byte) (bool, error) { return false, &Failure{code, "because"} }}
		_, server := serve(t, s, nil)
		a := post(t, server.URL+predictPage, typeJSON, good)
		if a.status != status || a.Code != code || (a.header.Get("Retry-After") != "") != (status == 429 || status >= 503) {
			t.Errorf("%s: %d %v %s", code, a.status, a.header, a.text)
		}
		if (a.FixURL != "") != (code == "timeout") {
			t.Errorf("%s: %s", code, a.text)
		}
	}
	s := &streams{publish: func(context.Context, string, string, []byte) (bool, error) { return false, errors.New("secret") }}
	var log bytes.Buffer
	_, server := serve(t, s, func(o *Options) { o.Log = slog.New(slog.NewTextHandler(&log, nil)) })
	if a := post(t, server.URL+predictPage, typeJSON, good); a.status != 500 || a.Code != CodeInternal || strings.Contains(a.text, "secret") {
		t.Errorf("%d %s", a.status, a.text)
	}
	if !strings.Contains(log.String(), "secret") {
		t.Errorf("the log is %s", log.String())
	}
}

// TestDeadline answers in time what nobody answers, and says where the fix will be.
func TestDeadline(t *testing.T) {
	_, server := serve(t, &streams{}, func(o *Options) { o.Deadline = 20 * time.Millisecond })
	a := post(t, server.URL+predictPage, typeJSON, good)
	if a.status != 504 || a.Code != CodeTimeout || a.FixURL != "/api/v1/fixes/"+a.CaptureID+"?network=http&source=http" {
		t.Errorf("%d %s", a.status, a.text)
	}
	c := messages.Capture{Version: 1, ID: messages.NewCaptureID(), Frequency: 1, Receivers: []messages.Receiver{{
		Station: "ST1", Latitude: 1, StartTime: 1, SampleRate: 1e3, Format: messages.CU8, IQ: []byte{1, 2}}}}
	data, err := c.Encode(nil)
	if err != nil {
		t.Fatal(err)
	}
	a = post(t, server.URL+predictPage+"?network=n", typeMsgpack, string(data))
	if a.status != 504 || a.CaptureID != c.ID || !strings.Contains(a.FixURL, "?network=n&since=20") || !strings.HasSuffix(a.FixURL, "&source=ST1") {
		t.Errorf("%d %s", a.status, a.text)
	}
}

// TestInFlight refuses what is over the limit, and takes the next once there is room.
func TestInFlight(t *testing.T) {
	s := &streams{}
	held := make(chan struct{})
	s.publish = func(_ context.Context, subject, id string, _ []byte) (bool, error) {
		<-held
		s.handle(fixOf(t, subject, id))
		return false, nil
	}
	_, server := serve(t, s, nil)
	batch := `{"samples":[` + strings.Repeat(good+",", MaxBatch-1) + good + `]}`
	var waiting sync.WaitGroup
	waiting.Go(func() {
		if a := post(t, server.URL+batchPage, typeJSON, batch); a.status != 200 || strings.Contains(a.text, "error") {
			t.Errorf("%d %.300s", a.status, a.text)
		}
	})
	for deadline := time.Now().Add(10 * time.Second); ; {
		s.mu.Lock()
		n := len(s.published)
		s.mu.Unlock()
		if n == MaxBatch {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d are in flight", n)
		}
		time.Sleep(time.Millisecond)
	}
	for _, page := range []string{predictPage, batchPage} {
		body := good
		if page == batchPage {
			body = `{"samples":[` + good + `]}`
		}
		if a := post(t, server.URL+page, typeJSON, body); a.status != 429 || a.Code != CodeTooManyRequests || a.header.Get("Retry-After") != "1" {
			t.Errorf("%d %s", a.status, a.text)
		}
	}
	close(held)
	waiting.Wait()
	if a := post(t, server.URL+predictPage, typeJSON, good); a.status != 200 {
		t.Errorf("%d %s", a.status, a.text)
	}
}

// TestBodies refuses bodies by their type and size, before and while they are read.
func TestBodies(t *testing.T) {
	g, server := serve(t, &streams{}, nil)
	for _, c := range []struct {
		contentType, body string
		status            int
		code              string
	}{
		{"", good, 415, messages.CodeBadContentType},
		{"text/plain", good, 415, messages.CodeBadContentType},
		{"application/json; charset", good, 415, messages.CodeBadContentType},
		{typeJSON, "", 400, messages.CodeEmpty},
		{typeMsgpack, "", 400, messages.CodeEmpty},
		{typeMsgpack, "\x80", 400, messages.CodeMissingField},
		{typeMsgpack, strings.Repeat("x", messages.MaxCaptureBytes+1), 413, messages.CodeTooLarge},
		{typeJSON, strings.Repeat(" ", MaxBodyBytes+1), 413, messages.CodeTooLarge},
	} {
		if a := post(t, server.URL+predictPage, c.contentType, c.body); a.status != c.status || a.Code != c.code {
			t.Errorf("%s, %d bytes: %d %s", c.contentType, len(c.body), a.status, a.text)
		}
	}
	// of a size that is not told
	request, _ := http.NewRequest(http.MethodPost, server.URL+predictPage, struct{ *strings.Reader }{strings.NewReader(strings.Repeat(" ", MaxBodyBytes+1))})
	request.ContentLength = -1
	request.Header.Set("Content-Type", typeJSON)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	if a := read(t, response); a.status != 413 {
		t.Errorf("%d %s", a.status, a.text)
	}
	request, _ = http.NewRequest(http.MethodPost, server.URL+predictPage, strings.NewReader(good))
	request.Header.Set("Content-Type", typeJSON)
	request.Header.Set("Content-Encoding", "gzip")
	if response, err = http.DefaultClient.Do(request); err != nil {
		t.Fatal(err)
	}
	if a := read(t, response); a.status != 415 {
		t.Errorf("%d %s", a.status, a.text)
	}
	if !g.bodies.TryAcquire(bodyBudget) {
		t.Error("refused bodies hold on to their room")
	}
	if a := post(t, server.URL+predictPage, typeJSON, good); a.status != 429 {
		t.Errorf("without room: %d %s", a.status, a.text)
	}
}

// TestBodiesUntilPublished counts a body until its capture is with NATS, and no longer.
func TestBodiesUntilPublished(t *testing.T) {
	s := &streams{}
	g, server := serve(t, s, nil)
	free := func() bool {
		ok := g.bodies.TryAcquire(bodyBudget)
		if ok {
			g.bodies.Release(bodyBudget)
		}
		return ok
	}
	s.publish = func(_ context.Context, subject, id string, _ []byte) (bool, error) {
		if free() {
			t.Error("a body that is being published takes no room")
		}
		go func() {
			for deadline := time.Now().Add(5 * time.Second); !free() && time.Now().Before(deadline); time.Sleep(time.Millisecond) {
			}
			if !free() {
				t.Error("a capture that is published still takes room")
			}
			s.handle(fixOf(t, subject, id))
		}()
		return false, nil
	}
	if a := post(t, server.URL+predictPage, typeJSON, good); a.status != 200 {
		t.Errorf("%d %s", a.status, a.text)
	}
	s.pulls = func() (int, int, error) { return 0, 0, nil }
	g.workers.known.Store(nil)
	if a := post(t, server.URL+predictPage, typeJSON, good); a.status != 503 || !free() {
		t.Errorf("%d %s; room given back: %v", a.status, a.text, free())
	}
}

func TestBatchFaults(t *testing.T) {
	_, server := serve(t, &streams{}, nil)
	for _, c := range []struct{ body, code, pointer string }{
		{`{}`, messages.CodeMissingField, "#/samples"},
		{`{"samples":[]}`, CodeBadBatch, "#/samples"},
		{`{"samples":[` + strings.Repeat(`1,`, MaxBatch) + `1]}`, CodeBadBatch, "#/samples/100"},
		{`{"samples":[{]}`, CodeNotJSON, "#/samples/0"},
		{`{"samples":[1],"samples":[1]}`, messages.CodeDuplicateKey, "#/samples"},
		{`{"sample":[1]}`, CodeUnknownField, "#/sample"},
		{`{"samples":{}}`, messages.CodeBadType, "#/samples"},
		{`{"samples":[1]} x`, CodeNotJSON, ""},
		{`{"samples":[` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `]}`, CodeNotJSON, ""},
	} {
		a := post(t, server.URL+batchPage, typeJSON, c.body)
		if a.status != 400 || a.Code != c.code || !strings.HasPrefix(a.Pointer, c.pointer) {
			t.Errorf("%.60s: %d %s", c.body, a.status, a.text)
		}
	}
	if a := post(t, server.URL+batchPage, typeMsgpack, "\x80"); a.status != 415 {
		t.Errorf("msgpack: %d %s", a.status, a.text)
	}
	if a := post(t, server.URL+batchPage+"?x=1", typeJSON, "{}"); a.status != 400 || a.Code != CodeBadParameter {
		t.Errorf("a parameter: %d %s", a.status, a.text)
	}
}

// TestPanic survives a fault of its own.
func TestPanic(t *testing.T) {
	s := &streams{publish: func(context.Context, string, string, []byte) (bool, error) { panic("a fault") }}
	observed := &observer{}
	_, server := serve(t, s, func(o *Options) { o.Observer = observed })
	if a := post(t, server.URL+predictPage, typeJSON, good); a.status != 500 || a.Code != CodeInternal {
		t.Errorf("%d %s", a.status, a.text)
	}
	if a := post(t, server.URL+batchPage, typeJSON, `{"samples":[`+good+`]}`); a.status != 200 || !strings.Contains(a.text, `"internal"`) {
		t.Errorf("%d %s", a.status, a.text)
	}
	if want := fmt.Sprint([]string{"+1", "-1", predictPage + " 500", "+1", "-1", batchPage + " 200"}); observed.String() != want {
		t.Errorf("observed %s; want %s", observed, want)
	}
}

// observer writes down what it hears.
type observer struct {
	mu   sync.Mutex
	list []string
}

func (o *observer) add(s string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.list = append(o.list, s)
}

func (o *observer) InFlight(delta int) { o.add(fmt.Sprintf("%+d", delta)) }
func (o *observer) Answered(route string, status int, _ time.Duration) {
	o.add(fmt.Sprint(route, " ", status))
}

func (o *observer) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return fmt.Sprint(o.list)
}

// TestClientGone counts apart what nobody waited for.
func TestClientGone(t *testing.T) {
	observed := &observer{}
	published := make(chan struct{})
	s := &streams{publish: func(context.Context, string, string, []byte) (bool, error) { close(published); return false, nil }}
	_, server := serve(t, s, func(o *Options) { o.Observer = observed })
	ctx, cancel := context.WithCancel(t.Context())
	request, _ := http.NewRequestWithContext(ctx, http.MethodPost, server.URL+predictPage, strings.NewReader(good))
	request.Header.Set("Content-Type", typeJSON)
	go func() {
		<-published
		cancel()
	}()
	if response, err := http.DefaultClient.Do(request); err == nil {
		response.Body.Close()
		t.Error("there was an answer")
	}
	for deadline := time.Now().Add(10 * time.Second); !strings.Contains(observed.String(), "499"); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("observed %s", observed)
		}
	}
}
