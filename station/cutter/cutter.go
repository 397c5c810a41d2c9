package cutter

import (
	"fmt"
	"math"
	"sync"
	"time"

	"foxhunt/messages"
	"foxhunt/station/receiver"
)

// Options say what is cut.
type Options struct {
	Receiver messages.Receiver // station, place and gain of all captures
	Schedule Schedule
	Trigger  *Trigger      // nil: none
	Keep     time.Duration // how long samples are kept for requests of what is past; 0: there are no requests
}

// Captures is what a Cutter made, and could not make.
type Captures struct {
	Scheduled uint64 // captures
	Triggered uint64
	Requested uint64
	Missed    uint64 // due, but not all of their samples came: a gap, a change of frequency, the end
}

// maxRingBytes bounds the memory for samples that Keep asks for; a capture's length may want more.
const maxRingBytes = 64 << 20

// overhead is more than what a capture takes on the wire beside its samples.
const overhead = 2 << 10

// Cutter cuts captures out of a receiver's samples. Add is for one goroutine, the rest for any.
type Cutter struct {
	o     Options
	info  receiver.Info
	meter *receiver.Meter
	most  int64 // samples that a capture holds

	mu      sync.Mutex
	ring    *ring
	tick    int64 // ns since the Unix epoch: the last that was taken up
	ticking bool  // there was one
	trigger *trigger
	due     []due
	ended   bool // no more samples will come
	done    Captures
}

// due is a capture that is wanted.
type due struct {
	kind      *uint64 // which of Captures counts it
	event     string
	frequency float64 // Hz; 0: any
	from, to  int64   // ns since the Unix epoch
}

// New is a cutter for what comes from a receiver. The error says which option makes no sense.
func New(info receiver.Info, o Options) (*Cutter, error) {
	size := info.Format.BytesPerSample()
	if size == 0 {
		return nil, fmt.Errorf("%.32q is no sample format", string(info.Format))
	}
	c := &Cutter{o: o, info: info, meter: receiver.NewMeter(info), most: int64((messages.MaxCaptureBytes - overhead) / size)}
	if err := o.validate(c); err != nil {
		return nil, err
	}
	if o.Trigger != nil {
		c.trigger = newTrigger(*o.Trigger)
	}
	c.ring = newRing(int(o.ringSamples(info.SampleRate, size)), size)
	return c, nil
}

// validate holds the options against what a capture may have.
func (o Options) validate(c *Cutter) error {
	lengths := []struct {
		what   string
		length time.Duration
		used   bool
	}{
		{"length", o.Schedule.Length, o.Schedule.Every != 0},
		{"length", o.triggerLength(), o.Trigger != nil},
	}
	for _, l := range lengths {
		if !l.used {
			continue
		}
		if err := c.fits(l.length); err != nil {
			return fmt.Errorf("%s: %w", l.what, err)
		}
	}
	switch {
	case o.Schedule.Every < 0 || o.Schedule.Every != 0 && o.Schedule.Every < o.Schedule.Length:
		return fmt.Errorf("a capture of %v every %v: they would overlap", o.Schedule.Length, o.Schedule.Every)
	case o.Schedule.Every != 0 && o.Schedule.Every < LeastEvery:
		return fmt.Errorf("a capture every %v; want one every %v at most", o.Schedule.Every, LeastEvery)
	case o.Keep < 0 || o.Keep > time.Hour:
		return fmt.Errorf("%v of samples are to be kept; want at most 1h", o.Keep)
	}
	if o.Trigger != nil {
		return o.Trigger.validate()
	}
	return nil
}

func (o Options) triggerLength() time.Duration {
	if o.Trigger == nil {
		return 0
	}
	return o.Trigger.Length
}

// ringSamples is how many samples the ring has: those kept, or those of the longest capture and of what may come meanwhile,
// which is the larger part of a second, and a few more.
func (o Options) ringSamples(rate float64, size int) int64 {
	const slack = 2 * time.Second
	longest := max(o.Schedule.Length, o.triggerLength())
	need := samplesOf(longest+slack, rate)
	keep := min(samplesOf(o.Keep, rate), int64(maxRingBytes/size))
	if o.Keep > 0 { // a request may be of the longest capture there is
		need = max(need, int64(messages.MaxCaptureBytes/size)+samplesOf(slack, rate))
	}
	return max(need, keep)
}

func samplesOf(d time.Duration, rate float64) int64 { return int64(math.Ceil(d.Seconds() * rate)) }

// fits is an error if no capture of this length can be made.
func (c *Cutter) fits(length time.Duration) error {
	longest := time.Duration(float64(c.most-1) * 1e9 / c.info.SampleRate)
	switch n := samplesOf(length, c.info.SampleRate); {
	case n < 1 || length <= 0:
		return &messages.Refusal{Code: messages.AnswerTooLong, Reason: fmt.Sprintf("%v at %g Hz is not a sample; want more", length, c.info.SampleRate)}
	case length > longest:
		return &messages.Refusal{Code: messages.AnswerTooLong, Reason: fmt.Sprintf("%v at %g Hz is %d samples of %s; a capture holds %d bytes, which is %v",
			length, c.info.SampleRate, n, c.info.Format, messages.MaxCaptureBytes, longest.Truncate(time.Millisecond))}
	}
	return nil
}

// Kept is how long samples are kept, at the least.
func (c *Cutter) Kept() time.Duration {
	return time.Duration(float64(c.ring.capacity()) * 1e9 / c.info.SampleRate).Truncate(time.Millisecond)
}

// Meter is what watches the samples.
func (c *Cutter) Meter() *receiver.Meter { return c.meter }

// Captures is what was made so far.
func (c *Cutter) Captures() Captures {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.done
}

// step is how much of a block is taken up at once: more could overwrite samples that are due with it.
const step = 250 * time.Millisecond

// Add takes a block and returns the captures that are complete with it. They have no id.
func (c *Cutter) Add(b receiver.Block) (captures []*messages.Capture) {
	c.mu.Lock()
	defer c.mu.Unlock()
	size, start := c.ring.size, b.Start
	most := max(1, int(samplesOf(step, c.info.SampleRate)))
	iq := b.IQ
	for done := 0; done*size < len(iq); done += most {
		b.IQ, b.Start = iq[done*size:min((done+most)*size, len(iq))], start+int64(math.Round(float64(done)*1e9/b.Rate))
		captures = append(captures, c.add(b)...)
		b.NewRun, b.Lost = false, 0
	}
	return captures
}

func (c *Cutter) add(b receiver.Block) []*messages.Capture {
	before := c.ring.end
	c.ring.add(b)
	c.meter.Add(b, func(w receiver.Window) {
		if c.trigger != nil {
			c.triggered(w.Level, before+int64(w.End))
		}
	})
	if c.o.Schedule.Every > 0 {
		c.takeTicks()
	}
	return c.cut()
}

// cut makes the captures that can be made now, and gives up those that cannot be made any more.
func (c *Cutter) cut() (captures []*messages.Capture) {
	waiting := c.due[:0]
	for _, d := range c.due {
		capture, wait := c.try(d)
		switch {
		case capture != nil:
			*d.kind++
			captures = append(captures, capture)
		case wait:
			waiting = append(waiting, d)
		default:
			c.done.Missed++
		}
	}
	c.due = waiting
	return captures
}

// try makes a capture, or says whether its samples may still come.
func (c *Cutter) try(d due) (capture *messages.Capture, wait bool) {
	for i := range c.ring.runs {
		r := &c.ring.runs[i]
		from, to := r.first(d.from), r.first(d.to)
		switch {
		case from < r.begin || from >= r.end && r != c.ring.now():
		case to > r.end && r == c.ring.now():
			return nil, true
		case to <= r.end && from < to && to-from <= c.most && (d.frequency == 0 || d.frequency == r.frequency):
			return c.capture(d, r, from, to), false
		}
	}
	return nil, false
}

func (c *Cutter) capture(d due, r *run, from, to int64) *messages.Capture {
	rx := c.o.Receiver
	rx.StartTime, rx.ClockSigma, rx.SampleRate = r.timeOf(from), min(r.sigma, messages.MaxClockSigma), r.rate
	rx.Format, rx.IQ = c.info.Format, c.ring.copyOut(from, to)
	return &messages.Capture{
		Version: messages.CaptureVersion, Event: d.event, Frequency: r.frequency, Cache: true, Receivers: []messages.Receiver{rx},
	}
}

// End gives up what is still due, as no more samples will come.
func (c *Cutter) End() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.done.Missed += uint64(len(c.due))
	c.due, c.ended = nil, true
}
