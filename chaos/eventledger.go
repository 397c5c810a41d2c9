package chaos

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"foxhunt/messages"
)

// EventLedger follows the captures of emissions from their stations to their ends: in the one fix of their emission, or
// among the dead letters. It is safe for concurrent use.
type EventLedger struct {
	window time.Duration // of the workers' rules
	mu     sync.Mutex
	harmed bool // workers or servers were killed

	emissions []*emission
	captures  map[string]*heardEntry // by capture id
	published map[string]*heardEntry // by message id: of a copy, its capture's
	acked     map[string]bool        // by message id
	fixes     map[string]*eventFix   // by the fix's capture_id
	strange   []string
}

type emission struct {
	*Emission
	captures []*heardEntry
	first    time.Time // when its first capture was on its way
}

// heardEntry is one capture, with its copy if it has one.
type heardEntry struct {
	*Heard   // the original
	of       *emission
	copied   bool
	acked    time.Time // of the original or, before it, its copy; zero: no PubAck came
	refused  string
	messages int      // of it that had their PubAck: with its copy two
	dead     []string // codes of its dead letters
	why      string
	in       []string // fixes that name it
}

// eventFix is a fix of captures that met.
type eventFix struct {
	fix       *messages.Fix // the first one seen, stored or not
	fixTime   time.Time     // when the stream stored it
	stored    int
	published int
	conflict  string
}

// NewEventLedger returns an empty ledger for workers that wait so long for an event's captures.
func NewEventLedger(window time.Duration) *EventLedger {
	return &EventLedger{
		window: window, captures: make(map[string]*heardEntry), published: make(map[string]*heardEntry), acked: make(map[string]bool),
		fixes: make(map[string]*eventFix),
	}
}

// Plan enters an emission before its captures are published.
func (l *EventLedger) Plan(e *Emission) {
	l.mu.Lock()
	defer l.mu.Unlock()
	own := &emission{Emission: e}
	l.emissions = append(l.emissions, own)
	for i := range e.Heard {
		h := &e.Heard[i]
		if h.Treatment == Copied { // comes after its original
			l.captures[h.CaptureID].copied = true
			l.published[h.ID] = l.captures[h.CaptureID]
			continue
		}
		entry := &heardEntry{Heard: h, of: own}
		own.captures = append(own.captures, entry)
		l.captures[h.CaptureID], l.published[h.ID] = entry, entry
	}
}

// Harmed notes that from now on workers or servers die: captures that one of them had in hand may miss their event.
func (l *EventLedger) Harmed() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.harmed = true
}

// Attempt notes that a message is on its way.
func (l *EventLedger) Attempt(id, _ string, _ Fate) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if of := l.published[id].of; of.first.IsZero() {
		of.first = time.Now()
	}
}

// Acked notes a PubAck: from now on the capture must not get lost.
func (l *EventLedger) Acked(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.published[id]
	if l.acked[id] { // the station had not heard of the first one
		return
	}
	l.acked[id] = true
	if e.messages++; e.messages == 1 {
		e.acked = time.Now()
	}
}

// Refused notes that a station was told that its capture was not taken, and why.
func (l *EventLedger) Refused(id, code string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.published[id].refused = code
}

// FixPublished notes a fix that a worker sent, whether or not the stream keeps it.
func (l *EventLedger) FixPublished(_ string, fix *messages.Fix) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.compare(fix).published++
}

// FixStored notes a fix in the stream, and when the server stored it.
func (l *EventLedger) FixStored(subject string, fix *messages.Fix, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := l.compare(fix)
	if f.stored++; f.stored > 1 {
		return
	}
	f.fixTime = at
	if want := "fixes." + fix.Network + "." + fix.Source; want != subject || fix.Source != "event" {
		l.strange = append(l.strange, fmt.Sprintf("the fix %s on %s says network %s, source %s", fix.CaptureID, subject, fix.Network, fix.Source))
	}
	for _, r := range fix.Receivers {
		l.join(fix, r)
	}
}

// join notes that a stored fix names a capture.
func (l *EventLedger) join(fix *messages.Fix, r messages.FixReceiver) {
	e, known := l.captures[r.CaptureID]
	switch {
	case !known:
		l.strange = append(l.strange, fmt.Sprintf("the fix %s rests on %q of %s, which was never published", fix.CaptureID, r.CaptureID, r.Station))
		return
	case e.Station != r.Station || e.of.Network != fix.Network || e.of.Event != "" && e.of.Event != fix.Event:
		l.strange = append(l.strange, fmt.Sprintf("the fix %s of %s/%s says that %s is station %s's; it is %s's of %s/%s",
			fix.CaptureID, fix.Network, fix.Event, r.CaptureID, r.Station, e.Station, e.of.Network, e.of.Event))
	case slices.Contains(e.in, fix.CaptureID):
		l.strange = append(l.strange, fmt.Sprintf("the fix %s names %s twice", fix.CaptureID, r.CaptureID))
	}
	e.in = append(e.in, fix.CaptureID)
}

// compare holds a fix against what was said of the event before.
func (l *EventLedger) compare(fix *messages.Fix) *eventFix {
	f := l.fixes[fix.CaptureID]
	switch {
	case f == nil:
		f = &eventFix{fix: fix}
		l.fixes[fix.CaptureID] = f
	case !messages.SameFix(f.fix, fix):
		f.conflict = fmt.Sprintf("%s: %+v and %+v", fix.CaptureID, *f.fix, *fix)
	}
	return f
}

// DeadStored notes a dead letter. id is the original message's.
func (l *EventLedger) DeadStored(id, code, sentence string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e, known := l.published[id]
	if !known {
		l.strange = append(l.strange, fmt.Sprintf("a dead letter (%s) of %q, which was never published", code, id))
		return
	}
	e.dead, e.why = append(e.dead, code), sentence
}

// Waits gives how long the fixes took, from the PubAck of the last capture that each rests on to the fix in its stream.
func (l *EventLedger) Waits() (waits []time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, f := range l.fixes {
		var last time.Time
		for _, r := range f.fix.Receivers {
			if e := l.captures[r.CaptureID]; e != nil && e.acked.After(last) {
				last = e.acked
			}
		}
		if f.stored > 0 && !last.IsZero() {
			waits = append(waits, f.fixTime.Sub(last))
		}
	}
	slices.Sort(waits)
	return waits
}
