package meeting

import (
	"cmp"
	"fmt"
	"slices"

	"foxhunt/messages"
)

// A capture that has its dead letter may yet come back: its worker died before it took it off the stream, or another has been
// holding it for so long that the stream delivered it again. Where an event was refused another may begin under its key, and
// must not have that capture. So a dead letter is written only on the word of an entry, and that word goes over to the
// entries after it: of the members of a refused event, and of captures that the event did not take.

// mostBuried bounds what an entry says of captures before it.
const mostBuried = 2 * messages.MaxReceivers

// Buried is a capture that is a dead letter, or is about to be.
type Buried struct {
	Place
	Station string `json:"station"`
	Code    string `json:"code"`
	Opened  int64  `json:"opened,omitempty"` // of the refused event that it was in; 0: it was in none
}

// withBuried is the entry with one more capture that it does not take.
func (e *Entry) withBuried(m *Member, code string) *Entry {
	c := e.clone()
	c.Buried = lastBuried(append(slices.Clone(e.Buried), Buried{Place: m.Place, Station: m.Station, Code: code}))
	return c
}

// allBuried are the captures that no event after this one, which was refused, may have; none of a nil entry.
func (e *Entry) allBuried() []Buried {
	if e == nil {
		return nil
	}
	all := slices.Clone(e.Buried)
	for i := range e.Members {
		m := &e.Members[i]
		all = append(all, Buried{m.Place, m.Station, cmp.Or(m.Left, e.Code), e.Opened})
	}
	return lastBuried(all)
}

// lastBuried forgets the oldest, which have long been taken off the stream, of the station that has the most: one that sends
// capture after capture into an event does not have those of the others forgotten. The list is the caller's to change.
func lastBuried(all []Buried) []Buried {
	for len(all) > mostBuried {
		of, oldest := map[string]int{}, 0
		for i := range all {
			of[all[i].Station]++
		}
		for i := range all {
			if of[all[i].Station] > of[all[oldest].Station] {
				oldest = i
			}
		}
		all = slices.Delete(all, oldest, oldest+1)
	}
	return all
}

// buriedBefore is what the entry, which may be nil, says of a capture that is a dead letter, or is about to be; else nil.
func (e *Entry) buriedBefore(p Place) *Buried {
	if e == nil {
		return nil
	}
	if i := slices.IndexFunc(e.Buried, func(b Buried) bool { return b.Place == p }); i >= 0 {
		return &e.Buried[i]
	}
	return nil
}

// again is the end of such a capture that comes back: the same dead letter, of which the stream keeps one.
func (b *Buried) again(m *Member) Decision {
	if b.Opened == 0 {
		return buried(b.Code, "its event did not take it when it came for the first time")
	}
	d := buried(b.Code, fmt.Sprintf("its event was refused, %s, and others met under the same key since", b.Code))
	d.of = &Entry{State: Refused, Opened: b.Opened, Members: []Member{*m}, Code: b.Code, Reason: d.Reason}
	return d
}
