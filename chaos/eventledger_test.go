package chaos

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"foxhunt/geo"
	"foxhunt/messages"
)

// eventBook is a ledger with emissions to fill.
type eventBook struct {
	*EventLedger
	unlisted bool // the workers do not know which stations there are
}

// emission enters one whose captures all have their PubAck: their ids are its name, and a number.
func (b *eventBook) emission(name string, treatments ...Treatment) {
	e := &Emission{Network: "n", Event: name, Listed: !b.unlisted, Where: geo.Position{Latitude: 45, Longitude: 8}}
	for i, treatment := range treatments {
		h := Heard{CaptureID: fmt.Sprintf("%s-%d", name, i), Station: fmt.Sprintf("s%d", i)}
		switch treatment {
		case Copied, Repeated: // of the one before
			h.Station = e.Heard[i-1].Station
		}
		if h.ID = h.CaptureID; treatment == Copied {
			h.CaptureID = e.Heard[i-1].CaptureID
		}
		h.Subject = "captures.n." + h.Station
		e.add(h, treatment)
	}
	b.Plan(e)
	for _, h := range e.Heard {
		b.Attempt(h.ID, h.Subject, Fixed)
		b.Acked(h.ID)
		b.Acked(h.ID) // sent again, as after a lost answer
	}
}

// fixOn is an event's fix, which rests on captures.
func fixOn(id, event string, captures ...string) *messages.Fix {
	fix := &messages.Fix{
		CaptureID: id, Network: "n", Source: "event", Event: event, Position: messages.Position{Latitude: 45, Longitude: 8},
		Uncertainty: messages.Uncertainty{SemiMajor: 100, SemiMinor: 50, ConfidenceInterval: 0.95},
	}
	for _, capture := range captures {
		fix.Receivers = append(fix.Receivers, messages.FixReceiver{Station: "s" + capture[len(capture)-1:], CaptureID: capture, Used: true})
	}
	return fix
}

func (b *eventBook) fixed(event string, captures ...string) {
	fix := fixOn("fix of "+event, event, captures...)
	b.FixPublished("fixes.n.event", fix)
	b.FixStored("fixes.n.event", fix, time.Now())
}

var threePunctual = []Treatment{Punctual, Punctual, Punctual}

// TestEventLedger lets emissions and their captures end in every way there is, and expects each in its column.
func TestEventLedger(t *testing.T) {
	cases := []struct {
		name string
		play func(b *eventBook)
		want string // the list that says it; "" for none
	}{
		{"whole", func(b *eventBook) { b.emission("a", threePunctual...); b.fixed("a", "a-0", "a-1", "a-2") }, ""},
		{"published again", func(b *eventBook) {
			b.emission("a", threePunctual...)
			b.fixed("a", "a-0", "a-1", "a-2")
			b.FixPublished("fixes.n.event", fixOn("fix of a", "a", "a-0", "a-1", "a-2"))
		}, ""},
		{"copied", func(b *eventBook) {
			b.emission("a", Punctual, Copied, Punctual, Punctual)
			b.fixed("a", "a-0", "a-2", "a-3")
		}, ""},
		{"its copy late", func(b *eventBook) {
			b.emission("a", Punctual, Copied, Punctual, Punctual)
			b.fixed("a", "a-0", "a-2", "a-3")
			b.DeadStored("a-1", codeLate, "")
		}, ""},
		{"its copy in another event, where workers die", func(b *eventBook) {
			b.Harmed()
			b.emission("a", Punctual, Copied, Punctual, Punctual)
			b.DeadStored("a-1", codeTooFew, "")
			b.fixed("a", "a-0", "a-2", "a-3")
		}, ""},
		{"its copy in another event", func(b *eventBook) {
			b.emission("a", Punctual, Copied, Punctual, Punctual)
			b.DeadStored("a-1", codeTooFew, "")
			b.fixed("a", "a-0", "a-2", "a-3")
		}, "both"},
		{"more ends than messages", func(b *eventBook) {
			b.Harmed()
			b.emission("a", Punctual, Copied, Punctual, Punctual)
			b.DeadStored("a-0", codeTooFew, "")
			b.DeadStored("a-1", codeLate, "")
			b.fixed("a", "a-0", "a-2", "a-3")
		}, "both"},
		{"repeated", func(b *eventBook) {
			b.emission("a", Punctual, Punctual, Punctual, Repeated)
			b.fixed("a", "a-0", "a-1", "a-2")
			b.DeadStored("a-3", codeRepeated, "")
		}, ""},
		{"late", func(b *eventBook) {
			b.emission("a", Punctual, Punctual, Punctual, Delayed)
			b.fixed("a", "a-0", "a-1", "a-2")
			b.DeadStored("a-3", codeLate, "")
		}, ""},
		{"too few", func(b *eventBook) {
			b.emission("a", Punctual, Punctual)
			b.DeadStored("a-0", codeTooFew, "")
			b.DeadStored("a-1", codeTooFew, "")
		}, ""},
		{"overtaken where workers die", func(b *eventBook) {
			b.Harmed()
			b.emission("a", Punctual, Punctual, Punctual, Punctual)
			b.fixed("a", "a-0", "a-1", "a-2")
			b.DeadStored("a-3", codeLate, "")
		}, ""},
		{"overtaken where nothing is harmed", func(b *eventBook) {
			b.emission("a", Punctual, Punctual, Punctual, Punctual)
			b.fixed("a", "a-0", "a-1", "a-2")
			b.DeadStored("a-3", codeLate, "")
		}, "unfair"},
		{"overtaken where nobody waited for it", func(b *eventBook) {
			b.unlisted = true
			b.emission("a", Punctual, Punctual, Punctual, Punctual)
			b.fixed("a", "a-0", "a-1", "a-2")
			b.DeadStored("a-3", codeLate, "")
		}, ""},
		{"overtaken though heard before", func(b *eventBook) {
			b.unlisted = true
			b.emission("b", Punctual, Punctual, Punctual, Punctual)
			b.fixed("b", "b-0", "b-1", "b-2", "b-3")
			b.emission("a", Punctual, Punctual, Punctual, Punctual)
			b.fixed("a", "a-0", "a-1", "a-2")
			b.DeadStored("a-3", codeLate, "")
		}, "unfair"},
		{"too few though enough", func(b *eventBook) {
			b.emission("a", threePunctual...)
			for i := range 3 {
				b.DeadStored(fmt.Sprintf("a-%d", i), codeTooFew, "")
			}
		}, "unfair"},
		{"late without a fix", func(b *eventBook) { b.emission("a", Punctual); b.DeadStored("a-0", codeLate, "") }, "unfair"},
		{"repeated without another", func(b *eventBook) {
			b.emission("a", Punctual, Punctual, Punctual, Punctual)
			b.fixed("a", "a-0", "a-1", "a-2")
			b.DeadStored("a-3", codeRepeated, "")
		}, "unfair"},
		{"another code", func(b *eventBook) { b.emission("a", Punctual); b.DeadStored("a-0", "gave_up", "") }, "unfair"},
		{"in a fix though late", func(b *eventBook) {
			b.emission("a", Punctual, Punctual, Delayed)
			b.fixed("a", "a-0", "a-1", "a-2")
		}, "unfair"},
		{"missing", func(b *eventBook) { b.emission("a", Punctual) }, "missing"},
		{"fix and dead letter", func(b *eventBook) {
			b.emission("a", threePunctual...)
			b.fixed("a", "a-0", "a-1", "a-2")
			b.DeadStored("a-0", codeLate, "")
		}, "both"},
		{"dead in two ways", func(b *eventBook) {
			b.emission("a", Punctual)
			b.DeadStored("a-0", codeTooFew, "")
			b.DeadStored("a-0", codeLate, "")
		}, "both"},
		{"two contents", func(b *eventBook) {
			b.emission("a", threePunctual...)
			b.fixed("a", "a-0", "a-1", "a-2")
			b.FixPublished("fixes.n.event", fixOn("fix of a", "a", "a-0", "a-1"))
		}, "conflicting"},
		{"two fixes of one emission", func(b *eventBook) {
			b.emission("a", threePunctual...)
			b.fixed("a", "a-0", "a-1")
			b.FixStored("fixes.n.event", fixOn("another", "a", "a-2"), time.Now())
		}, "torn"},
		{"one fix of two emissions", func(b *eventBook) {
			b.emission("", Punctual, Punctual)
			b.emission("b", Punctual)
			b.fixed("b", "-0", "-1", "b-0")
		}, "torn"},
		{"rests on nothing known", func(b *eventBook) { b.emission("a", Punctual); b.fixed("a", "a-0", "x-1") }, "strange"},
		{"names one twice", func(b *eventBook) { b.emission("a", Punctual); b.fixed("a", "a-0", "a-0") }, "strange"},
		{"another event's", func(b *eventBook) { b.emission("a", Punctual); b.fixed("b", "a-0") }, "strange"},
		{"another subject", func(b *eventBook) {
			b.emission("a", Punctual)
			b.FixStored("fixes.n.s0", fixOn("f", "a", "a-0"), time.Now())
		}, "strange"},
		{"never stored", func(b *eventBook) {
			b.emission("a", Punctual)
			b.fixed("a", "a-0")
			b.FixPublished("fixes.n.event", fixOn("another", "a", "a-0"))
		}, "strange"},
		{"a stranger's dead letter", func(b *eventBook) { b.DeadStored("x", codeLate, "") }, "strange"},
		{"refused and stored", func(b *eventBook) {
			b.Plan(&Emission{Heard: []Heard{{Capture: Capture{ID: "x"}, CaptureID: "x"}}})
			b.Refused("x", "stream_full")
			b.DeadStored("x", codeTooFew, "")
		}, "strange"},
	}
	for _, c := range cases {
		b := &eventBook{EventLedger: NewEventLedger(time.Hour)}
		c.play(b)
		tally := b.Tally()
		var said []string
		for name, list := range map[string][]string{
			"missing": tally.Missing, "conflicting": tally.Conflicting, "both": tally.Both, "torn": tally.Torn, "unfair": tally.Unfair, "strange": tally.Strange,
		} {
			if len(list) > 0 {
				said = append(said, name)
			}
		}
		if c.want == "" && len(said) > 0 || c.want != "" && !slices.Contains(said, c.want) {
			t.Errorf("%s: %v; want %q\n%+v", c.name, said, c.want, tally)
		}
	}
}

// TestEventTally looks at the counts of an ordinary day.
func TestEventTally(t *testing.T) {
	b := &eventBook{EventLedger: NewEventLedger(time.Hour)}
	b.Harmed()
	b.emission("a", Punctual, Copied, Punctual, Punctual, Punctual, Repeated, Delayed)
	before := time.Now()
	b.fixed("a", "a-0", "a-2", "a-3")
	b.FixPublished("fixes.n.event", fixOn("fix of a", "a", "a-0", "a-2", "a-3"))
	b.DeadStored("a-4", codeLate, "")
	b.DeadStored("a-5", codeRepeated, "")
	b.DeadStored("a-6", codeLate, "")
	b.emission("b", Punctual)
	b.DeadStored("b-0", codeTooFew, "")
	y := b.Tally()
	for _, c := range []struct {
		what       string
		have, want int
	}{
		{"published", y.Published, 7}, {"copies", y.Copies, 1}, {"events", y.Events, 2}, {"fixed", y.Fixed, 1}, {"partial", y.Partial, 1},
		{"members", y.Members, 3}, {"late", y.Deaths[codeLate], 2}, {"repeated", y.Deaths[codeRepeated], 1}, {"too few", y.Deaths[codeTooFew], 1},
		{"overtaken", y.Overtaken, 1}, {"within", y.Within, 1}, {"again", y.Again, 1}, {"unfair", len(y.Unfair), 0}, {"strange", len(y.Strange), 0},
	} {
		if c.have != c.want {
			t.Errorf("%s: %d, want %d: %+v", c.what, c.have, c.want, y)
		}
	}
	if waits := b.Waits(); len(waits) != 1 || waits[0] < 0 || waits[0] > time.Since(before)+time.Minute {
		t.Errorf("waits %v; want one", waits)
	}
}
