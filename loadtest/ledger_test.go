package loadtest

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"foxhunt/jetstream"
	"foxhunt/jetstream/jetstreamtest"
	"foxhunt/messages"
)

// TestOneLostCaptureHidesNoOther: the time for looking is shared by all captures without an answer.
func TestOneLostCaptureHidesNoOther(t *testing.T) {
	t.Parallel()
	d := newDeployment()
	d.fail = func(int) error { return &Failure{CodeTimeout, "too slow"} }
	target := &oneLost{deployment: d}
	o := tolerant(DefaultOptions())
	o.Users, o.Requests, o.Timeout = 1, 4, 300*time.Millisecond
	report, err := Run(t.Context(), target, base(t), o, quiet)
	if err != nil {
		t.Fatal(err)
	}
	if l := report.Ledger; l.Late != 3 || l.Unanswered != 1 {
		t.Errorf("ledger %+v; want three late and one unanswered", l)
	}
}

// oneLost never finds the first capture that it is asked for.
type oneLost struct {
	*deployment
	lost string
}

func (o *oneLost) Late(ctx context.Context, id string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.lost == "" {
		o.lost = id
	}
	return ctx.Err() == nil && id != o.lost
}

// TestUnknownFatesAreNotRefusals: where the capture may have been stored, a failure does not settle what became of it.
func TestUnknownFatesAreNotRefusals(t *testing.T) {
	t.Parallel()
	for code, open := range map[string]int{
		CodeTimeout: 1, "no_answer": 1, "bad_answer": 1, "wrong_fix": 1, "not_connected": 1, "internal": 1, "server_error": 1, "http_502": 1,
		"unreachable": 0, "no_worker": 0, "station_over_limit": 0, "too_few_receivers": 0, "gave_up": 0, "duplicate_id": 0,
	} {
		d := newDeployment()
		d.lag = 3
		d.fail = func(int) error { return &Failure{code, "no"} }
		o := tolerant(DefaultOptions())
		o.Users, o.Requests, o.Timeout = 1, 1, 10*time.Millisecond
		report, err := Run(t.Context(), d, base(t), o, quiet)
		if err != nil {
			t.Fatal(err)
		}
		if l := report.Ledger; l.Unanswered != open || l.Refused != 1-open || *l.Waiting != open {
			t.Errorf("%s: ledger %+v; want %d unanswered, and as many that may wait", code, l, open)
		}
	}
}

// TestHTTPFates: what a gateway answers, then and later, when asked where it said.
func TestHTTPFates(t *testing.T) {
	const place = "/api/v1/fixes/1?network=n&source=s"
	say := func(status int, code, place string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) {
			w.WriteHeader(status)
			_ = json.NewEncoder(w).Encode(map[string]any{"code": code, "detail": "so it is", "fix_url": place})
		}
	}
	hangUp := func(http.ResponseWriter) { panic(http.ErrAbortHandler) }
	for _, c := range []struct {
		name         string
		first, later func(http.ResponseWriter)
		code, asked  string
		found        bool
	}{
		{"a fix", say(504, "timeout", place), say(200, "", ""), "timeout", place, true},
		{"a dead letter of a bad capture", say(504, "timeout", place), say(400, "no_overlap", ""), "timeout", place, true},
		{"one of no place", say(504, "timeout", place), say(422, "beyond_horizon", ""), "timeout", place, true},
		{"one of a bad worker", say(504, "timeout", place), say(500, "gave_up", ""), "timeout", place, true},
		{"none", say(504, "timeout", place), say(404, "fix_not_found", ""), "timeout", place, false},
		{"a gateway that is lost", say(504, "timeout", place), say(500, "internal", ""), "timeout", place, false},
		{"one that cannot search", say(504, "timeout", place), say(400, "search_too_long", ""), "timeout", place, false},
		{"one that is busy", say(504, "timeout", place), say(429, "too_many_requests", ""), "timeout", place, false},
		{"one that dies", hangUp, say(200, "", ""), "no_answer", "/api/v1/fixes/1?network=n&since=", true},
		{"one behind a proxy", func(w http.ResponseWriter) { w.WriteHeader(502) }, hangUp, "http_502", "/api/v1/fixes/1?network=n&since=", false},
		{"one that sends elsewhere", say(504, "timeout", "@example.invalid/fixes/1"), say(200, "", ""), "timeout", "/api/v1/fixes/1?network=n&since=", true},
	} {
		asked := make(chan string, 1)
		gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost {
				c.first(w)
				return
			}
			select {
			case asked <- r.URL.String():
			default: // the client tries a GET again where the connection broke
			}
			c.later(w)
		}))
		h, err := NewHTTP(gateway.URL, "n", "", nil, 1)
		if err != nil {
			t.Fatal(err)
		}
		_, err = h.Locate(t.Context(), Request{ID: "1", Capture: []byte("x")})
		var failure *Failure
		if !errors.As(err, &failure) || failure.Code != c.code {
			t.Errorf("%s: %v; want %s", c.name, err, c.code)
		}
		found := h.Late(t.Context(), "1")
		if place := <-asked; found != c.found || !strings.HasPrefix(place, c.asked) {
			t.Errorf("%s: found %v, asked %s; want %v, %s", c.name, found, place, c.found, c.asked)
		}
		h.Close()
		gateway.Close()
	}
}

// TestHTTPWithoutAGateway: what was never sent cannot be lost.
func TestHTTPWithoutAGateway(t *testing.T) {
	gateway := httptest.NewServer(http.NotFoundHandler())
	gateway.Close()
	h, err := NewHTTP(gateway.URL, "n", "", nil, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	_, err = h.Locate(t.Context(), Request{ID: "1", Capture: []byte("x")})
	var failure *Failure
	if !errors.As(err, &failure) || failure.Code != codeUnreachable {
		t.Errorf("%v; want %s", err, codeUnreachable)
	}
	if h.Late(t.Context(), "1") {
		t.Error("a fix was found without a gateway")
	}
}

// TestNATSFates: a capture's second life under one id is not counted as an answer, and runs are told apart.
func TestNATSFates(t *testing.T) {
	server := jetstreamtest.Start(t)
	conn := server.Connect(t)
	n, err := NewNATS(t.Context(), conn, jetstream.DefaultTopology(), "n", "load")
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	r := Request{ID: messages.NewCaptureID(), Capture: []byte("x")}
	if _, err := conn.PublishCapture(t.Context(), "captures.n.load", r.ID, r.Capture); err != nil {
		t.Fatal(err)
	}
	_, err = n.Locate(t.Context(), r)
	var failure *Failure
	if !errors.As(err, &failure) || failure.Code != codeDuplicateID {
		t.Errorf("the same id again: %v; want %s", err, codeDuplicateID)
	}
	if lag, known := n.Lag(t.Context()); lag != 1 || !known {
		t.Errorf("lag %d, known %v; want 1", lag, known)
	}
	for range 2 {
		n.note(r.ID, false, result{})
	}
	if doubled, _ := n.Doubled(); doubled != 1 || !n.Late(t.Context(), r.ID) {
		t.Errorf("%d doubled; want 1, and that it is found", doubled)
	}
	n.Begin()
	if doubled, _ := n.Doubled(); doubled != 0 || n.Late(t.Context(), r.ID) {
		t.Errorf("%d doubled in a new run; want none, and that nothing is found", doubled)
	}
}
