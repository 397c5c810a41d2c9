package worker

import (
	"testing"

	"foxhunt/meeting"
	"foxhunt/messages"
)

// TestOneStationDoesNotChoose has a station state a session, a truth and a frequency of its own for an event of three others.
func TestOneStationDoesNotChoose(t *testing.T) {
	t.Parallel()
	at := func(latitude float64) *messages.Position { return &messages.Position{Latitude: latitude, Longitude: 8} }
	state := func(session string, truth *messages.Position) func(*messages.Capture) {
		return func(c *messages.Capture) { c.Session, c.Truth = session, truth }
	}
	for name, c := range map[string]struct {
		a, b, c func(*messages.Capture)
		session string
		truth   bool
	}{
		"all agree":                {state("s", at(45)), state("s", at(45)), state("s", at(45)), "s", true},
		"one has another session":  {state("t", nil), state("s", nil), state("s", nil), "", false},
		"one alone has a session":  {state("t", nil), state("", nil), state("", nil), "", false},
		"the last has none":        {state("s", nil), state("s", nil), state("", nil), "", false},
		"one alone knows":          {state("", nil), state("", at(45)), state("", nil), "", true},
		"one knows something else": {state("", at(46)), state("", at(45)), state("", at(45)), "", false},
		"the first knows nothing":  {state("", nil), state("", at(45)), state("", at(46)), "", false},
	} {
		m := startMeeting(t, nil)
		for station, change := range map[string]func(*messages.Capture){"A": c.a, "B": c.b, "C": c.c} {
			m.deliver(t, m.part(t, station, change))
		}
		if fix := m.publisher.only(t); fix.Session != c.session || (fix.Truth != nil) != c.truth {
			t.Errorf("%s: session %q, truth %v; want %q, and a truth: %v", name, fix.Session, fix.Truth, c.session, c.truth)
		}
	}
}

// TestOneIsUnlikeTheOthers: the first of an event has another frequency, a rate far below the others', or next to no samples. It has
// its dead letter; the fix is the others'.
func TestOneIsUnlikeTheOthers(t *testing.T) {
	t.Parallel()
	for code, change := range map[string]func(*messages.Capture){
		meeting.CodeFrequencyMismatch: func(c *messages.Capture) { c.Frequency += 5 },
		meeting.CodeRateMismatch:      func(c *messages.Capture) { c.Receivers[0].SampleRate = 1000 },
		meeting.CodeNoOverlap:         func(c *messages.Capture) { c.Receivers[0].IQ = c.Receivers[0].IQ[:16] },
	} {
		m := startMeeting(t, nil)
		d := m.part(t, "0", change)
		m.deliver(t, d)
		for _, station := range []string{"A", "B", "C"} {
			m.deliver(t, m.part(t, station, nil))
		}
		if fix := m.publisher.only(t); len(fix.Receivers) != 3 || fix.Frequency != 145e6 {
			t.Errorf("%s: the fix is of %d receivers, on %g Hz", code, len(fix.Receivers), fix.Frequency)
		}
		if v := m.deliver(t, d.again()); v != (verb{name: "term", code: code}) {
			t.Errorf("the first: %+v, want %s", v, code)
		}
	}
}
