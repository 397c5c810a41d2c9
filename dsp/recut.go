package dsp

import "math"

// A pair whose lag is more than this share of a frame is cut again, so that the frames of both hold the same
// emission. A capture of one frame has no others to average over what they do not share.
const (
	recutShare      = 1.0 / 32
	recutShareWhole = 1.0 / 256
)

// recutFraming returns the frames of what two receivers have in common when the second is late by shift
// samples, and whether they are worth cutting.
func (c *Correlator) recutFraming(shift int) (framing, bool) {
	f := c.framing
	if shift < 0 {
		shift = -shift
	}
	left := f.samples - shift
	if !f.whole {
		return hannFraming(left, f.length), float64(shift) > recutShare*float64(f.length) && left >= f.length
	}
	if float64(shift) <= recutShareWhole*float64(f.length) || left < minGrid {
		return f, false
	}
	size := f.size
	f = wholeFraming(left)
	f.size = size
	return f, true
}

// cutAgain fills recut with frames of receivers a and b shifted against each other, and returns
// the square root of the product of their energies.
func (c *Correlator) cutAgain(a, b, shift int, f framing) float64 {
	w := c.recutTaper.of(f)
	g := c.grid
	fromA, fromB := max(0, -shift), max(0, shift)
	product := 1.0
	for k, cut := range [2]struct{ i, from int }{{a, fromA}, {b, fromB}} {
		re, im := g.Re[cut.i][cut.from:cut.from+f.samples], g.Im[cut.i][cut.from:cut.from+f.samples]
		c.frames(&c.recut[k], re, im, w, c.scale[cut.i], f)
		c.recut[k].limit(c.finder.lines[cut.i], f)
		product *= c.occupied(&c.recut[k], f)
	}
	return math.Sqrt(product)
}
