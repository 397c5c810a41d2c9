package sim

import (
	"math"

	"foxhunt/dsp"
)

// sampler evaluates a spectrum at evenly spaced instants, whatever their spacing:
// the chirp z-transform (L. I. Bluestein; L. R. Rabiner et al., 1969). It keeps its
// plans by length and serves one goroutine.
type sampler struct {
	plans          map[int]*dsp.FFT
	re, im, hr, hi []float32
	chirpOf        chirp // what hr and hi hold
}

// chirp names a kernel exp(-j pi turn n^2) and its lengths.
type chirp struct {
	turn          float64
	bins, samples int
}

func newSampler() *sampler { return &sampler{plans: make(map[int]*dsp.FFT)} }

// sample adds to re and im the values at t = start + m spacing, m = 0, 1, ..., of the
// spectrum with each coefficient multiplied by weight(frequency in Hz). What it
// returns otherwise is an error of the transform's length.
func (s *sampler) sample(x *spectrum, start, spacing float64, weight func(f float64) complex128, re, im []float32) error {
	bins, samples := len(x.re), len(re)
	n := powerOfTwo(bins + samples - 1)
	plan, err := s.plan(n)
	if err != nil {
		return err
	}
	turn := x.step * spacing
	s.kernel(chirp{turn, bins, samples}, n, plan)
	clear(s.re)
	clear(s.im)
	for q := range bins {
		k := float64(x.first + q)
		w := weight(k*x.step) * cis(k*x.step*start+turn*float64(q)*float64(q)/2)
		a := complex(float64(x.re[q]), float64(x.im[q])) * w
		s.re[q], s.im[q] = float32(real(a)), float32(imag(a))
	}
	plan.Forward(s.re, s.im)
	for i, r := range s.re {
		s.re[i], s.im[i] = r*s.hr[i]-s.im[i]*s.hi[i], r*s.hi[i]+s.im[i]*s.hr[i]
	}
	plan.Inverse(s.re, s.im)
	first := turn * float64(x.first)
	for m := range samples {
		w := cis(turn*float64(m)*float64(m)/2 + first*float64(m))
		y := complex(float64(s.re[m]), float64(s.im[m])) * w
		re[m] += float32(real(y))
		im[m] += float32(imag(y))
	}
	return nil
}

func (s *sampler) plan(n int) (*dsp.FFT, error) {
	if p, ok := s.plans[n]; ok {
		return p, nil
	}
	p, err := dsp.NewFFT(n)
	if err == nil {
		s.plans[n] = p
	}
	return p, err
}

// kernel transforms exp(-j pi turn m^2), -bins < m < samples, unless it is there from
// the last call: receivers of one rate share it.
func (s *sampler) kernel(c chirp, n int, plan *dsp.FFT) {
	if s.chirpOf == c && len(s.hr) == n {
		return
	}
	s.re, s.im = make([]float32, n), make([]float32, n)
	s.hr, s.hi = make([]float32, n), make([]float32, n)
	for m := range max(c.bins, c.samples) {
		w := cis(-c.turn * float64(m) * float64(m) / 2)
		if m < c.samples {
			s.hr[m], s.hi[m] = float32(real(w)), float32(imag(w))
		}
		if m > 0 && m < c.bins {
			s.hr[n-m], s.hi[n-m] = float32(real(w)), float32(imag(w))
		}
	}
	plan.Forward(s.hr, s.hi)
	s.chirpOf = c
}

// cis is exp(j 2 pi turns).
func cis(turns float64) complex128 {
	sin, cos := math.Sincos(2 * math.Pi * (turns - math.Round(turns)))
	return complex(cos, sin)
}
