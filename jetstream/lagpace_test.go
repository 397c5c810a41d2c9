package jetstream_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"foxhunt/jetstream"
)

// reading is a reading of the lag so many seconds after the first.
func reading(seconds float64, arrived, total uint64) *jetstream.Lag {
	return &jetstream.Lag{
		Time:    time.Unix(1e9, 0).Add(time.Duration(seconds * float64(time.Second))),
		Arrived: arrived, Completed: arrived - total, Total: total,
	}
}

func TestPace(t *testing.T) {
	var tracker jetstream.LagTracker
	add := func(seconds float64, arrived, total uint64) *jetstream.Pace {
		lag := reading(seconds, arrived, total)
		tracker.Add(lag)
		return lag.Pace
	}
	if p := add(0, 1000, 600); p != nil {
		t.Errorf("a pace from one reading: %+v", p)
	}
	if p := add(5, 1050, 550); p == nil || p.Arriving != 10 || p.Completing != 20 || p.Drain == nil || *p.Drain != 55 {
		t.Errorf("10/s come, 20/s go, 550 wait: %+v", p)
	}
	if p := add(5, 1050, 550); p != nil {
		t.Errorf("a pace from no time: %+v", p)
	}
	if p := add(10, 1200, 700); p.Drain == nil || *p.Drain <= 55 || p.Arriving <= 10 || p.Arriving >= 30 || p.Completing >= 20 {
		t.Errorf("a backlog that began to grow: %+v", p)
	}
	if p := add(40, 2100, 1600); p.Drain != nil {
		t.Errorf("a backlog that has grown for half a minute: %+v", p)
	}
	for i := range 60 { // five minutes on, the averages are what it is now
		add(45+5*float64(i), 2100, 1600)
	}
	if p := add(350, 2100, 1600); p.Drain != nil && *p.Drain < 1e5 || p.Arriving > 0.01 {
		t.Errorf("a backlog that stands still: %+v", p)
	}
	if p := add(355, 2200, 0); p.Drain == nil || *p.Drain != 0 {
		t.Errorf("drained: %+v", p)
	}
	if p := add(360, 20, 10); p != nil {
		t.Errorf("a stream made anew: %+v", p)
	}
	if p := add(365, 20, 5); p == nil || p.Arriving != 0 || p.Completing != 1 || *p.Drain != 5 {
		t.Errorf("after it: %+v", p)
	}
}

// TestPaceSmoothing wants a burst forgotten after two minutes and felt for half of one.
func TestPaceSmoothing(t *testing.T) {
	var tracker jetstream.LagTracker
	arrived := uint64(100)
	at := func(seconds float64) *jetstream.Pace {
		lag := reading(seconds, arrived, 1)
		tracker.Add(lag)
		return lag.Pace
	}
	at(0)
	for s := 1.0; s <= 60; s++ {
		arrived += 100
		at(s)
	}
	if p := at(60 + 30*math.Ln2); math.Abs(p.Arriving-50) > 1e-6 {
		t.Errorf("%v captures/s are left of 100; want half", p.Arriving)
	}
	if p := at(180); p.Arriving > 2 {
		t.Errorf("%v captures/s are left of 100 after two minutes", p.Arriving)
	}
}

// TestPaceLongAfter reads for a day a few captures that stay, after a backlog that went: what is left of its pace must not
// become a time of astronomical length, nor a number that JSON has none for.
func TestPaceLongAfter(t *testing.T) {
	var tracker jetstream.LagTracker
	tracker.Add(reading(0, 5000, 5000))
	for s := 1.0; s <= 24*3600; s++ {
		lag := reading(s, 5000, uint64(max(5, 5000-100*s)))
		tracker.Add(lag)
		if _, err := json.Marshal(lag); err != nil {
			t.Fatalf("after %v s: %v", s, err)
		}
		switch p := lag.Pace; {
		case s < 50 && (p.Drain == nil || *p.Drain > 100):
			t.Fatalf("100 a second go; after %v s %+v", s, p)
		case p.Drain != nil && !(*p.Drain >= 0 && *p.Drain <= 7*24*3600):
			t.Fatalf("after %v s the last five take %v s", s, *p.Drain)
		case s > 600 && (p.Drain != nil || p.Completing != 0 || p.Arriving != 0):
			t.Fatalf("after %v s nothing has moved for long: %+v", s, p)
		}
	}
}

// TestSlowDrain wants a time of a backlog that shrinks by one capture in ten seconds, and none of one that would take a month.
func TestSlowDrain(t *testing.T) {
	for _, c := range []struct {
		total uint64
		known bool
	}{{10_000, true}, {300_000, false}} {
		var tracker jetstream.LagTracker
		var lag *jetstream.Lag
		for i := range uint64(100) {
			lag = reading(10*float64(i), c.total, c.total-i)
			tracker.Add(lag)
		}
		if p := lag.Pace; (p.Drain != nil) != c.known || c.known && math.Abs(*p.Drain-10*float64(lag.Total)) > 1 {
			t.Errorf("%d captures wait, one goes in ten seconds: %+v", lag.Total, p)
		}
	}
}

// TestDeadHeld wants captures believed dead only after three readings that say so.
func TestDeadHeld(t *testing.T) {
	var tracker jetstream.LagTracker
	var got []uint64
	for i, dead := range []uint64{5, 5, 7, 0, 9, 3, 4, 4} {
		lag := reading(float64(i), 100, 50)
		lag.Dead = dead
		tracker.Add(lag)
		got = append(got, lag.Dead)
	}
	for i, want := range []uint64{0, 0, 5, 0, 0, 0, 3, 3} {
		if got[i] != want {
			t.Fatalf("dead %v", got)
		}
	}
}

// TestPaceJSON wants null for a backlog that never drains, as JSON knows no infinity.
func TestPaceJSON(t *testing.T) {
	var tracker jetstream.LagTracker
	tracker.Add(reading(0, 10, 5))
	lag := reading(1, 12, 7)
	tracker.Add(lag)
	b, err := json.Marshal(lag)
	if err != nil || !strings.Contains(string(b), `"pace":{"arriving_per_second":2,"completing_per_second":0,"drain_seconds":null}`) {
		t.Errorf("%s, %v", b, err)
	}
}
