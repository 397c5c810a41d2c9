package gateway

import (
	"slices"
	"time"

	"foxhunt/messages"
)

// Defaults stand for what a request of one receiver does not say. A field that is nil must be said.
type Defaults struct {
	SampleRate      *float64           // Hz
	CenterFrequency *float64           // Hz
	Position        *messages.Position // of the receiver
	Network         string             // of requests that name none
	Bundle          string             // source of captures of several receivers
}

// unknownClock is the standard deviation, in ns, of a clock that nobody vouches for: 1 s. It serves where there is but one
// receiver, whose time stamps locate nothing.
const unknownClock = messages.MaxClockSigma

// sample is a request for one fix.
type sample struct {
	capture messages.Capture
	network string
	form    form
}

// reading is a request while it is read.
type reading struct {
	sample
	scan      *scanner
	own       receiver // the fields of a receiver in the request itself
	receivers []receiver
	given     []string
	room      int // bytes of samples that the capture may still take
}

// read takes a request for one fix.
func (d *Defaults) read(s *scanner, now time.Time) (*sample, *fault) {
	r := &reading{scan: s, room: messages.MaxCaptureBytes}
	r.capture.Version, r.capture.Cache = messages.CaptureVersion, true
	if f := s.object(r.field); f != nil {
		return nil, f
	}
	if f := r.finish(d, now); f != nil {
		return nil, f
	}
	r.capture.ID = newID(now)
	return &r.sample, nil
}

// field takes the value of one of the request's fields.
func (r *reading) field(name string) *fault {
	before := len(r.own.IQ)
	if known, f := r.own.field(r.scan, name, r.room); known {
		r.room -= len(r.own.IQ) - before
		return f
	}
	var f *fault
	switch name {
	case "session_id":
		r.capture.Session, f = r.text()
	case "event":
		r.capture.Event, f = r.text()
	case "network":
		r.network, f = r.text()
	case "cache_enabled":
		if !r.scan.null() {
			r.capture.Cache, f = r.scan.boolean()
		}
	case "center_frequency":
		r.capture.Frequency, f = r.scan.number()
	case "receivers":
		f = r.scan.array(r.receiver)
	default:
		f = faulty(CodeUnknownField, "is no field of a request")
	}
	if slices.Contains(r.given, name) && f == nil {
		f = twice()
	}
	r.given = append(r.given, name)
	return f.in(name)
}

// text takes a string, or null for none.
func (r *reading) text() (string, *fault) {
	if r.scan.null() {
		return "", nil
	}
	return r.scan.str()
}

// receiver takes an element of receivers.
func (r *reading) receiver(i int) *fault {
	if i >= messages.MaxReceivers {
		return faulty(messages.CodeTooManyReceivers, "is one receiver too many; want at most %d", messages.MaxReceivers)
	}
	var one receiver
	f := r.scan.object(func(name string) *fault {
		known, f := one.field(r.scan, name, r.room)
		if !known {
			return faulty(CodeUnknownField, "is no field of a receiver").in(name)
		}
		return f
	})
	r.room -= len(one.IQ)
	r.receivers = append(r.receivers, one)
	return f
}

// finish makes the capture of what was read.
func (r *reading) finish(d *Defaults, now time.Time) *fault {
	if r.network == "" {
		r.network = d.Network
	}
	if err := messages.ValidateToken("network", r.network); err != nil {
		return faulty(messages.CodeBadSubject, "is %.80q; want 1 to %d of A-Z a-z 0-9 _ -", r.network, messages.MaxTokenLength).in("network")
	}
	if !slices.Contains(r.given, "center_frequency") {
		if d.CenterFrequency == nil {
			return missing("center_frequency")
		}
		r.capture.Frequency = *d.CenterFrequency
	}
	if slices.Contains(r.given, "receivers") {
		r.form = inJSON
		return r.several()
	}
	r.form = alone
	return r.single(d, now)
}

// several takes the receivers from the list. Of the request's own fields just the sample rate may stand for all.
func (r *reading) several() *fault {
	for _, name := range r.own.given {
		if name != "sample_rate" {
			return faulty(CodeConflict, "is there beside receivers; want it in each of them").in(name)
		}
	}
	if len(r.receivers) == 0 {
		return faulty(messages.CodeNoReceivers, "is empty; want 1 to %d receivers", messages.MaxReceivers).in("receivers")
	}
	for i := range r.receivers {
		one := &r.receivers[i]
		if !one.has("sample_rate") && r.own.has("sample_rate") {
			one.SampleRate, one.given = r.own.SampleRate, append(one.given, "sample_rate")
		}
		f := one.require("station", "latitude", "longitude", "start_time", "clock_sigma", "sample_rate")
		if f == nil {
			f = one.finish()
		}
		if f != nil {
			return f.at(i).in("receivers")
		}
		r.capture.Receivers = append(r.capture.Receivers, one.Receiver)
	}
	return nil
}

func (r *receiver) require(fields ...string) *fault {
	for _, name := range fields {
		if !r.has(name) {
			return missing(name)
		}
	}
	return nil
}

// single makes the request itself the one receiver. When it began to hear, and how good its clock is, may be left out:
// they locate nothing without another's.
func (r *reading) single(d *Defaults, now time.Time) *fault {
	one := &r.own
	if f := one.finish(); f != nil {
		return f
	}
	if !one.has("sample_rate") && d.SampleRate != nil {
		one.SampleRate, one.given = *d.SampleRate, append(one.given, "sample_rate")
	}
	if !one.has("latitude") && !one.has("longitude") && d.Position != nil {
		one.Latitude, one.Longitude = d.Position.Latitude, d.Position.Longitude
		one.given = append(one.given, "latitude", "longitude")
	}
	if f := one.require("sample_rate", "latitude", "longitude"); f != nil {
		return f
	}
	if !one.has("station") {
		one.Station = d.Bundle
	}
	if !one.has("start_time") {
		one.StartTime = now.UnixNano()
	}
	if !one.has("clock_sigma") {
		one.ClockSigma = unknownClock
	}
	r.capture.Receivers = []messages.Receiver{one.Receiver}
	return nil
}
