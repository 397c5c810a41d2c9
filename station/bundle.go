package station

import (
	"cmp"
	"time"

	"foxhunt/messages"
)

// CaptureOptions says how captures are cut from recordings.
type CaptureOptions struct {
	Start   time.Duration // left out at the beginning
	Length  time.Duration // of a capture; 0 stands for a default, see Bundle and Sequence
	Event   string
	Session string
}

// receiverBytes and captureBytes are more than what a receiver and the capture around it take
// on the wire beside samples and texts.
const (
	receiverBytes = 256
	captureBytes  = 256
)

// Bundle makes one capture of recordings of the same frequency by different stations. It
// covers o.Length of the time they have in common, beginning o.Start after its start; with
// Length 0 all of it, or as much as fits into messages.MaxCaptureBytes. Each receiver's part
// begins with its own first sample in that span, and t0 is that sample's time. The samples
// alias the recordings. Recordings that are the parts of one capture (Part) are not cut again,
// unless o says how. The error is a *messages.Refusal.
func Bundle(recordings []*Recording, stations Stations, o CaptureOptions) (*messages.Capture, error) {
	if len(recordings) == 0 {
		return nil, refuse(CodeNoRecordings, "no recordings to bundle")
	}
	o = o.filled(recordings)
	frequency, err := commonFrequency(recordings)
	if err != nil {
		return nil, err
	}
	from, to, err := commonSpan(recordings)
	if err != nil {
		return nil, err
	}
	if from, to, err = chooseSpan(recordings, from, to, o); err != nil {
		return nil, err
	}
	c := newCapture(frequency, o)
	parts := areParts(recordings, o)
	for _, r := range recordings {
		station, err := stations.of(r)
		if err != nil {
			return nil, err
		}
		if parts {
			from, to = r.StartTime, r.EndTime()
		}
		c.Receivers = append(c.Receivers, r.receiver(station, from, to))
	}
	return c, c.Validate()
}

func newCapture(frequency float64, o CaptureOptions) *messages.Capture {
	return &messages.Capture{
		Version: messages.CaptureVersion, ID: messages.NewCaptureID(), Event: o.Event, Session: o.Session,
		Frequency: frequency, Cache: true,
	}
}

// filled is o with the names that recordings say and o does not.
func (o CaptureOptions) filled(recordings []*Recording) CaptureOptions {
	for _, r := range recordings {
		o.Event, o.Session = cmp.Or(o.Event, r.Event), cmp.Or(o.Session, r.Session)
	}
	return o
}

// areParts reports whether the recordings are parts of one capture, to be put together as they were.
func areParts(recordings []*Recording, o CaptureOptions) bool {
	size := 0
	for _, r := range recordings {
		if size += len(r.IQ); r.Part == "" || r.Part != recordings[0].Part {
			return false
		}
	}
	return o.Start == 0 && o.Length == 0 && size < messages.MaxCaptureBytes
}

// commonFrequency is the frequency of all recordings, of which some may not know it.
func commonFrequency(recordings []*Recording) (float64, error) {
	var known *Recording
	for _, r := range recordings {
		switch {
		case r.Frequency == 0:
		case known == nil:
			known = r
		case r.Frequency != known.Frequency:
			return 0, refuse(CodeFrequencyMismatch, "%s is of %g Hz, %s of %g Hz", known.Name, known.Frequency, r.Name, r.Frequency)
		}
	}
	if known == nil {
		return 0, refuse(CodeMissingOption, "no name of a recording says its frequency; give it in Hz")
	}
	return known.Frequency, nil
}

// commonSpan is the time that all recordings cover, ns since the Unix epoch.
func commonSpan(recordings []*Recording) (from, to int64, err error) {
	last, first := recordings[0], recordings[0] // the last to start, the first to end
	for _, r := range recordings[1:] {
		if r.StartTime > last.StartTime {
			last = r
		}
		if r.EndTime() < first.EndTime() {
			first = r
		}
	}
	if first.EndTime() <= last.StartTime {
		return 0, 0, refuse(CodeNoOverlap, "%s ends at %v, before %s starts at %v",
			first.Name, messages.Instant(first.EndTime()), last.Name, messages.Instant(last.StartTime))
	}
	return last.StartTime, first.EndTime(), nil
}

// chooseSpan picks what was asked for out of the common span.
func chooseSpan(recordings []*Recording, from, to int64, o CaptureOptions) (int64, int64, error) {
	common := time.Duration(to - from)
	if o.Start < 0 || o.Length < 0 || o.Start >= common || o.Length > common-o.Start {
		return 0, 0, refuse(CodeTooShort, "%v from %v on were asked for; the recordings have %v in common", o.Length, o.Start, common)
	}
	from += int64(o.Start)
	fits := longestCapture(recordings, o)
	switch {
	case o.Length > fits:
		return 0, 0, refuse(CodeTooLong, "%v were asked for; %v fit into a capture of %d bytes", o.Length, fits, messages.MaxCaptureBytes)
	case o.Length > 0:
		to = from + int64(o.Length)
	default:
		to = min(to, from+int64(fits))
	}
	return from, to, nil
}

// longestCapture is how much time of the recordings together fits into one capture.
func longestCapture(recordings []*Recording, o CaptureOptions) time.Duration {
	room := float64(messages.MaxCaptureBytes - captureBytes - len(o.Event) - len(o.Session))
	var rate float64 // bytes/s
	for _, r := range recordings {
		size := float64(r.Format.BytesPerSample())
		room -= receiverBytes + size // a span may hold one sample more than its length says
		rate += size * r.SampleRate
	}
	return time.Duration(room / rate * 1e9)
}
