package main

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"foxhunt/messages"
	"foxhunt/metrics"
	"foxhunt/station/cutter"
	"foxhunt/station/requests"
)

// station is a station's desk that hears requests for network dcf until the test ends, and tells what it takes.
func (h *house) station(t *testing.T, name string, r requests.Receiver) (taken chan cutter.Request) {
	t.Helper()
	taken = make(chan cutter.Request, 8)
	desk := requests.New(requests.Options{Station: name, Receiver: func() requests.Receiver { return r }, Take: func(q cutter.Request) error { taken <- q; return nil }})
	heard, err := h.server.Connect(t).HearQuestions(t.Context(), "requests.dcf", desk.Answer)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(heard.Stop)
	return taken
}

func dcf77() requests.Receiver {
	return requests.Receiver{Frequency: 77500, SampleRate: 12e3, SampleBytes: 4, Keep: 10 * time.Second, ClockSigma: 25 * time.Microsecond}
}

// requested waits for what a station takes.
func requested(t *testing.T, taken chan cutter.Request) cutter.Request {
	t.Helper()
	select {
	case q := <-taken:
		return q
	case <-time.After(patience):
		t.Fatal("the station has taken no request")
		panic("not reached")
	}
}

func TestCapture(t *testing.T) {
	h := newHouse(t)
	one := h.station(t, "ST1", dcf77())
	fixed := dcf77()
	fixed.Frequency = 9e6
	two := h.station(t, "ST2", fixed)
	if err := h.conn.PublishPlain("requests.dcf", []byte("no request")); err != nil { // which stations refuse, and nobody hears
		t.Fatal(err)
	}
	before := time.Now()
	out := must(t, "capture", "--nats", h.server.ClientURL(), "--network", "dcf", "--freq", "77500", "--length", "1.5s", "--timeout", "1s")
	q := requested(t, one)
	if q.Frequency != 77500 || q.Length != 1500*time.Millisecond || q.At.Before(before.Add(2*time.Second)) || q.At.After(time.Now().Add(2*time.Second)) {
		t.Errorf("ST1 is to make %+v", q)
	}
	for _, want := range []string{"event " + q.Event + ": 77500 Hz", "for 1.5s", "ST1      accepted     12000 Hz  ±25µs", "ST2      not_tunable", "it hears 9000000 Hz"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing from\n%s", want, out)
		}
	}
	if len(two) > 0 {
		t.Errorf("ST2 is to make %+v", <-two)
	}
}

// TestCaptureWaits: the fix of the event is shown, and no other.
func TestCaptureWaits(t *testing.T) {
	h := newHouse(t)
	taken := h.station(t, "ST1", dcf77())
	go func() {
		q := <-taken
		for _, event := range []string{"another", q.Event} {
			fix := messages.Fix{Version: 1, CaptureID: messages.NewCaptureID(), Event: event, Network: "dcf", Source: "event", Frequency: 77500,
				Time: messages.InstantOf(q.At), Timestamp: messages.InstantOf(time.Now()), Position: messages.Position{Latitude: 50.0156, Longitude: 9.0108},
				Uncertainty: messages.Uncertainty{SigmaX: 1e3, SigmaY: 1e3, ConfidenceInterval: 0.95, SemiMajor: 2448, SemiMinor: 2448, Area: 1.88e7}, Confidence: 1}
			body, err := fix.Encode("")
			if err != nil {
				t.Error(err)
			}
			if _, err := h.js.Publish(context.Background(), "fixes.dcf.event", body); err != nil {
				t.Error(err)
			}
		}
	}()
	out := must(t, "capture", "--nats", h.server.ClientURL(), "--network", "dcf", "--freq", "77500", "--at", "-3s", "--timeout", "500ms", "--wait", "1m", "--json")
	var result captureResult
	if err := json.Unmarshal([]byte(out), &result); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	if result.Fix == nil || result.Fix.Event != result.Request.Event || len(result.Answers) != 1 || !result.Answers[0].Accepted || result.Answers[0].Event != result.Request.Event {
		t.Errorf("the result is %s", out)
	}
}

// TestCaptureFails: by its exit code a script knows whether to try again.
func TestCaptureFails(t *testing.T) {
	h := newHouse(t)
	ask := func(args ...string) error {
		_, err := command(t.Context(), append([]string{"capture", "--nats", h.server.ClientURL(), "--network", "dcf", "--timeout", "500ms"}, args...)...)
		return err
	}
	if err := ask("--freq", "77500"); err == nil || exitCode(err) != exitPassing || !strings.Contains(err.Error(), "no station of network dcf has answered") {
		t.Errorf("nobody listens: %v", err)
	}
	h.station(t, "ST1", dcf77())
	if err := ask("--freq", "145.5e6"); err == nil || exitCode(err) != 1 || !strings.Contains(err.Error(), "none of the 1 stations") {
		t.Errorf("all refuse: %v", err)
	}
	if err := ask("--freq", "77500", "--at", "-2s", "--wait", "200ms"); err == nil || exitCode(err) != exitPassing || !strings.Contains(err.Error(), "no fix of event") {
		t.Errorf("no fix: %v", err)
	}
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"--freq", "0"}, "frequency is 0"},
		{[]string{"--freq", "77500", "--network", "a.b"}, "network"},
		{[]string{"--freq", "77500", "--at", "noon"}, `at is "noon"; want a time such as`},
		{[]string{"--freq", "77500", "--length", "1h"}, "length_s is 3600"},
		{[]string{"--freq", "77500", "--timeout", "0s"}, "timeout is 0s; want more than 0"},
	} {
		if err := ask(c.args...); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%q: %v; want %q", c.args, err, c.says)
		}
	}
}

// TestCaptureStrangers: what anybody may answer does not act on the terminal, and one station counts once.
func TestCaptureStrangers(t *testing.T) {
	h := newHouse(t)
	h.station(t, "ST1", dcf77())
	evil := messages.Answer{Version: 1, Station: "ST2", Code: "no", Reason: "\x1b[2J"}
	body, err := evil.Encode()
	if err != nil {
		t.Fatal(err)
	}
	for _, answer := range [][]byte{body, body, []byte("{"), make([]byte, 1<<20)} {
		heard, err := h.server.Connect(t).HearQuestions(t.Context(), "requests.dcf", func([]byte) []byte { return answer })
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(heard.Stop)
	}
	out := must(t, "capture", "--nats", h.server.ClientURL(), "--network", "dcf", "--freq", "77500", "--timeout", "1s")
	if strings.Contains(out, "\x1b") || strings.Count(out, "ST2") != 1 || strings.Count(out, "accepted") != 1 {
		t.Errorf("it shows\n%q", out)
	}
}

// TestAskedCounts: a station's metrics have every request, those that it leaves unanswered too.
func TestAskedCounts(t *testing.T) {
	h := newHouse(t)
	if c := (*askedRequests)(nil).counts(); c != (metrics.RequestCounts{}) {
		t.Errorf("before any are heard: %+v", c)
	}
	desk := requests.New(requests.Options{Station: "ST1", Receiver: dcf77, Take: func(cutter.Request) error { return nil }})
	questions, err := h.conn.HearQuestions(t.Context(), "requests.dcf", desk.Answer)
	if err != nil {
		t.Fatal(err)
	}
	defer questions.Stop()
	asked := &askedRequests{desk, questions}
	must(t, "capture", "--nats", h.server.ClientURL(), "--network", "dcf", "--freq", "77500", "--timeout", "200ms")
	const flood = 30
	for range flood {
		if err := h.conn.PublishPlain("requests.dcf", []byte("no request")); err != nil {
			t.Fatal(err)
		}
	}
	waitFor(t, "the flood's counts", func() bool {
		c := asked.counts()
		return c.Accepted == 1 && c.Malformed >= 1 && c.Limited >= 1 && c.Malformed+c.Limited == flood
	})
}
