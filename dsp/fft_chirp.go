package dsp

import (
	"math"
	"math/bits"
)

// chirpPlan is Bluestein's algorithm: with jk = (j^2 + k^2 - (k-j)^2) / 2 a transform of any length becomes a
// convolution with a chirp, done by transforms of a power of two. (L. Bluestein, "A linear filtering approach
// to the computation of the discrete Fourier transform", IEEE Trans. AU-18, 1970.)
type chirpPlan struct {
	radix              *radixPlan
	chirpRe, chirpIm   []float32 // exp(-i pi j^2 / n)
	filterRe, filterIm []float32 // the conjugate chirp's spectrum over the convolution's length, bit-reversed
	re, im             []float32 // scratch
}

func newChirpPlan(n int) *chirpPlan {
	size := 1 << bits.Len(uint(2*n-2)) // holds the 2n - 1 points of the convolution
	p := &chirpPlan{
		radix:   newRadixPlan(size),
		chirpRe: make([]float32, n), chirpIm: make([]float32, n),
		filterRe: make([]float32, size), filterIm: make([]float32, size),
		re: make([]float32, size), im: make([]float32, size),
	}
	for j := range n {
		// j^2 modulo 2n before the sine: the angle then never loses digits.
		sin, cos := math.Sincos(-math.Pi * float64(j*j%(2*n)) / float64(n))
		p.chirpRe[j], p.chirpIm[j] = float32(cos), float32(sin)
		for _, k := range [2]int{j, (size - j) % size} {
			p.filterRe[k] = float32(cos / float64(size)) // the inverse transform's 1/size goes in here
			p.filterIm[k] = float32(-sin / float64(size))
		}
	}
	p.radix.forward(p.filterRe, p.filterIm)
	return p
}

func (p *chirpPlan) forward(re, im []float32) {
	n := len(p.chirpRe)
	multiply(p.re[:n], p.im[:n], re, im, p.chirpRe, p.chirpIm)
	clear(p.re[n:])
	clear(p.im[n:])
	p.radix.forward(p.re, p.im)
	multiply(p.re, p.im, p.re, p.im, p.filterRe, p.filterIm)
	p.radix.unscramble(p.re, p.im)
	p.radix.forward(p.im, p.re) // parts swapped: the inverse transform
	p.radix.unscramble(p.re, p.im)
	multiply(re, im, p.re[:n], p.im[:n], p.chirpRe, p.chirpIm)
}
