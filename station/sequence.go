package station

import (
	"time"

	"foxhunt/messages"
)

// DefaultSequenceLength is how much of a recording goes into one capture of a sequence.
const DefaultSequenceLength = time.Second

// Sequence cuts one station's recording into captures of that receiver alone, o.Length each
// (0 stands for DefaultSequenceLength). They begin at whole multiples of the length since the
// Unix epoch, and are named after that unless o names their event, so that captures of
// different stations cover the same time and meet; what lies before the first and after the
// last is left out. A recording that is a capture's Part is one capture,
// unless o says how to cut it. The samples alias the recording. The error is a
// *messages.Refusal.
func Sequence(r *Recording, stations Stations, o CaptureOptions) ([]*messages.Capture, error) {
	alone := []*Recording{r}
	o = o.filled(alone)
	station, err := stations.of(r)
	if err != nil {
		return nil, err
	}
	frequency, err := commonFrequency(alone)
	if err != nil {
		return nil, err
	}
	if areParts(alone, o) {
		c := newCapture(frequency, o)
		c.Receivers = []messages.Receiver{r.receiver(station, r.StartTime, r.EndTime())}
		return []*messages.Capture{c}, c.Validate()
	}
	if o.Length == 0 {
		o.Length = DefaultSequenceLength
	}
	if o.Start < 0 || o.Length < 0 || o.Start >= r.Duration() {
		return nil, refuse(CodeTooShort, "%v each from %v on were asked for; %s lasts %v", o.Length, o.Start, r.Name, r.Duration())
	}
	if fits := longestCapture(alone, o); o.Length > fits {
		return nil, refuse(CodeTooLong, "%v were asked for; %v fit into a capture of %d bytes", o.Length, fits, messages.MaxCaptureBytes)
	}
	length, end := int64(o.Length), r.EndTime()
	var captures []*messages.Capture
	for from := (r.StartTime + int64(o.Start) + length - 1) / length * length; from+length <= end; from += length {
		c := newCapture(frequency, o)
		if c.Event == "" {
			c.Event = messages.TickEvent(frequency, from)
		}
		c.Receivers = []messages.Receiver{r.receiver(station, from, from+length)}
		if err := c.Validate(); err != nil {
			return nil, err
		}
		captures = append(captures, c)
	}
	if len(captures) == 0 {
		return nil, refuse(CodeTooShort, "%s lasts %v and does not cover a whole span of %v", r.Name, r.Duration(), o.Length)
	}
	return captures, nil
}
