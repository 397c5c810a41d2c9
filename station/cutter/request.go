package cutter

import (
	"fmt"
	"time"

	"foxhunt/messages"
)

// Request asks for one capture. What is past must lie within the ring.
type Request struct {
	Event     string  // name of the emission, which the captures of all stations share
	Frequency float64 // Hz; 0 is whatever the receiver is tuned to
	At        time.Time
	Length    time.Duration
}

// Limits of requests.
const (
	MaxRequests = 64        // that wait for their samples
	MaxAhead    = time.Hour // from now to a request's time
)

// Request has a capture made as soon as its samples have come; it is among those that Add returns. What the receiver hears
// then must be of the request's frequency. The error is a *messages.Refusal with one of the Answer codes.
func (c *Cutter) Request(r Request) error {
	if err := c.fits(r.Length); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	from := r.At.UnixNano()
	d := due{kind: &c.done.Requested, event: r.Event, frequency: r.Frequency, from: from, to: from + int64(r.Length)}
	waiting := 0
	for _, other := range c.due {
		if other.kind == d.kind {
			waiting++
		}
	}
	now := c.ring.now()
	switch {
	case waiting >= MaxRequests:
		return refuse(messages.AnswerBusy, "%d requests wait already", waiting)
	case c.ended:
		return refuse(messages.AnswerNoSamples, "its samples have ended")
	case now == nil:
		return refuse(messages.AnswerNoSamples, "no samples have come yet")
	case from-now.timeOf(now.end) > int64(MaxAhead):
		return refuse(messages.AnswerTooEarly, "%v is more than %v ahead", r.At.UTC(), MaxAhead)
	default:
		if capture, wait := c.try(d); capture == nil && !wait {
			return c.tooLate(d)
		}
	}
	c.due = append(c.due, d)
	return nil
}

// Sigma is what captures on request state of their times, as far as is known now (ns): the most that any samples do that are kept,
// as a request may be of each. It is 0 before the first samples.
func (c *Cutter) Sigma() (sigma float64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range c.ring.runs {
		sigma = max(sigma, min(r.sigma, messages.MaxClockSigma))
	}
	return sigma
}

// tooLate says why a request of what is past cannot be met.
func (c *Cutter) tooLate(d due) error {
	oldest := c.ring.runs[0]
	kept := messages.Instant(oldest.timeOf(oldest.begin))
	if d.from < oldest.timeOf(oldest.begin) {
		return refuse(messages.AnswerTooLate, "the samples from %v on are not kept any more: the oldest are of %v", messages.Instant(d.from), kept)
	}
	return refuse(messages.AnswerTooLate, "there was a gap, or another frequency was heard, between %v and %v", messages.Instant(d.from), messages.Instant(d.to))
}

func refuse(code, format string, args ...any) error {
	return &messages.Refusal{Code: code, Reason: fmt.Sprintf(format, args...)}
}
