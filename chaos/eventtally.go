package chaos

import (
	"fmt"
	"slices"

	"foxhunt/geo"
	"foxhunt/messages"
)

// EventTally counts how emissions and their captures ended. Lists hold a sentence for each that ended as none may.
type EventTally struct {
	Published int            // captures with a PubAck
	Copies    int            // messages beyond the first of a capture
	Refused   int            // captures without a PubAck, whose station was told why
	Events    int            // emissions with a published capture
	Fixed     int            // of them, with a fix
	Partial   int            // of these, without some of the stations that published in time
	Members   int            // captures that fixes rest on
	Deaths    map[string]int // captures among the dead letters, by code
	Overtaken int            // captures that were published in time, and that their event did without
	Within    int            // fixes whose ellipse holds the emitter
	Again     int            // fixes published a second time, with the same content

	Missing     []string // captures that nothing became of
	Conflicting []string // events of which workers published fixes that differ in more than their times
	Both        []string // captures in a fix and among the dead letters, in two fixes, or dead for two reasons
	Torn        []string // emissions with several fixes, and fixes of several emissions
	Unfair      []string // captures that did not deserve their end
	Strange     []string // what cannot be
}

// Tally counts what the ledger knows.
func (l *EventLedger) Tally() EventTally {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := EventTally{Strange: slices.Clone(l.strange), Deaths: make(map[string]int)}
	for _, of := range l.emissions {
		t.addEmission(l, of)
	}
	for _, f := range l.fixes {
		t.addFix(l, f)
	}
	for _, list := range [][]string{t.Missing, t.Conflicting, t.Both, t.Torn, t.Unfair, t.Strange} {
		slices.Sort(list)
	}
	return t
}

// addEmission counts an emission and its captures.
func (t *EventTally) addEmission(l *EventLedger, of *emission) {
	end := of.end()
	if end.published == 0 && end.refused == 0 {
		return
	}
	t.Events++
	if len(end.fixes) > 0 {
		t.Fixed++
	}
	if len(end.fixes) > 1 {
		t.Torn = append(t.Torn, fmt.Sprintf("an emission of %s/%s has %d fixes, of %d stations", of.Network, of.Event, len(end.fixes), end.stations))
	}
	if len(end.fixes) > 0 && end.members < end.stations {
		t.Partial++
	}
	for _, e := range of.captures {
		t.addCapture(l, e, end)
	}
}

// emissionEnd is how an emission ended.
type emissionEnd struct {
	published, refused int // captures
	stations           int // with a capture that was published in time
	fixes              []string
	members            int // captures that the fixes rest on
}

func (of *emission) end() (end emissionEnd) {
	stations := make(map[string]bool)
	for _, e := range of.captures {
		if e.refused != "" {
			end.refused++
		}
		if e.acked.IsZero() {
			continue
		}
		end.published++
		if e.Treatment != Delayed {
			stations[e.Station] = true
		}
		if len(e.in) > 0 {
			end.members++
		}
		for _, fix := range e.in {
			if !slices.Contains(end.fixes, fix) {
				end.fixes = append(end.fixes, fix)
			}
		}
	}
	end.stations = len(stations)
	return end
}

// addCapture counts a capture and judges its end.
func (t *EventTally) addCapture(l *EventLedger, e *heardEntry, end emissionEnd) {
	if e.acked.IsZero() {
		if e.refused != "" {
			t.Refused++
		}
		if len(e.in)+len(e.dead) > 0 && e.refused != "" {
			t.Strange = append(t.Strange, e.name()+" was refused and yet stored")
		}
		return
	}
	t.Published++
	t.Copies += e.messages - 1
	if len(e.in) > 0 {
		t.Members++
	} else if len(e.dead) > 0 {
		t.Deaths[e.dead[0]]++
	}
	switch {
	case len(e.in)+len(e.dead) == 0:
		t.Missing = append(t.Missing, e.name())
	case e.both(l.harmed):
		t.Both = append(t.Both, fmt.Sprintf("%s: in fixes %v, and dead letters %v: %s", e.name(), e.in, e.dead, e.why))
	case len(e.in) > 0 && e.Treatment == Delayed:
		t.Unfair = append(t.Unfair, e.name()+" came when its event had ended, and is in a fix")
	case len(e.in) == 0:
		t.judgeDeath(l, e, end)
	}
}

func (e *heardEntry) name() string {
	return fmt.Sprintf("%s capture %s of %s for %s", e.Treatment, e.CaptureID, e.Subject, e.of.Event)
}

// both says whether a capture ended more than once. Of one that is stored twice the copy may come after the event's end, and
// be late. Where something dies its event may also be refused with one of the two and begin anew with the other, as a replay's
// does: then each message has its own end.
func (e *heardEntry) both(harmed bool) bool {
	if e.copied && harmed {
		return len(e.in) > 1 || len(e.in)+len(e.dead) > e.messages
	}
	codes := slices.Compact(slices.Sorted(slices.Values(e.dead)))
	if e.copied && len(e.in) > 0 && len(codes) == 1 && codes[0] == codeLate {
		return false
	}
	return len(e.in) > 1 || len(e.in) > 0 && len(codes) > 0 || len(codes) > 1
}

// Codes of the meeting, by their names: the ledger does not ask the programs that it judges.
const (
	codeLate     = "late"
	codeTooFew   = "too_few_receivers"
	codeRepeated = "repeated_station"
)

// judgeDeath says whether a dead capture deserved its code.
//
//   - late: its event has a fix, and it was published when that was there, or after the window;
//   - repeated_station: its station published another one of the same emission, which has not this code;
//   - too_few_receivers: fewer stations than needed published in time.
//
// A capture that was in time is overtaken if it is dead as late or as one of too few although there were enough. That may
// happen only where nobody waited for its station, or where workers or servers died: they had it in hand, and it came back
// when its event had ended.
func (t *EventTally) judgeDeath(l *EventLedger, e *heardEntry, end emissionEnd) {
	enough := end.stations >= leastReceivers
	inTime := e.Treatment != Delayed && e.acked.Before(e.of.first.Add(l.window/2))
	twin := e.twin()
	fair := false
	switch code := e.dead[0]; {
	case code == codeRepeated:
		fair = twin != nil && (len(twin.dead) == 0 || twin.dead[0] != codeRepeated)
	case code == codeLate && len(end.fixes) > 0 && (!inTime || twin != nil && len(twin.in) > 0), code == codeTooFew && !enough:
		fair = true
	case code == codeLate && len(end.fixes) > 0, code == codeTooFew:
		t.Overtaken++
		fair = l.harmed || code == codeLate && !l.awaited(e)
	}
	if !fair {
		t.Unfair = append(t.Unfair, fmt.Sprintf("%s became a dead letter: %s: %s; %d stations were in time, %v after the first capture was sent it had its PubAck",
			e.name(), e.dead[0], e.why, end.stations, e.acked.Sub(e.of.first)))
	}
}

// awaited says whether the workers were to wait for a capture's station: it is listed, or it was in an event on the same
// frequency that had its fix before this one began.
func (l *EventLedger) awaited(e *heardEntry) bool {
	if e.of.Listed {
		return true
	}
	for _, of := range l.emissions {
		if of.Network != e.of.Network || of.Frequency != e.of.Frequency {
			continue
		}
		for _, earlier := range of.captures {
			if earlier.Station == e.Station && len(earlier.in) > 0 && l.fixes[earlier.in[0]].fixTime.Before(e.of.first) {
				return true
			}
		}
	}
	return false
}

// twin is another published capture of the same station and emission; nil: there is none.
func (e *heardEntry) twin() *heardEntry {
	for _, other := range e.of.captures {
		if other != e && other.Station == e.Station && !other.acked.IsZero() {
			return other
		}
	}
	return nil
}

// addFix counts a fix, and looks whether it is one emission's and holds its emitter.
func (t *EventTally) addFix(l *EventLedger, f *eventFix) {
	t.Again += max(f.published-1, 0)
	if f.conflict != "" {
		t.Conflicting = append(t.Conflicting, f.conflict)
	}
	if f.stored == 0 {
		t.Strange = append(t.Strange, fmt.Sprintf("the fix %s was published and is not in the stream", f.fix.CaptureID))
		return
	}
	if f.stored > 1 {
		t.Strange = append(t.Strange, fmt.Sprintf("the fix %s is %d times in the stream", f.fix.CaptureID, f.stored))
	}
	var of *emission
	for _, r := range f.fix.Receivers {
		e := l.captures[r.CaptureID]
		if e == nil {
			continue // noted when the fix was
		}
		if of != nil && of != e.of {
			t.Torn = append(t.Torn, fmt.Sprintf("the fix %s rests on captures of several emissions", f.fix.CaptureID))
		}
		of = e.of
	}
	if of != nil && holds(f.fix, of.Where) {
		t.Within++
	}
}

// holds says whether the fix's ellipse holds a place.
func holds(fix *messages.Fix, place geo.Position) bool {
	u := fix.Uncertainty
	ellipse := geo.Ellipse{SemiMajor: u.SemiMajor, SemiMinor: u.SemiMinor, Theta: u.Theta, Confidence: u.ConfidenceInterval}
	return ellipse.ContainsPosition(geo.Position{Latitude: fix.Position.Latitude, Longitude: fix.Position.Longitude}, place)
}
