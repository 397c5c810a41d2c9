package gateway

import (
	"slices"
	"strconv"
	"time"

	"foxhunt/messages"
)

// receiver is one receiver as a request tells of it. given are the fields it has.
type receiver struct {
	messages.Receiver
	given []string
}

// field takes the value of a receiver's field; known is false for a field that no receiver has. room is how many bytes of
// samples the capture may still take.
func (r *receiver) field(s *scanner, name string, room int) (known bool, f *fault) {
	switch name {
	case "station":
		r.Station, f = s.str()
	case "latitude":
		r.Latitude, f = s.number()
	case "longitude":
		r.Longitude, f = s.number()
	case "altitude":
		r.Altitude, f = s.number()
	case "start_time":
		r.StartTime, f = s.moment()
	case "clock_sigma":
		r.ClockSigma, f = s.number()
	case "sample_rate":
		r.SampleRate, f = s.number()
	case "gain":
		r.Gain, f = s.number()
	case "format":
		r.Format, f = s.format()
	case "iq_data":
		r.IQ, f = s.pairs(room)
	case "iq":
		r.IQ, f = s.base64(room)
	default:
		return false, nil
	}
	if slices.Contains(r.given, name) && f == nil {
		f = twice()
	}
	r.given = append(r.given, name)
	return true, f.in(name)
}

func twice() *fault { return faulty(messages.CodeDuplicateKey, "occurs twice") }

func (r *receiver) has(name string) bool { return slices.Contains(r.given, name) }

// finish checks that the fields go together, once all are known.
func (r *receiver) finish() *fault {
	switch {
	case r.has("iq_data") && r.has("iq"):
		return faulty(CodeConflict, "is there beside iq_data; want one of them").in("iq")
	case r.has("iq_data") && r.has("format"):
		return faulty(CodeConflict, "is there beside iq_data, whose numbers are what they are; it goes with iq").in("format")
	case r.has("iq") && !r.has("format"):
		return missing("format")
	case r.has("iq_data"):
		r.Format = messages.CF32
	case !r.has("iq"):
		return missing("iq_data")
	}
	return nil
}

func missing(field string) *fault {
	return faulty(messages.CodeMissingField, "is missing").in(field)
}

// format takes the name of a sample format.
func (s *scanner) format() (messages.SampleFormat, *fault) {
	name, f := s.str()
	format := messages.SampleFormat(name)
	if f == nil && format.BytesPerSample() == 0 {
		f = faulty(messages.CodeBadFormat, "is %.32q; want cu8, ci8, ci16_le or cf32_le", name)
	}
	return format, f
}

// moment takes a time: RFC 3339 text, or nanoseconds since 1970.
func (s *scanner) moment() (int64, *fault) {
	if s.next() == '"' {
		return s.date()
	}
	text, f := s.digits()
	if f != nil {
		return 0, f
	}
	ns, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil {
		return 0, faulty(messages.CodeBadTime, "is %.40s; want whole nanoseconds since 1970, or RFC 3339 text", text)
	}
	return checkedTime(ns)
}

func (s *scanner) date() (int64, *fault) {
	text, f := s.str()
	if f != nil {
		return 0, f
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || t.Year() < 1970 || t.Year() >= 2200 {
		return 0, faulty(messages.CodeBadTime, "is %.60q; want a time between 1970 and 2200 as of RFC 3339, such as 2026-03-01T12:00:00.000000120Z", text)
	}
	return checkedTime(t.UnixNano())
}

func checkedTime(ns int64) (int64, *fault) {
	if ns <= 0 || ns >= messages.MaxStartTime {
		return 0, faulty(messages.CodeBadTime, "is %d; want nanoseconds since 1970, before the year 2200", ns)
	}
	return ns, nil
}
