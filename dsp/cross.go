package dsp

import "math"

// correlogram transforms the cross-spectrum of one channel to lags. It is overwritten by the next of the same
// channel.
func (c *Correlator) correlogram(channel string, x cut) *correlogram {
	first, last := c.runs[0][0], c.runs[len(c.runs)-1][1]
	size, f := c.lagsSize(), x.framing
	c.cross.grow(last - first)
	clear(c.cross.re)
	clear(c.cross.im)
	l := &c.lags
	if channel == ChannelPHAT {
		l = &c.phatLags
		c.sumPhases(x.a, x.b, f)
		l.scale, l.overlap = 1/float64(f.count*c.bins), nil
	} else {
		c.sumProducts(x.a, x.b, f)
		l.scale, l.overlap = 0, nil
		if x.norm > 0 {
			l.scale = 1 / x.norm
		}
		if x.compensate {
			l.overlap = c.overlap().first
		}
	}
	grow(&l.re, size)
	grow(&l.im, size)
	clear(l.re)
	clear(l.im)
	// The band's middle goes to index 0, which changes no magnitude and leaves the correlogram smooth.
	half := (last - first) / 2
	copy(l.re, c.cross.re[half:])
	copy(l.im, c.cross.im[half:])
	copy(l.re[size-half:], c.cross.re[:half])
	copy(l.im[size-half:], c.cross.im[:half])
	c.plan(size).Forward(l.im, l.re) // parts swapped: the inverse, unscaled
	rate := c.grid.SampleRate
	l.step = float64(f.size) / rate / float64(size)
	l.origin = x.origin
	l.maxLag = f.maxLag() / rate
	l.frame = float64(f.length) / rate
	return l
}

// lagsSize is the number of lags of a correlogram.
func (c *Correlator) lagsSize() int { return lagsSizeOf(c.runs[len(c.runs)-1][1] - c.runs[0][0]) }

func lagsSizeOf(bins int) int {
	size := 2
	for size < 2*bins {
		size *= 2
	}
	return size
}

// sumProducts adds conj(a) b over all frames and occupied bins into cross.
func (c *Correlator) sumProducts(a, b frameSpectra, f framing) {
	base := c.runs[0][0]
	for k := range f.count {
		aRe, aIm := a.frame(k, f.size)
		bRe, bIm := b.frame(k, f.size)
		for _, run := range c.runs {
			low, high := run[0], run[1]
			re, im := c.cross.re[low-base:high-base], c.cross.im[low-base:high-base]
			ar, ai, br, bi := aRe[low:high], aIm[low:high], bRe[low:high], bIm[low:high]
			for j := range re {
				re[j] += ar[j]*br[j] + ai[j]*bi[j]
				im[j] += ar[j]*bi[j] - ai[j]*br[j]
			}
		}
	}
}

// sumPhases adds the phases of conj(a) b, as numbers of magnitude 1, into cross.
func (c *Correlator) sumPhases(a, b frameSpectra, f framing) {
	base := c.runs[0][0]
	for k := range f.count {
		aRe, aIm := a.frame(k, f.size)
		bRe, bIm := b.frame(k, f.size)
		for _, run := range c.runs {
			for j := run[0]; j < run[1]; j++ {
				re := aRe[j]*bRe[j] + aIm[j]*bIm[j]
				im := aRe[j]*bIm[j] - aIm[j]*bRe[j]
				if power := re*re + im*im; power > 0 {
					m := 1 / float32(math.Sqrt(float64(power)))
					c.cross.re[j-base] += re * m
					c.cross.im[j-base] += im * m
				}
			}
		}
	}
}
