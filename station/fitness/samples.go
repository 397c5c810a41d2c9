package fitness

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"foxhunt/messages"
	"foxhunt/station/receiver"
)

// Samples is what was seen of a receiver's samples.
type Samples struct {
	Kind     string        `json:"kind"`     // of receiver
	Format   string        `json:"format"`   // of a sample
	Duration time.Duration `json:"duration"` // of the samples seen, ns
	Count    uint64        `json:"samples"`
	Lost     uint64        `json:"lost"`
	Gaps     uint64        `json:"gaps"`
	Nominal  float64       `json:"nominal_rate"` // Hz
	Rate     float64       `json:"rate"`         // Hz, as measured
	RateSD   float64       `json:"rate_sd"`      // Hz, standard deviation of Rate
	Sigma    float64       `json:"sigma"`        // ns, of the samples' times against the clock
	Level    float64       `json:"level"`        // dBFS, mean power; a sinusoid of full scale has 0
	Clipped  float64       `json:"clipped"`      // share of samples at the end of the scale
	DC       float64       `json:"dc"`           // dBFS, power of the mean
	Noise    float64       `json:"noise"`        // dBFS, of the whole band, by the median of the spectrum

	Frequency float64 `json:"freq"`      // Hz, of the middle
	Bandwidth float64 `json:"bandwidth"` // Hz, with 99 % of what stands out of the noise; 0: nothing does
	Ratio     float64 `json:"ratio"`     // dB, mean of signal to noise within it, as far as that is believed
	Timing    float64 `json:"timing"`    // s, the Cramér-Rao bound for a second of two receivers that hear it alike; 0: no signal

	live bool
}

// patience is how much longer than their time samples may take to come.
const patience = 15 * time.Second

// Watch reads a receiver for so long a time of samples, or to its end; a live one whose samples take far longer is judged by those
// that came.
func Watch(ctx context.Context, r receiver.Receiver, d time.Duration) (Samples, error) {
	limited, cancel := context.WithTimeout(ctx, d+patience)
	defer cancel()
	s, err := watch(limited, r, d)
	if err == nil || ctx.Err() == nil && limited.Err() != nil {
		if s.Count == 0 {
			return s, fmt.Errorf("no samples came from %s", r.Info().Name)
		}
		return s, nil
	}
	return s, err
}

func watch(ctx context.Context, r receiver.Receiver, d time.Duration) (s Samples, err error) {
	info := r.Info()
	s = Samples{Kind: info.Kind, Format: string(info.Format), Nominal: info.SampleRate, Frequency: info.Frequency, live: info.Live()}
	meter := receiver.NewMeter(info)
	spectrum, err := newSpectrum(info)
	if err != nil {
		return s, err
	}
	clips := uint64(0)
	defer func() { s.finish(clips, spectrum) }()
	for s.Duration < d {
		block, err := r.Read(ctx)
		if errors.Is(err, io.EOF) {
			return s, nil
		}
		if err != nil {
			return s, err
		}
		meter.Add(block, nil)
		if err := spectrum.add(block.IQ); err != nil {
			return s, err
		}
		seen := meter.Read()
		s.Count, s.Lost, s.Gaps, clips = seen.Samples, seen.Lost, seen.Gaps, seen.Clips
		s.Rate, s.Sigma = seen.Rate, seen.Sigma
		s.Duration = time.Duration(float64(seen.Samples) / info.SampleRate * float64(time.Second))
	}
	return s, nil
}

// finish tells what only all samples together show.
func (s *Samples) finish(clips uint64, spectrum *spectrum) {
	if s.Count == 0 {
		return
	}
	s.Clipped = float64(clips) / float64(s.Count)
	s.RateSD = s.Rate * rateError(s.Duration)
	spectrum.tell(s)
}

// rateError is the standard deviation, in parts, of a rate measured by arrivals over so long, which scatter by some 2 ms, weighed
// against what oscillators are known to do.
func rateError(d time.Duration) float64 {
	const scatter, oscillator = 2 * time.Millisecond, 50e-6
	own := math.Sqrt2 * float64(scatter) / float64(max(d, 1))
	return own * oscillator / math.Hypot(own, oscillator)
}

// split is samples as I and Q, full scale 1.
func split(info receiver.Info, iq []byte, re, im []float32) error {
	r := messages.Receiver{Station: "this", Format: info.Format, IQ: iq}
	return r.Split(re, im)
}
