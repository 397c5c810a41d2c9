package messages

import (
	"fmt"
	"math"
	"time"
	"unicode/utf8"
)

// What a receiver's numbers may be.
const (
	MaxFrequency  = 300e9 // Hz, where radio ends
	MinAltitude   = -11e3 // m
	MaxAltitude   = 100e3 // m: balloons and aircraft, not satellites
	MaxClockSigma = 1e9   // ns
	MinSampleRate = 1e3   // Hz
	MaxSampleRate = 100e6 // Hz
	MaxGain       = 200   // dB, either way
)

// MaxStartTime, the year 2200, keeps a receiver's last sample within the range of int64
// nanoseconds.
const MaxStartTime = 7258118400 * int64(time.Second)

// Validate checks everything but the samples themselves, which Split checks as it reads
// them. The error is a *Refusal that names the field.
func (c *Capture) Validate() error {
	switch {
	case c.Version != CaptureVersion:
		return badVersion(float64(c.Version))
	case len(c.ID) < MinIDLength || len(c.ID) > MaxIDLength:
		return badID(len(c.ID))
	case !isToken(c.ID):
		return refuse(CodeBadID, "id %.64q has other characters than A-Z a-z 0-9 _ -", c.ID)
	case !(c.Frequency > 0 && c.Frequency <= MaxFrequency):
		return refuse(CodeBadFrequency, "freq is %g; want more than 0 and at most 300 GHz, in Hz", c.Frequency)
	case len(c.Receivers) == 0:
		return refuse(CodeNoReceivers, "rx is empty; want 1 to %d receivers", MaxReceivers)
	case len(c.Receivers) > MaxReceivers:
		return tooManyReceivers(int64(len(c.Receivers)))
	case c.Truth != nil && !c.Truth.onGlobe():
		return refuse(CodeBadTruth, "truth is %g, %g; want degrees on the globe", c.Truth.Latitude, c.Truth.Longitude)
	}
	if err := validateText("event", c.Event); err != nil {
		return err
	}
	if err := validateText("session", c.Session); err != nil {
		return err
	}
	for i := range c.Receivers {
		if err := c.validateReceiver(i); err != nil {
			return err
		}
	}
	return nil
}

func (p *Position) onGlobe() bool { return math.Abs(p.Latitude) <= 90 && math.Abs(p.Longitude) <= 180 }

func validateText(name, s string) error {
	if len(s) > MaxTextBytes || !utf8.ValidString(s) {
		return refuse(CodeBadText, "%s has %d bytes; want at most %d, in UTF-8", name, len(s), MaxTextBytes)
	}
	return nil
}

func (c *Capture) validateReceiver(i int) error {
	if err := c.Receivers[i].validate(i); err != nil {
		return err
	}
	for j := range i {
		if c.Receivers[j].Station == c.Receivers[i].Station {
			return refuse(CodeDuplicateStation, "rx[%d].station and rx[%d].station are both %s", j, i, c.Receivers[i].Station)
		}
	}
	return nil
}

func (r *Receiver) validate(i int) error {
	size := r.Format.BytesPerSample()
	switch {
	case !validToken(r.Station):
		return refuse(CodeBadStation, "rx[%d].station is %.80q; want 1 to %d of A-Z a-z 0-9 _ -", i, r.Station, MaxTokenLength)
	case !(math.Abs(r.Latitude) <= 90):
		return refuse(CodeBadPosition, "rx[%d].lat is %g; want -90 to 90 degrees", i, r.Latitude)
	case !(math.Abs(r.Longitude) <= 180):
		return refuse(CodeBadPosition, "rx[%d].lon is %g; want -180 to 180 degrees", i, r.Longitude)
	case r.Latitude == 0 && r.Longitude == 0:
		return refuse(CodeNullIsland, "rx[%d].lat and rx[%d].lon are both 0: station %s was never told its place", i, i, r.Station)
	case !(r.Altitude >= MinAltitude && r.Altitude <= MaxAltitude):
		return refuse(CodeBadAltitude, "rx[%d].alt is %g; want %g to %g m", i, r.Altitude, float64(MinAltitude), float64(MaxAltitude))
	case r.StartTime <= 0 || r.StartTime >= MaxStartTime:
		return badTime(fmt.Sprintf("rx[%d].t0", i), fmt.Sprint(r.StartTime))
	case !(r.ClockSigma >= 0 && r.ClockSigma <= MaxClockSigma):
		return refuse(CodeBadSigma, "rx[%d].sigma is %g; want 0 to 1e9 ns", i, r.ClockSigma)
	case !(r.SampleRate >= MinSampleRate && r.SampleRate <= MaxSampleRate):
		return refuse(CodeBadRate, "rx[%d].rate is %g; want 1 kHz to 100 MHz", i, r.SampleRate)
	case !(math.Abs(r.Gain) <= MaxGain):
		return refuse(CodeBadGain, "rx[%d].gain is %g; want -%d to %d dB", i, r.Gain, MaxGain, MaxGain)
	case size == 0:
		return badFormat(fmt.Sprintf("rx[%d].fmt", i), string(r.Format))
	case len(r.IQ) == 0:
		return refuse(CodeBadIQLength, "rx[%d].iq is empty", i)
	case len(r.IQ)%size != 0:
		return refuse(CodeBadIQLength, "rx[%d].iq has %d bytes, not a whole number of %s samples of %d bytes", i, len(r.IQ), r.Format, size)
	}
	return nil
}

func badVersion(v float64) *Refusal {
	return refuse(CodeBadVersion, "v is %g; this program reads version %d", v, CaptureVersion)
}

func badID(n int) *Refusal {
	return refuse(CodeBadID, "id is %d long; want %d to %d of A-Z a-z 0-9 _ -, or bin of 16 to 32 bytes", n, MinIDLength, MaxIDLength)
}

func tooManyReceivers(n int64) *Refusal {
	return refuse(CodeTooManyReceivers, "rx has %d receivers; want 1 to %d", n, MaxReceivers)
}

func badTime(path, got string) *Refusal {
	return refuse(CodeBadTime, "%s is %s; want nanoseconds since 1970, before the year 2200", path, got)
}

func badFormat(path, got string) *Refusal {
	return refuse(CodeBadFormat, "%s is %.32q; want cu8, ci8, ci16_le or cf32_le", path, got)
}
