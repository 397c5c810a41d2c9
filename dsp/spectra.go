package dsp

import "math"

// frameSpectra are one or several frames' split-complex spectra, one after the other.
type frameSpectra struct{ re, im []float32 }

func (s *frameSpectra) grow(n int) {
	grow(&s.re, n)
	grow(&s.im, n)
}

// largePlan is the size above which a plan's memory, 12 bytes a point, is worth looking after.
const largePlan = 1 << 17

func (c *Correlator) plan(size int) *FFT {
	p := c.plans[size]
	if p == nil {
		var err error
		if p, err = NewFFT(size); err != nil {
			panic(err) // frames are at most maxFrameLength, correlograms twice that rounded up: far less than maxFFT
		}
		c.plans[size] = p
	}
	return p
}

// dropPlans drops the large plans of earlier captures that are too large for the one in hand.
func (c *Correlator) dropPlans() {
	for size := range c.plans {
		if size > largePlan && size > lagsSizeOf(c.framing.size) {
			delete(c.plans, size)
		}
	}
}

// spectrum returns receiver i's frames.
func (c *Correlator) spectrum(i int) frameSpectra {
	n := c.framing.count * c.framing.size
	return frameSpectra{c.spectra.re[i*n : (i+1)*n], c.spectra.im[i*n : (i+1)*n]}
}

// transform fills receiver i's spectra and its summed power.
func (c *Correlator) transform(i int) {
	g := c.grid
	s := c.spectrum(i)
	c.scale[i] = unitScale(g.Re[i], g.Im[i])
	c.frames(s, g.Re[i], g.Im[i], c.taper.of(c.framing), c.scale[i], c.framing)
	power := c.power[i]
	clear(power)
	for k := range c.framing.count {
		re, im := s.frame(k, c.framing.size)
		for j := range power {
			power[j] += re[j]*re[j] + im[j]*im[j]
		}
	}
}

func (s *frameSpectra) frame(k, size int) (re, im []float32) {
	return s.re[k*size : (k+1)*size], s.im[k*size : (k+1)*size]
}

// frames transforms the frames of one receiver's samples.
func (c *Correlator) frames(dst frameSpectra, inRe, inIm, window []float32, scale float32, f framing) {
	plan := c.plan(f.size)
	for k := range f.count {
		re, im := dst.frame(k, f.size)
		from := f.start(k)
		a, b := inRe[from:from+f.length], inIm[from:from+f.length]
		for j, w := range window {
			w *= scale
			re[j], im[j] = w*a[j], w*b[j]
		}
		clear(re[f.length:])
		clear(im[f.length:])
		plan.Forward(re, im)
	}
}

// limit applies the gains that limit lines.
func (s *frameSpectra) limit(lines []line, f framing) {
	for k := range f.count {
		re, im := s.frame(k, f.size)
		for _, l := range lines {
			re[l.bin] *= l.gain
			im[l.bin] *= l.gain
		}
	}
}

// occupied returns the energy of the occupied bins of all frames.
func (c *Correlator) occupied(s *frameSpectra, f framing) float64 {
	energy := 0.0
	for k := range f.count {
		re, im := s.frame(k, f.size)
		for _, run := range c.runs {
			for j := run[0]; j < run[1]; j++ {
				energy += float64(re[j]*re[j] + im[j]*im[j])
			}
		}
	}
	return energy
}

// unitScale returns what brings the largest part of a receiver's samples to 1, so that squares neither
// overflow nor vanish; 0 for silence.
func unitScale(re, im []float32) float32 {
	top := float32(0)
	for j := range re {
		top = max(top, abs32(re[j]), abs32(im[j]))
	}
	if top == 0 {
		return 0
	}
	return 1 / max(top, 1e-30)
}

func abs32(v float32) float32 {
	return math.Float32frombits(math.Float32bits(v) &^ (1 << 31))
}

func sumFloat32(x []float32) float64 {
	sum := 0.0
	for _, v := range x {
		sum += float64(v)
	}
	return sum
}
