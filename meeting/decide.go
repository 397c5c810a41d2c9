package meeting

import (
	"cmp"
	"fmt"
	"time"

	"foxhunt/messages"
)

// Codes of captures that have no fix because of how they met, beside too_few_receivers and no_overlap, which models have, too.
const (
	CodeLate              = "late"               // its event was closed, or has its fix
	CodeRepeatedStation   = "repeated_station"   // its station has another capture in the event
	CodeFrequencyMismatch = "frequency_mismatch" // most captures of its event are on another frequency
	CodeRateMismatch      = "rate_mismatch"      // its rate is far below that of the others
	CodeTooFew            = "too_few_receivers"
	CodeNoOverlap         = "no_overlap"
	CodeTooLarge          = "too_large" // the event's captures would have more than MaxEventBytes
	CodeKillsWorkers      = "kills_workers"
)

// fatalStarts is how often work on an event may be begun without ever ending.
const fatalStarts = 5

// Action is what becomes of a capture for now.
type Action int

// The actions.
const (
	Wait        Action = iota // hand it back for Delay
	Work                      // locate the event
	Acknowledge               // the fix rests on it, or it is a copy of one that is in the event
	Bury                      // it is a dead letter, with Code and Reason
	again                     // the event before it is out of the way: decide anew
)

// Decision is what is to be done about a capture, in this order: write, end, and then the action.
type Decision struct {
	Action Action
	Delay  time.Duration
	Code   string
	Reason string

	write *Entry // to be written, if nobody else has written meanwhile, else decide anew; nil: nothing
	ends  *Entry // to be moved to the events that ended; nil: none
	of    *Entry // for Bury: the event that was refused before, and held the capture; nil: none
	clear bool   // the open entry is of an event that ended, and is to go
}

// view is what a decision is made from: a capture, what is known of its event, and the circumstances.
type view struct {
	capture    Member
	event      string
	frequency  float64
	deliveries int // of the capture, this one included
	attempts   int // deliveries of which this is not to be one more in vain

	open  *Entry // nil: none
	ended *Entry // nil: none

	rules   Rules
	most    int // receivers that a fix may rest on
	awaited []string
	behind  func() (bool, error) // whether captures that were stored before now's window ended wait for a worker
	now     int64
	ackWait time.Duration
}

// decide says what is to be done about the capture.
func (v *view) decide() (Decision, error) {
	open := v.open
	clear := open != nil && v.ended != nil && open.Opened == v.ended.Opened // its worker died before it removed it
	if clear {
		open = nil
	}
	if d, over := v.afterEnd(open); over {
		d.clear = clear
		return d, nil
	}
	switch {
	case open == nil:
		return v.create(), nil
	case open.State == Open:
		return v.whileOpen(open)
	case open.State == Closed:
		return v.whileClosed(open), nil
	}
	return v.whileRefused(open), nil
}

// relation is what a capture is to an event.
type relation int

const (
	stranger relation = iota // of a station that has none in the event
	member
	copied  // the same capture as a member, stored again
	another // of a station that has another one in the event
)

func (e *Entry) relation(m *Member) (relation, int) {
	i := e.station(m.Station)
	switch {
	case i < 0:
		return stranger, i
	case e.Members[i].Place == m.Place:
		return member, i
	case e.Members[i].ID == m.ID:
		return copied, i
	}
	return another, i
}

// afterEnd decides about a capture whose event has ended, though another be open; over is false where it may join that or begin
// one: after a refusal, for a replay, or for the rest of a network after an outage.
func (v *view) afterEnd(open *Entry) (d Decision, over bool) {
	e := v.ended
	if b := cmp.Or(open.buriedBefore(v.capture.Place), e.buriedBefore(v.capture.Place)); b != nil {
		return b.again(&v.capture), true
	}
	if e == nil {
		return Decision{}, false
	}
	how, i := e.relation(&v.capture)
	done := e.State == Done
	switch {
	case how == member && done && e.Members[i].Left == "", how == copied && done:
		return Decision{Action: Acknowledge}, true
	case how == member:
		d := e.bury(i)
		if !done {
			d.of = e
		}
		return d, true
	case !done:
		return Decision{}, false
	case how == another:
		return v.repeated(e, i), true
	}
	return late(e), true
}

// bury is the end of a member that no fix rests on.
func (e *Entry) bury(i int) Decision {
	if e.Members[i].Left != "" {
		return buried(e.Members[i].Left, leftReason(e.Members[i].Left))
	}
	return buried(e.Code, e.Reason)
}

func buried(code, reason string) Decision { return Decision{Action: Bury, Code: code, Reason: reason} }

func late(e *Entry) Decision {
	return buried(CodeLate, fmt.Sprintf("its event was closed with %d receivers before it came: its station's link is slower "+
		"than the others', or the window too short", len(e.Members)))
}

func (v *view) repeated(e *Entry, i int) Decision {
	return buried(CodeRepeatedStation, fmt.Sprintf("station %s has a capture in this event already, %s: the first counts",
		v.capture.Station, e.Members[i].ID))
}

// create begins an event with the capture. One before it, if any, was refused.
func (v *view) create() Decision {
	e := &Entry{
		State: Open, Event: v.event, Frequency: v.frequency, Opened: v.now, Anchor: v.capture.Start, Members: []Member{v.capture},
		Buried: v.ended.allBuried(),
	}
	return Decision{Action: Wait, Delay: v.rules.Window, write: e}
}

// whileOpen decides about a capture whose event may still be joined.
func (v *view) whileOpen(e *Entry) (Decision, error) {
	how, i := e.relation(&v.capture)
	switch {
	case how == member && e.Members[i].Left != "":
		return e.bury(i), nil
	case how == member:
		return v.comeBack(e, i)
	case how == copied:
		return Decision{Action: Acknowledge}, nil
	case how == another:
		return v.doWithout(e, v.repeated(e, i)), nil
	case e.bytes()+v.capture.Size > MaxEventBytes:
		return v.doWithout(e, buried(CodeTooLarge, fmt.Sprintf("with it the %d captures of its event would have more than %d bytes",
			len(e.Members)+1, MaxEventBytes))), nil
	}
	joined, m := e.clone(), v.capture
	if v.frequency != e.Frequency {
		m.Frequency = v.frequency
	}
	joined.Members = append(joined.Members, m)
	if v.complete(joined) {
		return v.close(joined, false), nil
	}
	return Decision{Action: Wait, Delay: v.backUp(e), write: joined}, nil
}

// backUp is when a capture that joins comes back. It is only in case the one that began the event does not, so AckWait is soon
// enough, after which it comes by itself. But who comes in the window's second half may be all that is left when those before
// are let go: the window that then begins is timed by the first of these.
func (v *view) backUp(e *Entry) time.Duration {
	delay := max(v.left(e)+v.ackWait/2, v.ackWait)
	if v.windowEnd(e)-v.capture.Stored <= int64(v.rules.Window/2+v.slack()) {
		return min(delay, v.rules.Window)
	}
	return delay
}

// doWithout has the open event note the capture that it does not take before that becomes a dead letter.
func (v *view) doWithout(e *Entry, d Decision) Decision {
	d.write = e.withBuried(&v.capture, d.Code)
	return d
}

func (e *Entry) bytes() (sum int) {
	for i := range e.Members {
		if e.Members[i].Left == "" {
			sum += e.Members[i].Size
		}
	}
	return sum
}

// windowEnd is when nobody is waited for any more: the window after the first came of those that have not been let go.
func (v *view) windowEnd(e *Entry) int64 {
	var first int64
	for i := range e.Members {
		if m := &e.Members[i]; m.Left == "" && (first == 0 || m.Stored < first) {
			first = m.Stored
		}
	}
	return max(e.Opened, first) + int64(v.rules.Window)
}

// left is how much of the window is: never more than all of it, though the server's clock may have been set back.
func (v *view) left(e *Entry) time.Duration {
	return min(time.Duration(v.windowEnd(e)-v.now), v.rules.Window)
}

// clockError is how far the server's clock, as it is known here, may be off.
const clockError = 50 * time.Millisecond

// slack is how much of the window may be left where it is taken as over.
func (v *view) slack() time.Duration { return min(clockError, v.rules.Window/10) }

// comeBack decides about a member of an open event whose time has come.
func (v *view) comeBack(e *Entry, i int) (Decision, error) {
	left := v.left(e)
	switch {
	case v.complete(e):
		return v.close(e.clone(), false), nil
	case left > v.slack() && v.deliveries < v.attempts:
		return Decision{Action: Wait, Delay: left}, nil
	case v.deliveries < patience:
		behind, err := v.behind()
		if err != nil {
			return Decision{}, err
		}
		if behind { // the others may have come, and wait for a worker
			return Decision{Action: Wait, Delay: min(v.rules.Window<<min(v.deliveries-1, patience), longestWait)}, nil
		}
	}
	if rest := v.letGo(e); rest != nil {
		if rest.Members[i].Left == "" {
			return Decision{Action: Wait, Delay: v.left(rest), write: rest}, nil
		}
		d := rest.bury(i)
		d.write = rest
		return d, nil
	}
	return v.close(e.clone(), true), nil
}

// letGo is the event without those that came first, where too few did within the window, but others more than half a window after
// them: who opens an event too early does not cost the others theirs. It is nil where there are none of either.
func (v *view) letGo(e *Entry) *Entry {
	if e.fitting(v.rules.MinReceivers, v.most) >= v.rules.MinReceivers {
		return nil
	}
	rest, gone, stay := e.clone(), false, false
	for i := range rest.Members {
		if m := &rest.Members[i]; m.Left == "" && v.now-m.Stored > int64(v.rules.Window)/2 {
			m.Left, gone = CodeTooFew, true
		} else if m.Left == "" {
			stay = true
		}
	}
	if gone && stay {
		return rest
	}
	return nil
}

// patience is how many deliveries of a capture may go by while workers are behind: the stream counts them, and has a limit.
const patience = 6

// longestWait bounds how long a capture is handed back for while workers are behind, or work on its event goes on.
const longestWait = time.Minute

// complete says whether nobody is waited for any more. Where fewer are known than a fix needs, as after a start, the window
// tells who there is.
func (v *view) complete(e *Entry) bool {
	least := v.rules.MinReceivers
	switch n := len(e.Members); {
	case n >= messages.MaxReceivers:
		return true
	case n >= v.most && e.fitting(least, v.most) >= v.most:
		return true
	case n < least || len(v.awaited) < least:
		return false
	}
	for _, station := range v.awaited {
		if e.station(station) < 0 {
			return false
		}
	}
	return e.fitting(least, v.most) >= least
}

// close settles what the fix rests on, and has work begin, or refuses the event.
func (v *view) close(e *Entry, partial bool) Decision {
	if n := len(e.Chosen()); n < v.rules.MinReceivers {
		return e.refuse(CodeTooFew, fmt.Sprintf("%d of its event came within %v; a fix rests on at least %d", n, v.rules.Window, v.rules.MinReceivers))
	}
	tuned := count(e.tuned())
	for i, code := range e.fit(v.rules.MinReceivers, v.most) {
		e.Members[i].Left = code
	}
	switch n := len(e.Chosen()); {
	case tuned < v.rules.MinReceivers:
		return e.refuse(CodeTooFew, fmt.Sprintf("of the %d captures of its event that came within %v at most %d are on one frequency; a fix rests on at least %d",
			len(e.Members), v.rules.Window, tuned, v.rules.MinReceivers))
	case n < v.rules.MinReceivers:
		return e.refuse(CodeNoOverlap, fmt.Sprintf("of the %d captures of its event only %d have time in common; a fix rests on at least %d: "+
			"look at the stations' clocks and lengths", len(e.Members), n, v.rules.MinReceivers))
	}
	e.State, e.Partial, e.Closed = Closed, partial, v.now
	return v.begin(e)
}

func (v *view) begin(e *Entry) Decision {
	e.Tries++
	e.Begun++
	e.Until = v.now + int64(v.ackWait)
	return Decision{Action: Work, write: e}
}

// refuse makes the event one that will have no fix. The entry is the caller's to change.
func (e *Entry) refuse(code, reason string) Decision {
	e.State, e.Code, e.Reason = Refused, cut(code, maxCodeBytes), cut(reason, maxReasonBytes)
	for i := range e.Members {
		if e.Members[i].Left == code {
			e.Members[i].Left = "" // with the event's own sentence
		}
	}
	d := buried(e.Code, e.Reason)
	d.write, d.ends = e, e
	return d
}

// whileClosed decides about a capture whose event is being worked on, or was.
func (v *view) whileClosed(e *Entry) Decision {
	how, i := e.relation(&v.capture)
	switch {
	case how == copied:
		return Decision{Action: Acknowledge}
	case how == another:
		return v.onceEnded(v.repeated(e, i))
	case how == stranger:
		return v.onceEnded(late(e))
	case e.Members[i].Left != "":
		return e.bury(i)
	}
	if left := time.Duration(e.Until - v.now); left > clockError && v.deliveries < v.attempts { // somebody works on it, or it failed just now
		return Decision{Action: Wait, Delay: min(left, max(v.ackWait, longestWait))} // the server's clock may have been set back
	}
	e = e.clone()
	if e.Begun >= fatalStarts {
		return e.refuse(CodeKillsWorkers, fmt.Sprintf(
			"work on its event was begun %d times and never ended, at last with no other capture beside it: it seems to kill its worker", e.Begun))
	}
	return v.begin(e)
}

// onceEnded has a capture that came while its event is worked on wait for how that ends: the entry is its worker's, so that nobody
// else can note the dead letter there, and after a refusal the capture may join another event.
func (v *view) onceEnded(d Decision) Decision {
	if v.deliveries < v.attempts {
		return Decision{Action: Wait, Delay: min(v.rules.Window, v.ackWait/6)}
	}
	return d
}

// whileRefused decides about a capture whose event was refused by a worker that did not come to note its end.
func (v *view) whileRefused(e *Entry) Decision {
	how, i := e.relation(&v.capture)
	d := Decision{Action: again, ends: e}
	if how == member {
		d = e.bury(i)
		d.ends = e
	}
	return d
}
