package status

import (
	"fmt"
	"time"
)

const (
	quietFor     = 10 * time.Second // without samples of a live receiver
	clippedShare = 0.001
	fullShare    = 0.8
	looseClock   = 10 * time.Millisecond // 3,000 km
)

// problems are the sentences for what a person should look at.
func problems(s *Snapshot) []string {
	found := []string{}
	say := func(wrong bool, format string, args ...any) {
		if wrong {
			found = append(found, fmt.Sprintf(format, args...))
		}
	}
	r, sp := &s.Receiver, &s.Spool
	since := s.Time.Sub(r.LastSample)
	switch {
	case !r.Live:
	case r.LastSample.IsZero():
		say(s.Time.Sub(s.Started) > quietFor, "No samples have come from %s yet.", r.Name)
	default:
		say(since > quietFor, "No samples have come for %s.", short(since))
	}
	say(r.Clipped > clippedShare, "The receiver clips: %s of the samples are at the end of the scale. Lower the gain.", percent(r.Clipped))
	say(!s.NATS.Connected, "There is no connection to NATS. Captures wait on the disk.")
	say(s.NATS.Connected && sp.LastError != "", "The stream does not take captures: %s", sp.LastError)
	say(float64(sp.Bytes) > fullShare*float64(sp.MaxBytes), "The spool is nearly full: at %s its oldest captures are dropped.", size(sp.MaxBytes))
	say(sp.TooOld+sp.NoRoom > 0, "%d captures were dropped: they waited for too long, or there was no room for them.", sp.TooOld+sp.NoRoom)
	say(sp.Unwritten > 0, "%d captures could not be written to the disk and are lost. Is it full?", sp.Unwritten)
	say(sp.Unfit > 0, "%d captures are lost, as nobody takes what they say; the log says what that is.", sp.Unfit)
	say(sp.Refused+sp.Damaged > 0, "%d captures were set aside; the reasons stand in the spool's folder.", sp.Refused+sp.Damaged)
	if c := s.Clock; c != nil {
		say(!c.Synchronized, "Nothing keeps this machine's clock in time. Install chrony.")
		say(c.Synchronized && c.Sigma > looseClock, "This machine's clock is good to %s only: no fix can use that.", short(c.Sigma))
	}
	return found
}
