package sim

import (
	"math"
	"math/rand/v2"

	"foxhunt/dsp"
)

// Waveform is what an emitter sends: [Noise], [FM] or [PSK].
type Waveform interface {
	// Bandwidth is the occupied bandwidth in Hz, centred on the carrier.
	Bandwidth() float64

	// spectrum draws one block of the waveform that repeats after period seconds.
	spectrum(period float64, r *rand.Rand) (*spectrum, error)
	validate() error
}

// spectrum is a periodic signal: sum over q of (re[q] + j im[q]) exp(j 2 pi (first+q) step t).
// Its mean power, the sum of |.|^2, is one.
type spectrum struct {
	step   float64 // Hz: one over the period
	first  int
	re, im []float32
}

// newSpectrum has coefficients for the frequencies within half a bandwidth of 0.
func newSpectrum(period, bandwidth float64) *spectrum {
	half := int(bandwidth * period / 2)
	return &spectrum{
		step: 1 / period, first: -half,
		re: make([]float32, 2*half+1), im: make([]float32, 2*half+1),
	}
}

// normalise scales the mean power to one.
func (s *spectrum) normalise() {
	var power float64
	for q := range s.re {
		power += float64(s.re[q])*float64(s.re[q]) + float64(s.im[q])*float64(s.im[q])
	}
	if power == 0 {
		return
	}
	g := float32(1 / math.Sqrt(power))
	for q := range s.re {
		s.re[q] *= g
		s.im[q] *= g
	}
}

// Noise is Gaussian noise, flat over its bandwidth in Hz: the waveform for which
// bounds on delay estimates are known.
type Noise struct{ Width float64 }

// Bandwidth is the width.
func (w Noise) Bandwidth() float64 { return w.Width }

func (w Noise) validate() error { return positive("noise width", w.Width) }

func (w Noise) spectrum(period float64, r *rand.Rand) (*spectrum, error) {
	s := newSpectrum(period, w.Width)
	for q := range s.re {
		s.re[q], s.im[q] = float32(r.NormFloat64()), float32(r.NormFloat64())
	}
	s.normalise()
	return s, nil
}

// PSK is phase-shift keying of random symbols, shaped by a root-raised-cosine filter.
type PSK struct {
	SymbolRate float64 // symbols/s; rounded so that a block holds a whole number
	RollOff    float64 // 0 to 1
	Order      int     // phases: 2, 4, 8, ...
}

// Bandwidth is the filter's: SymbolRate (1 + RollOff).
func (w PSK) Bandwidth() float64 { return w.SymbolRate * (1 + w.RollOff) }

func (w PSK) validate() error {
	if !(w.RollOff >= 0 && w.RollOff <= 1) || w.Order < 2 {
		return refuse("PSK of roll-off %g and %d phases; want 0 to 1, and 2 or more", w.RollOff, w.Order)
	}
	return positive("PSK symbol rate", w.SymbolRate)
}

// spectrum uses that a train of symbols has a periodic spectrum: that of the symbols,
// over and over, under the filter.
func (w PSK) spectrum(period float64, r *rand.Rand) (*spectrum, error) {
	n := max(1, int(math.Round(w.SymbolRate*period)))
	rate := float64(n) / period
	re, im := make([]float32, n), make([]float32, n)
	for i := range re {
		sin, cos := math.Sincos(2 * math.Pi * float64(r.IntN(w.Order)) / float64(w.Order))
		re[i], im[i] = float32(cos), float32(sin)
	}
	fft, err := dsp.NewFFT(n)
	if err != nil {
		return nil, err
	}
	fft.Forward(re, im)
	s := newSpectrum(period, rate*(1+w.RollOff))
	for q := range s.re {
		k := s.first + q
		g := float32(rootRaisedCosine(float64(k)/float64(n), w.RollOff))
		at := (k%n + n) % n
		s.re[q], s.im[q] = g*re[at], g*im[at]
	}
	s.normalise()
	return s, nil
}

// rootRaisedCosine is the filter's gain at frequency f in units of the symbol rate.
func rootRaisedCosine(f, rollOff float64) float64 {
	x := math.Abs(f) - (1-rollOff)/2
	switch {
	case x <= 0:
		return 1
	case x >= rollOff:
		return 0
	}
	return math.Cos(math.Pi / 2 * x / rollOff)
}

// FM is frequency modulation by something like a voice: noise of 300 Hz to Audio Hz
// whose spectrum falls by 6 dB an octave from 500 Hz on.
type FM struct {
	Deviation float64 // Hz, peak: three times the audio's standard deviation
	Audio     float64 // Hz, the highest audio frequency, above 300
}

// Bandwidth is Carson's rule: 2 (Deviation + Audio).
func (w FM) Bandwidth() float64 { return 2 * (w.Deviation + w.Audio) }

func (w FM) validate() error {
	if !(w.Audio > 300) {
		return refuse("FM audio reaches to %g Hz; want more than 300", w.Audio)
	}
	return positive("FM deviation", w.Deviation)
}

func (w FM) spectrum(period float64, r *rand.Rand) (*spectrum, error) {
	n := powerOfTwo(int(4 * w.Bandwidth() * period))
	re, im := make([]float32, n), make([]float32, n)
	fft, err := dsp.NewFFT(n)
	if err != nil {
		return nil, err
	}
	// The phase is the audio's integral: each audio line over j 2 pi f.
	var power float64 // of the audio
	last := max(int(w.Audio*period), int(math.Ceil(300*period)))
	for k := int(math.Ceil(300 * period)); k <= last; k++ {
		f := float64(k) / period
		a := math.Min(1, 500/f)
		x, y := a*r.NormFloat64(), a*r.NormFloat64()
		power += (x*x + y*y) / 2
		re[k], im[k] = float32(y/(2*math.Pi*f)), float32(-x/(2*math.Pi*f))
	}
	fft.Inverse(re, im) // its real part is the phase, over n and the audio's scale
	scale := float64(n) * 2 * math.Pi * w.Deviation / 3 / math.Sqrt(power)
	for i := range re {
		sin, cos := math.Sincos(scale * float64(re[i]))
		re[i], im[i] = float32(cos), float32(sin)
	}
	fft.Forward(re, im)
	// Twice Carson's band holds all but a millionth of the power.
	s := newSpectrum(period, 2*w.Bandwidth())
	for q := range s.re {
		at := (s.first + q + n) % n
		s.re[q], s.im[q] = re[at], im[at]
	}
	s.normalise()
	return s, nil
}

func positive(name string, v float64) error {
	if !(v > 0) || math.IsInf(v, 0) {
		return refuse("%s is %g; want more than 0", name, v)
	}
	return nil
}

// powerOfTwo is the smallest one from n on.
func powerOfTwo(n int) int {
	p := 1
	for p < n {
		p *= 2
	}
	return p
}
