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

// TestLiveEventsAreTimed: recordings of years ago, and what a wrong clock says, are no times from the first sample to the fix.
func TestLiveEventsAreTimed(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		starts time.Duration // before now
		timed  bool
	}{
		"live":                     {2 * time.Second, true},
		"a little late":            {50 * time.Second, true},
		"from a spool":             {20 * time.Minute, false},
		"a recording of years ago": {6 * 365 * 24 * time.Hour, false},
		"a clock that is ahead":    {-30 * time.Second, false},
		"a clock of a coming year": {-365 * 24 * time.Hour, false},
	} {
		m := startMeeting(t, nil)
		start := time.Now().Add(-c.starts).UnixNano()
		for _, station := range []string{"A", "B", "C"} {
			m.deliver(t, m.part(t, station, func(c *messages.Capture) { c.Receivers[0].StartTime = start }))
		}
		m.publisher.only(t)
		m.stop()
		m.counts.with(func() {
			if timed := len(m.counts.firstToFix) == 1; timed != c.timed || timed && m.counts.firstToFix[0] < c.starts {
				t.Errorf("%s: timed %v", what, m.counts.firstToFix)
			}
		})
	}
}
