package chaos

import (
	"testing"
	"time"

	"foxhunt/messages"
)

func fixOf(id string, latitude float64) *messages.Fix {
	return &messages.Fix{CaptureID: id, Network: "n", Source: "s", Position: messages.Position{Latitude: latitude}}
}

// TestLedger lets captures end in every way there is, and expects each in its column.
func TestLedger(t *testing.T) {
	l := NewLedger()
	attempt := func(id string, want Fate) {
		l.Attempt(id, "captures.n.s", want)
	}
	acked := func(id string, want Fate) {
		attempt(id, want)
		l.Acked(id)
	}
	stored := func(id string, latitude float64) { l.FixStored("fixes.n.s", fixOf(id, latitude), time.Now()) }

	acked("good", Fixed)
	l.FixPublished("fixes.n.s", fixOf("good", 1))
	stored("good", 1)
	acked("again", Fixed)
	stored("again", 1)
	stored("again", 1)
	for range 3 {
		l.FixPublished("fixes.n.s", fixOf("again", 1))
	}
	acked("bad", Dead)
	l.DeadStored("bad", "truncated", "")
	acked("missing", Fixed)
	l.FixPublished("fixes.n.s", fixOf("missing", 1)) // sent, and lost before it was stored
	acked("conflicting", Fixed)
	stored("conflicting", 1)
	l.FixPublished("fixes.n.s", fixOf("conflicting", 2))
	acked("both", Fixed)
	stored("both", 1)
	l.DeadStored("both", "max_deliveries", "")
	acked("twice dead", Dead)
	l.DeadStored("twice dead", "panic", "")
	l.DeadStored("twice dead", "panic", "")
	acked("dead in two ways", Dead)
	l.DeadStored("dead in two ways", "panic", "")
	l.DeadStored("dead in two ways", "max_deliveries", "")
	acked("unfair", Fixed)
	l.DeadStored("unfair", "max_deliveries", "")
	acked("escaped", Dead)
	stored("escaped", 1)
	attempt("refused", Fixed)
	l.Refused("refused", "stream_full")
	attempt("refused and stored", Fixed)
	l.Refused("refused and stored", "stream_full")
	stored("refused and stored", 1)
	attempt("unsure", Fixed)
	stored("nobody's", 1)
	l.DeadStored("nobody's", "x", "")
	acked("astray", Fixed)
	l.FixStored("fixes.n.other", fixOf("astray", 1), time.Now())

	tally := l.Tally()
	for _, c := range []struct {
		what       string
		have, want int
	}{
		{"published", tally.Published, 11}, {"refused", tally.Refused, 2}, {"unsure", tally.Unsure, 1},
		{"fixed", tally.Fixed, 7}, {"dead", tally.Dead, 5}, {"again", tally.Again, 2}, {"doubled", tally.Doubled, 3},
		{"missing", len(tally.Missing), 1}, {"conflicting", len(tally.Conflicting), 1}, {"both", len(tally.Both), 2},
		{"unfair", len(tally.Unfair), 2}, {"strange", len(tally.Strange), 4},
	} {
		if c.have != c.want {
			t.Errorf("%s: %d, want %d: %+v", c.what, c.have, c.want, tally)
		}
	}
}

func TestWaits(t *testing.T) {
	l := NewLedger()
	l.Attempt("a", "captures.n.s", Fixed)
	l.Attempt("b", "captures.n.s", Fixed)
	before := time.Now()
	l.Acked("a")
	l.Acked("b")
	between := time.Now()
	l.FixStored("fixes.n.s", fixOf("a", 1), between.Add(time.Hour))
	waits := l.Waits(func(subject string) bool { return subject == "captures.n.s" })
	if len(waits) != 1 || waits[0] < time.Hour || waits[0] > time.Hour+time.Minute {
		t.Errorf("waits %v, want one of an hour", waits)
	}
	after := between.Add(2 * time.Hour)
	for _, c := range []struct {
		from, to    time.Time
		least, most int
	}{
		{before, before, 0, 0}, {between.Add(time.Second), between.Add(time.Second), 2, 2}, {after, after, 1, 1},
		{before, after, 0, 2}, {between.Add(time.Second), after, 1, 2},
	} {
		if least, most := l.Waiting("captures.n.s", c.from, c.to); least != c.least || most != c.most {
			t.Errorf("%d to %d captures waited from %v to %v, want %d to %d", least, most, c.from, c.to, c.least, c.most)
		}
	}
}
