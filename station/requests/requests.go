// Package requests decides which of the captures that a dispatcher asks its network's stations for this station makes. Whoever may
// publish requests may ask as often as they like, so it hears only so many, plans only so many, and counts the rest.
package requests

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"foxhunt/messages"
	"foxhunt/station/cutter"
)

// Limits of what a station lets itself be asked.
const (
	PerSecond = 2                // requests heard, on the average
	Burst     = 10               // and at once
	MaxPlans  = 16               // requests accepted whose capture is not over
	Ahead     = 10 * time.Minute // the furthest that a capture is planned ahead
)

// Receiver is what a station's receiver can do at this moment.
type Receiver struct {
	Frequency   float64       // Hz, what it is tuned to when no request wants another
	Tunable     bool          // it may be tuned to another for a request
	Tuning      time.Duration // how long that takes
	SampleRate  float64       // Hz
	SampleBytes int           // of one sample, I and Q
	Keep        time.Duration // how much of the past is still there
	MaxLength   time.Duration // the longest capture that can be cut; 0: as long as a message may be
	ClockSigma  time.Duration // of its clock
	Silent      bool          // no samples come from it at this moment, so that nobody knows how good its times are
}

// Options say for whom a Desk decides.
type Options struct {
	Station  string
	Receiver func() Receiver
	Take     func(cutter.Request) error // makes the capture; a *messages.Refusal says why not, any other error is told as AnswerBusy
	Now      func() time.Time           // default: time.Now
}

// Counts is what became of the requests so far.
type Counts struct {
	Accepted, Refused uint64
	Malformed         uint64 // no request
	Limited           uint64 // not looked at, as they came too fast
}

// Desk takes requests for a station. It is safe for concurrent use.
type Desk struct {
	options Options
	limit   *rate.Limiter

	mu     sync.Mutex
	plans  []plan // accepted, until they are forgotten
	counts Counts
}

// plan is a time at which the receiver is spoken for.
type plan struct {
	event     string
	frequency float64
	from, to  time.Time
	known     time.Time // until when the event is remembered
}

// remembered is for how long after its capture, or its request, an event is not taken again.
const remembered = time.Minute

// New is a desk without plans.
func New(o Options) *Desk {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Desk{options: o, limit: rate.NewLimiter(PerSecond, Burst)}
}

// Counts returns what became of the requests so far.
func (d *Desk) Counts() Counts {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.counts
}

// Answer decides about a request, and returns the answer to send; nil where the requests come too fast to be answered. The same
// request again is answered alike and made once.
func (d *Desk) Answer(msg []byte) []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.options.Now()
	if !d.limit.AllowN(now, 1) {
		d.counts.Limited++
		return nil
	}
	answer := messages.Answer{Version: messages.RequestVersion, Station: d.options.Station}
	request, err := messages.DecodeRequest(msg)
	if err != nil {
		d.counts.Malformed++
		answer.Code, answer.Reason = refusal(err, messages.CodeBadRequest)
		return encode(&answer)
	}
	answer.Event = request.Event
	r := d.options.Receiver()
	if answer.Code, answer.Reason = d.decide(request, r, now); answer.Code != "" {
		d.counts.Refused++
		return encode(&answer)
	}
	d.counts.Accepted++
	answer.Accepted, answer.SampleRate = true, r.SampleRate
	answer.ClockSigma = min(float64(r.ClockSigma), messages.MaxClockSigma)
	return encode(&answer)
}

// decide takes the request, or says why not.
func (d *Desk) decide(q *messages.Request, r Receiver, now time.Time) (code, reason string) {
	d.plans = slices.DeleteFunc(d.plans, func(p plan) bool { return p.known.Before(now) })
	if slices.ContainsFunc(d.plans, func(p plan) bool { return p.event == q.Event }) {
		return "", ""
	}
	if code, reason = possible(q, r, now); code != "" {
		return code, reason
	}
	p := plan{event: q.Event, frequency: q.Frequency, from: q.At.Time(), to: q.At.Time().Add(q.Duration())}
	if q.Frequency != r.Frequency {
		p.from, p.to = p.from.Add(-r.Tuning), p.to.Add(r.Tuning)
	}
	p.known = p.to.Add(remembered)
	if least := now.Add(remembered); p.known.Before(least) {
		p.known = least
	}
	if reason := d.taken(p, now); reason != "" {
		return messages.AnswerBusy, reason
	}
	err := d.options.Take(cutter.Request{Event: q.Event, Frequency: q.Frequency, At: q.At.Time(), Length: q.Duration()})
	if err != nil {
		return refusal(err, messages.AnswerBusy)
	}
	d.plans = append(d.plans, p)
	return "", ""
}

// taken says why a plan has no place beside the others; "" if it has.
func (d *Desk) taken(p plan, now time.Time) string {
	open := 0
	for _, other := range d.plans {
		if other.to.After(now) {
			open++
		}
		if other.frequency != p.frequency && other.from.Before(p.to) && p.from.Before(other.to) {
			return fmt.Sprintf("it is to hear %.9g Hz at that time", other.frequency)
		}
	}
	if open >= MaxPlans {
		return fmt.Sprintf("it has %d requests already", open)
	}
	return ""
}

// possible says why the receiver cannot make the capture, whatever else it has to do; "" if it can.
func possible(q *messages.Request, r Receiver, now time.Time) (code, reason string) {
	away := q.Frequency != r.Frequency
	most := r.longest()
	start := q.At.Time()
	switch {
	case away && !r.Tunable:
		return messages.AnswerNotTunable, fmt.Sprintf("it hears %.9g Hz, and is not to be tuned", r.Frequency)
	case q.MinRate > r.SampleRate:
		return messages.AnswerRateTooLow, fmt.Sprintf("it takes %.6g samples a second", r.SampleRate)
	case q.Duration() > most:
		return messages.AnswerTooLong, fmt.Sprintf("at %.6g samples a second it makes captures of at most %v", r.SampleRate, most.Truncate(time.Millisecond))
	case start.After(now.Add(Ahead)):
		return messages.AnswerTooEarly, fmt.Sprintf("that is in %v; it plans %v ahead", start.Sub(now).Truncate(time.Second), Ahead)
	case away && start.Before(now.Add(r.Tuning)):
		return messages.AnswerTooLate, fmt.Sprintf("that is in %v; it takes %v to be tuned", start.Sub(now).Truncate(time.Millisecond), r.Tuning)
	case start.Before(now.Add(-r.Keep)):
		return messages.AnswerTooLate, fmt.Sprintf("that is %v past; it keeps the last %v", now.Sub(start).Truncate(time.Millisecond), r.Keep)
	case r.Silent:
		return messages.AnswerNoSamples, "no samples come from its receiver at this moment"
	}
	return "", ""
}

// headroom is what a capture's message takes beside the samples: its header, and the place of one receiver.
const headroom = 4 << 10

// longest is the longest capture that can be made.
func (r Receiver) longest() time.Duration {
	samples := float64(messages.MaxCaptureBytes-headroom) / float64(max(r.SampleBytes, 1))
	most := time.Duration(min(samples/math.Max(r.SampleRate, 1)*float64(time.Second), float64(messages.MaxRequestLength)))
	if r.MaxLength > 0 {
		most = min(most, r.MaxLength)
	}
	return most
}

// refusal is an error as an answer's code and reason.
func refusal(err error, other string) (code, reason string) {
	var r *messages.Refusal
	if errors.As(err, &r) {
		return r.Code, bounded(r.Reason)
	}
	return other, bounded(err.Error())
}

// encode writes an answer of this package's making.
func encode(a *messages.Answer) []byte {
	b, err := a.Encode()
	if err != nil {
		return nil // a station whose name is none; it cannot publish either
	}
	return b
}
