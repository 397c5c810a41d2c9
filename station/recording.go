package station

import (
	"math"
	"os"
	"path/filepath"
	"time"

	"foxhunt/messages"
)

// MaxFileBytes bounds a recording: it is held in memory, once.
const MaxFileBytes = 1 << 30

// Recording is a contiguous run of samples of one receiver.
type Recording struct {
	Name       string  // of the file, for messages
	Station    string  // from the file, its name or Options; "" where none says it
	Frequency  float64 // Hz; 0 where none says it
	StartTime  int64   // ns since the Unix epoch (UTC) of the first sample
	SampleRate float64 // Hz, the true rate where the recording tells it
	ClockSigma float64 // ns, standard deviation of StartTime
	Format     messages.SampleFormat
	IQ         []byte
	Dropped    int // samples of the file that are not in the run: stale timestamps, other side of a gap, another segment

	// SigmaUnknown is set where neither the recording nor Options say how good StartTime is: ClockSigma is then what is
	// believed of it, unless the stations file knows better.
	SigmaUnknown bool

	// What only SigMF recordings say.
	Place          *Place  // where the receiver stood; nil where it does not say
	Gain           float64 // dB
	Event, Session string  // for captures of it, where CaptureOptions name none
	Part           string  // id of the capture that it was a part of, if it is one that was taken off a stream

	sigmaGiven bool // ClockSigma is Options', which goes before the stations file's
}

// DefaultClockSigma is what is believed at best of a start time of which nobody says how good it is, ns: most programs take
// it from the computer's clock when samples arrive, so it is that of a live receiver whose delay was never measured.
const DefaultClockSigma = 20e6

// unstatedSigma is DefaultClockSigma, and what lies behind the last digit of start that is not 0: a time of whole seconds is
// known to a second at best, however many zeros follow.
func unstatedSigma(start int64) float64 {
	unit := int64(1)
	for unit < 1e9 && start%(10*unit) == 0 {
		unit *= 10
	}
	return math.Hypot(DefaultClockSigma, float64(unit)/math.Sqrt(12))
}

// Options says what a recording does not say itself. Station and Frequency go before what
// the file and its name say, ClockSigma before what the recording and the stations file say;
// of a SigMF recording StartTime and SampleRate do, too. The rest is ignored where the
// recording has it, but a StartTime says the week of a KiwiSDR's.
type Options struct {
	Station    string
	Frequency  float64               // Hz
	Format     messages.SampleFormat // of a raw file
	SampleRate float64               // Hz, of a raw file; of a wav file, in place of the header's
	StartTime  int64                 // ns since the Unix epoch, of a raw or plain wav file; within half a week, of a KiwiSDR's
	Segment    int                   // of a SigMF recording, from 1; 0: the longest
	ClockSigma float64               // ns; 0 leaves it to the recording
}

// Open reads a recording: SigMF's metadata, samples or archive by their names' ends (see
// IsSigMF), a KiwiSDR recording with GNSS time, a plain wav file, or, without a RIFF header, a
// raw IQ file. The error is a *messages.Refusal or one of the os package.
func Open(path string, o Options) (*Recording, error) {
	if IsSigMF(path) {
		r, err := openSigMF(path, o)
		if err != nil {
			return nil, err
		}
		name := filepath.Base(path)
		return r.settle(name, said{frequency: parseName(name).frequency, station: stationNamed(name)}, o), nil
	}
	if isUnreadSigMF(path) {
		return nil, refuse(CodeBadSigMF, "%.200q is to be unpacked first: only SigMF's metadata, samples and plain archives (.sigmf) are read", path)
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > MaxFileBytes {
		return nil, refuse(CodeTooLarge, "%s has %d bytes; want at most %d", path, info.Size(), MaxFileBytes)
	}
	file, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return read(file, filepath.Base(path), o)
}

// read takes the file over: the samples stay in its memory.
func read(file []byte, name string, o Options) (*Recording, error) {
	said := parseName(name)
	if said.mode != "" && said.mode != "iq" {
		return nil, refuse(CodeNotIQ, "%s says it was received in mode %s; only iq keeps the phase that locating needs", name, said.mode)
	}
	r, err := readAny(file, name, said.time, o)
	if err != nil {
		return nil, err
	}
	return r.settle(name, said, o), nil
}

// settle says of r what o does, or else its file, or else that file's name.
func (r *Recording) settle(name string, said said, o Options) *Recording {
	r.Name = name
	if r.Station == "" {
		r.Station = said.station
	}
	if r.Frequency == 0 {
		r.Frequency = said.frequency
	}
	if o.Station != "" {
		r.Station = o.Station
	}
	if o.Frequency != 0 {
		r.Frequency = o.Frequency
	}
	if o.ClockSigma != 0 {
		r.ClockSigma, r.sigmaGiven, r.SigmaUnknown = o.ClockSigma, true, false
	}
	return r
}

// readAny reads any kind of file; named is the time that its name says.
func readAny(file []byte, name string, named time.Time, o Options) (*Recording, error) {
	switch {
	case !isRIFF(file):
		return readRaw(file, name, o)
	case !isKiwi(file):
		return readWAV(file, name, o)
	case o.StartTime != 0:
		return ReadKiwi(file, name, time.Unix(0, o.StartTime))
	case named.IsZero():
		return nil, refuse(CodeMissingOption, "%s has GNSS times, but they do not say the week, and neither does its name; give its date as t0", name)
	}
	return ReadKiwi(file, name, named)
}

// readRaw takes samples as they are; what is left over of the last one is dropped.
func readRaw(file []byte, name string, o Options) (*Recording, error) {
	size := o.Format.BytesPerSample()
	switch {
	case o.Format == "":
		return nil, refuse(CodeMissingOption, "%s is no wav file; say how its samples are written (cu8, ci8, ci16_le, cf32_le)", name)
	case size == 0:
		return nil, refuse(messages.CodeBadFormat, "format is %.32q; want cu8, ci8, ci16_le or cf32_le", string(o.Format))
	case o.SampleRate == 0:
		return nil, refuse(CodeMissingOption, "%s is no wav file; say its sample rate", name)
	}
	return plain(file[:len(file)/size*size], name, o.Format, o.SampleRate, o)
}

// plain is a recording whose time is given, by the user or in metadata, and nobody has vouched for yet.
func plain(iq []byte, name string, format messages.SampleFormat, rate float64, o Options) (*Recording, error) {
	switch {
	case !(rate >= messages.MinSampleRate && rate <= messages.MaxSampleRate):
		return nil, refuse(messages.CodeBadRate, "the rate of %s is %g; want 1 kHz to 100 MHz", name, rate)
	case len(iq) == 0:
		return nil, refuse(CodeTooShort, "%s has no samples", name)
	case o.StartTime <= 0:
		return nil, refuse(CodeMissingOption, "%s does not say when its first sample was taken; give it as t0", name)
	case o.StartTime >= messages.MaxStartTime:
		return nil, refuse(messages.CodeBadTime, "t0 is %d; want nanoseconds since 1970, before the year 2200", o.StartTime)
	}
	return &Recording{StartTime: o.StartTime, SampleRate: rate, ClockSigma: unstatedSigma(o.StartTime), SigmaUnknown: true, Format: format, IQ: iq}, nil
}

// Samples is how many complex samples there are.
func (r *Recording) Samples() int { return len(r.IQ) / r.Format.BytesPerSample() }

// Duration is how long the samples last.
func (r *Recording) Duration() time.Duration {
	return time.Duration(math.Round(float64(r.Samples()) * 1e9 / r.SampleRate))
}

// EndTime is the time of the sample that would follow the last, ns since the Unix epoch.
func (r *Recording) EndTime() int64 { return r.timeOf(r.Samples()) }

// timeOf is the time of sample n, ns since the Unix epoch.
func (r *Recording) timeOf(n int) int64 {
	return r.StartTime + int64(math.Round(float64(n)*1e9/r.SampleRate))
}

// sampleAt is the first sample at t or later. Times are whole nanoseconds, so a sample that is
// late by less than one counts as at t.
func (r *Recording) sampleAt(t int64) int {
	n := math.Ceil((float64(t-r.StartTime) - 1) * r.SampleRate / 1e9)
	return int(min(max(n, 0), float64(r.Samples())))
}

// receiver is the part of the recording in [from, to), as the station s heard it. Parts that
// follow each other neither share a sample nor leave one out.
func (r *Recording) receiver(s Station, from, to int64) messages.Receiver {
	first, end := r.sampleAt(from), r.sampleAt(to)
	size := r.Format.BytesPerSample()
	rx := messages.Receiver{
		Station: s.ID, Latitude: s.Latitude, Longitude: s.Longitude, Altitude: s.Altitude, Gain: s.Gain,
		StartTime: r.timeOf(first), ClockSigma: r.ClockSigma, SampleRate: r.SampleRate,
		Format: r.Format, IQ: r.IQ[first*size : end*size],
	}
	if s.ClockSigma > 0 && !r.sigmaGiven {
		rx.ClockSigma = s.ClockSigma
	}
	if s.Gain == 0 {
		rx.Gain = r.Gain
	}
	return rx
}
