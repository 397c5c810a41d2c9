package dsp

import (
	"math"
	"math/bits"
)

// radixPlan is a decimation-in-frequency transform of a power of two: passes of radix 4, then one pass of
// radix 8, 4 or 2 without twiddles. Each butterfly stores its outputs in bit-reversed order, so the whole
// result is in plain bit-reversed order whatever the mix of radices. It is read-only once made.
type radixPlan struct {
	n        int
	twiddles [][]twiddle // per pass, per butterfly
	tail     int         // points of the last pass: 8, 4, 2, or 1 for none
	swaps    [][2]uint32 // positions to exchange for natural order
}

// cacheBlock is the number of points up to which a transform runs pass by pass; a longer one is first split
// into quarters that then stay in the processor's cache.
const cacheBlock = 1 << 12

func newRadixPlan(n int) *radixPlan {
	p := &radixPlan{n: n}
	size := n
	for ; size > 8; size /= 4 {
		p.twiddles = append(p.twiddles, radix4Twiddles(size))
	}
	p.tail = size
	for i := range n {
		if j := p.position(i); i < j {
			p.swaps = append(p.swaps, [2]uint32{uint32(i), uint32(j)})
		}
	}
	return p
}

// twiddle holds w, w^2 and w^3 of one radix-4 butterfly.
type twiddle struct{ re1, im1, re2, im2, re3, im3 float32 }

func radix4Twiddles(size int) []twiddle {
	table := make([]twiddle, size/4)
	for j := range table {
		root := func(power int) (re, im float32) {
			sin, cos := math.Sincos(-2 * math.Pi * float64(power*j) / float64(size))
			return float32(cos), float32(sin)
		}
		w := &table[j]
		w.re1, w.im1 = root(1)
		w.re2, w.im2 = root(2)
		w.re3, w.im3 = root(3)
	}
	return table
}

// position returns where forward leaves frequency k.
func (p *radixPlan) position(k int) int {
	if p.n == 1 {
		return 0
	}
	return int(bits.Reverse32(uint32(k)) >> (32 - bits.Len(uint(p.n-1))))
}

// forward transforms in place and leaves frequency k at position(k).
func (p *radixPlan) forward(re, im []float32) { p.passes(re, im, 0) }

// passes runs the passes from level on, over whole blocks of that level.
func (p *radixPlan) passes(re, im []float32, level int) {
	if n := len(re); n > cacheBlock {
		radix4Pass(re, im, p.twiddles[level])
		for b := 0; b < n; b += n / 4 {
			p.passes(re[b:b+n/4], im[b:b+n/4], level+1)
		}
		return
	}
	for _, twiddles := range p.twiddles[level:] {
		radix4Pass(re, im, twiddles)
	}
	switch p.tail {
	case 8:
		radix8Tail(re, im)
	case 4:
		radix4Tail(re, im)
	case 2:
		radix2Tail(re, im)
	}
}

// unscramble puts the output of forward into natural order.
func (p *radixPlan) unscramble(re, im []float32) {
	for _, s := range p.swaps {
		i, j := s[0], s[1]
		re[i], re[j] = re[j], re[i]
		im[i], im[j] = im[j], im[i]
	}
}
