package dsp

import (
	"errors"
	"fmt"
	"math"
	"math/cmplx"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/dsp/fourier"
)

// noise returns n samples of complex Gaussian noise, the same for the same seed.
func noise(n int, seed uint64) (re, im []float32) {
	r := rand.New(rand.NewPCG(seed, 7))
	re, im = make([]float32, n), make([]float32, n)
	for j := range re {
		re[j], im[j] = float32(r.NormFloat64()), float32(r.NormFloat64())
	}
	return re, im
}

func join(re, im []float32) []complex128 {
	x := make([]complex128, len(re))
	for j := range x {
		x[j] = complex(float64(re[j]), float64(im[j]))
	}
	return x
}

// relativeRMS returns |got - want| / |want|.
func relativeRMS(got, want []complex128) float64 {
	var err, norm float64
	for k := range want {
		d := cmplx.Abs(got[k] - want[k])
		err += d * d
		norm += real(want[k])*real(want[k]) + imag(want[k])*imag(want[k])
	}
	return math.Sqrt(err / norm)
}

func mustFFT(t testing.TB, n int) *FFT {
	t.Helper()
	f, err := NewFFT(n)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestFFTAgainstGonum(t *testing.T) {
	sizes := []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 15, 16, 17, 31, 32, 60, 64, 100, 127, 128, 256, 480, 512, 1000, 1024,
		2048, 4096, 4480, 8192, 10007, 16384, 1 << 15, 48000, 1 << 16}
	if !testing.Short() {
		sizes = append(sizes, 192000, 1<<18, 1<<21)
	}
	for _, n := range sizes {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			re, im := noise(n, uint64(n))
			want := fourier.NewCmplxFFT(n).Coefficients(nil, join(re, im))
			f := mustFFT(t, n)
			if f.Len() != n {
				t.Fatalf("Len %d, want %d", f.Len(), n)
			}
			f.Forward(re, im)
			if e := relativeRMS(join(re, im), want); !(e < 1e-6) {
				t.Errorf("relative RMS error %.2g", e)
			} else {
				t.Logf("relative RMS error %.2g", e)
			}
		})
	}
}

func TestFFTRoundTripAndParseval(t *testing.T) {
	for _, n := range []int{1, 2, 4, 8, 16, 30, 512, 1000, 2048} {
		re, im := noise(n, 3)
		x := join(re, im)
		f := mustFFT(t, n)
		f.Forward(re, im)
		var before, after float64
		for k, v := range join(re, im) {
			before += real(x[k] * cmplx.Conj(x[k]))
			after += real(v*cmplx.Conj(v)) / float64(n)
		}
		if math.Abs(before-after) > 1e-6*before {
			t.Errorf("n=%d: energy %g before, %g after", n, before, after)
		}
		f.Inverse(re, im)
		if e := relativeRMS(join(re, im), x); e > 1e-6 {
			t.Errorf("n=%d: round trip error %g", n, e)
		}
	}
}

func TestFFTSizesRefused(t *testing.T) {
	for _, n := range []int{0, -1, maxFFT + 1} {
		_, err := NewFFT(n)
		var refusal *Error
		if !errors.As(err, &refusal) || refusal.Code != "bad_size" {
			t.Errorf("NewFFT(%d): %v, want bad_size", n, err)
		}
	}
	defer func() {
		if err, ok := recover().(error); !ok || err.Error() != "bad_size: 8 real and 7 imaginary parts for an FFT of 8 points" {
			t.Errorf("wrong panic %v", err)
		}
	}()
	mustFFT(t, 8).Forward(make([]float32, 8), make([]float32, 7))
}
