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
	if !testing.Short() && !raceDetector {
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

func TestFFTLinearity(t *testing.T) {
	for _, n := range []int{15, 64, 512} {
		f := mustFFT(t, n)
		aRe, aIm := noise(n, 1)
		bRe, bIm := noise(n, 2)
		sRe, sIm := make([]float32, n), make([]float32, n)
		for j := range sRe { // 2a + ib
			sRe[j], sIm[j] = 2*aRe[j]-bIm[j], 2*aIm[j]+bRe[j]
		}
		f.Forward(aRe, aIm)
		f.Forward(bRe, bIm)
		f.Forward(sRe, sIm)
		a, b := join(aRe, aIm), join(bRe, bIm)
		for k := range a {
			a[k] = 2*a[k] + 1i*b[k]
		}
		if e := relativeRMS(join(sRe, sIm), a); e > 1e-6 {
			t.Errorf("n=%d: transform of the sum is off by %g", n, e)
		}
	}
}

func TestFFTShiftTheorem(t *testing.T) {
	const shift = 5
	for _, n := range []int{30, 128, 2048} {
		f := mustFFT(t, n)
		re, im := noise(n, 4)
		later, laterIm := make([]float32, n), make([]float32, n)
		for j := range re {
			later[(j+shift)%n], laterIm[(j+shift)%n] = re[j], im[j]
		}
		f.Forward(re, im)
		f.Forward(later, laterIm)
		want := join(re, im)
		for k := range want {
			want[k] *= cmplx.Rect(1, -2*math.Pi*float64(k*shift%n)/float64(n))
		}
		if e := relativeRMS(join(later, laterIm), want); e > 1e-6 {
			t.Errorf("n=%d: spectrum of the shifted samples is off by %g", n, e)
		}
	}
}

func TestFFTImpulseAndTone(t *testing.T) {
	for _, n := range []int{1, 2, 4, 7, 8, 16, 512} {
		f := mustFFT(t, n)
		re, im := make([]float32, n), make([]float32, n)
		re[0] = 1
		f.Forward(re, im)
		for k := range re {
			if math.Abs(float64(re[k])-1) > 1e-6 || math.Abs(float64(im[k])) > 1e-6 {
				t.Fatalf("n=%d: an impulse's spectrum at %d is %g%+gi, want 1", n, k, re[k], im[k])
			}
		}
		f.Inverse(re, im)
		if math.Abs(float64(re[0])-1) > 1e-6 {
			t.Errorf("n=%d: the impulse came back as %g", n, re[0])
		}
		for j := range re { // exp(2 pi i (n-1) j / n): the bin below zero frequency
			sin, cos := math.Sincos(-2 * math.Pi * float64(j) / float64(n))
			re[j], im[j] = float32(cos), float32(sin)
		}
		f.Forward(re, im)
		if math.Abs(float64(re[n-1])-float64(n)) > 1e-5*float64(n) {
			t.Errorf("n=%d: tone at the last bin gives %g there, want %d", n, re[n-1], n)
		}
	}
}

func TestFFTDoesNotAllocate(t *testing.T) {
	for _, n := range []int{512, 1000} {
		f := mustFFT(t, n)
		re, im := noise(n, 1)
		if a := testing.AllocsPerRun(10, func() { f.Forward(re, im); f.Inverse(re, im) }); a != 0 {
			t.Errorf("n=%d: %g allocations a round trip", n, a)
		}
	}
}
