package meeting

import (
	"time"
)

// Keys are those of the events that a capture may belong to: its own first, and, where it begins near the edge of a slot, the
// neighbour's.
func (r *Rules) Keys(network, event string, frequency float64, start int64) []Key {
	if event != "" {
		return []Key{KeyOfEvent(network, event)}
	}
	slot := SlotOf(start, r.Slot)
	keys := []Key{KeyOfSlot(network, frequency, slot)}
	if r.Guard == 0 {
		return keys
	}
	fromMiddle := start - slot*int64(r.Slot)
	switch near := int64(r.Slot)/2 - 2*int64(r.Guard); {
	case fromMiddle > near:
		keys = append(keys, KeyOfSlot(network, frequency, slot+1))
	case fromMiddle < -near:
		keys = append(keys, KeyOfSlot(network, frequency, slot-1))
	}
	return keys
}

// found is what is known of the events that a capture may belong to.
type found struct {
	key      Key
	open     *Entry
	revision uint64
	last
}

// last is what is kept of the last event of a key that ended.
type last struct {
	ended    *Entry // nil: nothing
	endedRev uint64
}

// anchor is where the event begins that has the key; false where a new one may begin.
func (f *found) anchor() (int64, bool) {
	switch {
	case f.ended != nil && f.ended.State == Done:
		return f.ended.Anchor, true
	case f.open != nil && f.open.State != Refused && (f.ended == nil || f.ended.Opened != f.open.Opened):
		return f.open.Anchor, true
	}
	return 0, false
}

// knows says whether the capture is in the event, or a copy of it, or one that it may not have.
func (f *found) knows(m *Member) bool {
	for _, e := range []*Entry{f.open, f.ended} {
		if e == nil {
			continue
		}
		if e.buriedBefore(m.Place) != nil {
			return true
		}
		if how, _ := e.relation(m); how == member || how == copied && e.State != Refused {
			return true
		}
	}
	return false
}

// choose is the index of the event that the capture belongs to.
func (r *Rules) choose(m *Member, events []found) int {
	if len(events) == 1 {
		return 0
	}
	for i := range events {
		if events[i].knows(m) {
			return i
		}
	}
	own, ownTaken := events[0].anchor()
	next, nextTaken := events[1].anchor()
	toOwn, toNext := apart(m.Start, own), apart(m.Start, next)
	switch {
	case nextTaken && toNext <= r.Guard && (!ownTaken || toNext < toOwn):
		return 1
	case !ownTaken || toOwn <= r.Slot/2:
		return 0
	case !nextTaken || toNext < toOwn: // its own has another emission, at the slot's other end
		return 1
	}
	return 0
}

func apart(a, b int64) time.Duration { return time.Duration(max(a-b, b-a)) }
