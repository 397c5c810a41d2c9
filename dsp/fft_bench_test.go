package dsp

import (
	"fmt"
	"testing"

	"gonum.org/v1/gonum/dsp/fourier"
)

func BenchmarkFFT(b *testing.B) {
	for _, n := range []int{512, 2048} {
		re, im := noise(n, 1)
		b.Run(fmt.Sprintf("%d/foxhunt", n), func(b *testing.B) {
			f := mustFFT(b, n)
			x, y := make([]float32, n), make([]float32, n)
			b.ReportAllocs()
			for b.Loop() {
				copy(x, re)
				copy(y, im)
				f.Forward(x, y)
			}
		})
		b.Run(fmt.Sprintf("%d/gonum", n), func(b *testing.B) {
			f := fourier.NewCmplxFFT(n)
			x, y := join(re, im), make([]complex128, n)
			b.ReportAllocs()
			for b.Loop() {
				f.Coefficients(y, x)
			}
		})
	}
}

func BenchmarkFFTLong(b *testing.B) {
	for _, n := range []int{1000, 1 << 16, 192000, 1 << 20} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			f := mustFFT(b, n)
			re, im := noise(n, 1)
			for b.Loop() {
				f.Forward(re, im)
				f.Inverse(re, im)
			}
		})
	}
}
