package worker

import (
	"slices"
	"strings"
	"testing"
	"time"

	"foxhunt/messages"
)

func TestObserveFix(t *testing.T) {
	t.Parallel()
	seen := &counts{}
	l := &lane{observer: seen}
	l.observeFix(&job{
		network: "dcf", message: Message{Stored: time.Now().Add(-time.Minute)},
		fix: messages.Fix{Receivers: []messages.FixReceiver{
			{Station: "HB9ODP", Used: true, Residual: 0.5}, {Station: "pa0rdt", Residual: -2},
		}},
	})
	if seen.latency < time.Minute || seen.latency > 2*time.Minute {
		t.Errorf("the latency is %v", seen.latency)
	}
	l.observeFix(&job{network: "demo", message: Message{Stored: time.Unix(7, 0)}, fix: messages.Fix{Receivers: make([]messages.FixReceiver, 1)}})
	if len(seen.stations) != 3 || !slices.Contains(seen.stations, "demo  false 0 7") {
		t.Errorf("the stations are %q", seen.stations)
	}
}

// TestStationsOfFixesAreObserved has a capture located whole.
func TestStationsOfFixesAreObserved(t *testing.T) {
	t.Parallel()
	b := start(t, nil)
	if v := b.send(t, capture(t, nil), 1); v.name != "ack" {
		t.Fatalf("the capture ended with %+v", v)
	}
	told := false
	for deadline := time.Now().Add(30 * time.Second); !told && time.Now().Before(deadline); time.Sleep(time.Millisecond) { // after the Ack
		b.counts.with(func() { told = len(b.counts.stations) == 1 && strings.HasPrefix(b.counts.stations[0], "net st true ") })
	}
	if !told {
		t.Error("the observer was not told of the station")
	}
}

// TestNumbersAreObserved: of what a station numbered the observer hears once, by the subject it came on.
func TestNumbersAreObserved(t *testing.T) {
	t.Parallel()
	seen := &counts{}
	l := &lane{Worker: &Worker{options: Options{Observer: seen}}}
	numbered := map[string][]string{messages.SequenceHeader: {"42"}}
	l.observeNumber(Message{Subject: "captures.dcf.HB9ODP", Header: numbered, NumDelivered: 1})
	l.observeNumber(Message{Subject: "captures.dcf.HB9ODP", Header: numbered, NumDelivered: 2})
	l.observeNumber(Message{Subject: "captures.dcf.HB9ODP", NumDelivered: 1})
	replayed := map[string][]string{messages.SequenceHeader: {"42"}, messages.ReplayOfHeader: {"7"}}
	l.observeNumber(Message{Subject: "captures.dcf.HB9ODP", Header: replayed, NumDelivered: 1})
	l.observeNumber(Message{Subject: "captures.HB9ODP", Header: numbered, NumDelivered: 1})
	if want := []string{"dcf HB9ODP 42"}; !slices.Equal(seen.received, want) {
		t.Errorf("observed %q, want %q", seen.received, want)
	}
}
