package chaos

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"foxhunt/messages"
)

// Fate is what a scenario expects of a capture.
type Fate string

const (
	Fixed Fate = "fix"         // a fix
	Dead  Fate = "dead letter" // a dead letter, because the capture is at fault
)

// Ledger follows every capture from its publisher to its end. It is safe for concurrent use.
type Ledger struct {
	mu      sync.Mutex
	entries map[string]*entry
	strange []string // fixes and dead letters of nothing that was published
}

// entry is one capture. Times are this machine's.
type entry struct {
	subject string
	want    Fate

	acked   time.Time // zero: no PubAck came
	refused string    // code of a refusal that stands

	fix       *messages.Fix // the first one seen, stored or not
	fixTime   time.Time     // when the stream stored the first one
	stored    int           // fixes in the stream
	published int           // fixes that workers published, those that the stream dropped as duplicates included
	conflict  string        // how two fixes differ
	dead      []string      // codes of its dead letters
	why       string        // the last one's sentence
}

// NewLedger returns an empty ledger.
func NewLedger() *Ledger { return &Ledger{entries: make(map[string]*entry)} }

// Attempt notes a capture before it is published for the first time.
func (l *Ledger) Attempt(id, subject string, want Fate) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entries[id] = &entry{subject: subject, want: want}
}

// Acked notes the PubAck of a capture: from now on it must not get lost.
func (l *Ledger) Acked(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entries[id].acked = time.Now()
}

// Refused notes that the publisher was told that a capture was not taken, and why.
func (l *Ledger) Refused(id, code string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entries[id].refused = code
}

// FixPublished notes a fix that a worker sent, whether or not the stream keeps it.
func (l *Ledger) FixPublished(subject string, fix *messages.Fix) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e := l.compare(subject, fix); e != nil {
		e.published++
	}
}

// FixStored notes a fix in the stream, and when the server stored it.
func (l *Ledger) FixStored(subject string, fix *messages.Fix, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.compare(subject, fix)
	if e == nil {
		return
	}
	if e.stored++; e.stored == 1 {
		e.fixTime = at
	}
}

// compare holds a fix against its capture and against what was said of it before.
func (l *Ledger) compare(subject string, fix *messages.Fix) *entry {
	e, known := l.entries[fix.CaptureID]
	if !known {
		l.strange = append(l.strange, fmt.Sprintf("a fix of %q on %s, which was never published", fix.CaptureID, subject))
		return nil
	}
	want, err := messages.FixSubject(e.subject)
	switch {
	case err != nil || want != subject || "fixes."+fix.Network+"."+fix.Source != subject:
		l.strange = append(l.strange, fmt.Sprintf("the fix of %s on %s says network %s, source %s; the capture was on %s", fix.CaptureID, subject, fix.Network, fix.Source, e.subject))
	case e.fix == nil:
		e.fix = fix
	case !messages.SameFix(e.fix, fix):
		e.conflict = fmt.Sprintf("%+v and %+v", *e.fix, *fix)
	}
	return e
}

// DeadStored notes a dead letter. id is the original message's.
func (l *Ledger) DeadStored(id, code, sentence string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e, known := l.entries[id]
	if !known {
		l.strange = append(l.strange, fmt.Sprintf("a dead letter (%s) of %q, which was never published", code, id))
		return
	}
	e.dead, e.why = append(e.dead, code), sentence
}

// Tally counts how the captures ended. Lists hold a sentence for each capture that ended as none may.
type Tally struct {
	Published int // with a PubAck
	Refused   int // without, and the publisher was told why
	Unsure    int // without, and the publisher does not know
	Fixed     int
	Dead      int
	Again     int // fixes published a second time, with the same content; the stream drops those that come within its window
	Doubled   int // fixes and dead letters that are in their stream a second time, with the same content

	Refusals map[string]int // of those refused, by code
	Deaths   map[string]int // of the dead letters, by code

	Missing     []string // neither a fix nor a dead letter
	Conflicting []string // two fixes that differ in more than their times
	Both        []string // a fix and a dead letter, or two dead letters that differ
	Unfair      []string // a good capture among the dead letters, or a bad one with a fix
	Strange     []string // fixes and dead letters of what was never published or was refused
}

// Tally counts what the ledger knows.
func (l *Ledger) Tally() Tally {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := Tally{Strange: slices.Clone(l.strange), Refusals: make(map[string]int), Deaths: make(map[string]int)}
	for id, e := range l.entries {
		t.add(id, e)
	}
	for _, list := range [][]string{t.Missing, t.Conflicting, t.Both, t.Unfair, t.Strange} {
		slices.Sort(list)
	}
	return t
}

func (t *Tally) add(id string, e *entry) {
	name := id + " of " + e.subject
	fixed, dead := e.stored > 0, len(e.dead) > 0
	switch {
	case !e.acked.IsZero():
		t.Published++
	case e.refused != "":
		t.Refused++
		t.Refusals[e.refused]++
		if fixed || dead {
			t.Strange = append(t.Strange, fmt.Sprintf("%s was refused (%s) and yet stored", name, e.refused))
		}
	default:
		t.Unsure++
	}
	if fixed {
		t.Fixed++
	}
	if dead {
		t.Dead++
		t.Deaths[e.dead[0]]++
	}
	t.Again += max(e.published-1, 0)
	t.Doubled += max(e.stored-1, 0) + max(len(e.dead)-1, 0)
	switch {
	case !e.acked.IsZero() && !fixed && !dead:
		t.Missing = append(t.Missing, fmt.Sprintf("%s; workers published %d fixes of it", name, e.published))
	case fixed && dead, dead && slices.Max(e.dead) != slices.Min(e.dead):
		t.Both = append(t.Both, fmt.Sprintf("%s: %d fixes and dead letters %v: %s", name, e.stored, e.dead, e.why))
	case fixed && e.want == Dead:
		t.Unfair = append(t.Unfair, name+" is at fault and got a fix")
	case dead && e.want == Fixed:
		t.Unfair = append(t.Unfair, fmt.Sprintf("%s is good and became a dead letter: %s: %s", name, e.dead[0], e.why))
	}
	if e.conflict != "" {
		t.Conflicting = append(t.Conflicting, name+": "+e.conflict)
	}
}

// Waits gives how long the fixes of the captures that match took, from the capture's PubAck to the fix in its stream.
func (l *Ledger) Waits(match func(subject string) bool) []time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	var waits []time.Duration
	for _, e := range l.entries {
		if match(e.subject) && !e.acked.IsZero() && e.stored > 0 {
			waits = append(waits, e.fixTime.Sub(e.acked))
		}
	}
	slices.Sort(waits)
	return waits
}

// Waiting is how many captures of a subject had their PubAck and no fix in the stream yet, at any moment of a time: least are
// those that waited throughout, most those that waited at some moment. Captures come and go meanwhile, so that there may have
// been more than at either end.
func (l *Ledger) Waiting(subject string, from, to time.Time) (least, most int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.entries {
		if e.subject != subject || e.acked.IsZero() {
			continue
		}
		if e.acked.Before(from) && (e.stored == 0 || e.fixTime.After(to)) {
			least++
		}
		if e.acked.Before(to) && (e.stored == 0 || e.fixTime.After(from)) {
			most++
		}
	}
	return least, most
}
