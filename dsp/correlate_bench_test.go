package dsp

import (
	"math"
	"math/rand/v2"
	"testing"
)

// BenchmarkCorrelate measures a capture's way from its samples to the default model's correlations, and the
// share of the alignment.
func BenchmarkCorrelate(b *testing.B) {
	equal := func(int) float64 { return 12000 }
	for _, c := range []struct {
		name        string
		r, n        int
		rate        func(i int) float64
		reach, fill float64
	}{
		{"3x4480", 3, 4480, equal, 1e-3, 0.3},
		{"3x4480/FullBand", 3, 4480, equal, 1e-3, 0.95},
		{"3x4480/LongReach", 3, 4480, equal, 20e-3, 0.3},
		{"3x4480/UnequalRates", 3, 4480, func(i int) float64 { return 12001.03 + 0.08*float64(i) }, 1e-3, 0.3},
		{"7x4480", 7, 4480, equal, 1e-3, 0.3},
		{"3x192000", 3, 192000, equal, 1e-3, 0.3},
	} {
		rng := rand.New(rand.NewPCG(7, uint64(c.n)))
		in := make([]Signal, c.r)
		reach := make([]float64, PairCount(c.r))
		for p := range reach {
			reach[p] = c.reach
		}
		emission := simulateEmission(rng, c.n, c.fill)
		for i := range in {
			in[i] = Signal{SampleRate: c.rate(i), StartTime: 1_600_000_000_000_000_000 + int64(i)*12345}
			in[i].Re, in[i].Im = make([]float32, c.n), make([]float32, c.n)
			for j := range c.n {
				in[i].Re[j] = emission.re[j+i] + 0.3*float32(rng.NormFloat64())
				in[i].Im[j] = emission.im[j+i] + 0.3*float32(rng.NormFloat64())
			}
		}
		a := NewAligner()
		b.Run("Align/"+c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := a.Align(in); err != nil {
					b.Fatal(err)
				}
			}
		})
		correlator, err := NewCorrelator(DefaultCorrelationConfig())
		if err != nil {
			b.Fatal(err)
		}
		var out Correlation
		b.Run("Both/"+c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				g, err := a.Align(in)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := correlator.Analyse(g, c.reach); err != nil {
					b.Fatal(err)
				}
				if err := correlator.Correlate(reach, &out); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// simulateEmission returns noise of unit power that fills a share of the band about frequency 0, a little
// more than n samples of it.
func simulateEmission(rng *rand.Rand, n int, fill float64) frameSpectra {
	size := 1
	for size < n+64 {
		size *= 2
	}
	var e frameSpectra
	e.grow(size)
	clear(e.re)
	clear(e.im)
	half := int(fill * float64(size) / 2)
	scale := float64(size) / math.Sqrt(4*float64(half))
	for k := -half; k < half; k++ {
		j := (k + size) % size
		e.re[j] = float32(rng.NormFloat64() * scale)
		e.im[j] = float32(rng.NormFloat64() * scale)
	}
	plan, err := NewFFT(size)
	if err != nil {
		panic(err)
	}
	plan.Inverse(e.re, e.im)
	return e
}
