package dsp

import (
	"cmp"
	"math"
	"slices"
)

// A pair whose lag is more than this share of a frame is cut again, so that the frames of both hold the same
// emission. A capture of one frame has no others to average over what they do not share.
const (
	recutShare      = 1.0 / 32
	recutShareWhole = 1.0 / 256
)

// significantEnergy and ln N is the N rho^2 above which a peak is a signal's: noise alone hardly comes near it at any
// of a capture's lags.
const significantEnergy = 12

func significant(n, rho float64) bool { return n*rho*rho > significantEnergy+math.Log(max(n, 1)) }

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

// strongest returns the pairs of c.again with the strongest correlations, as they gain most: as many as a capture may
// cost.
func (c *Correlator) strongest() []pair {
	slices.SortFunc(c.again, func(x, y pair) int {
		return cmp.Or(cmp.Compare(y.energy, x.energy), cmp.Compare(x.index, y.index))
	})
	work := 0
	for i := range c.again {
		f, _ := c.recutFraming(c.again[i].shift)
		if work += 2*f.count*f.size + c.lagsSize(); work > maxRecutWork {
			return c.again[:i]
		}
	}
	return c.again
}

// cutStrongest cuts the strongest pairs again. The others stay as they are.
func (c *Correlator) cutStrongest(out *Correlation) {
	again := c.strongest()
	for i := range again {
		q := &again[i]
		f, _ := c.recutFraming(q.shift)
		x := c.cutAgain(q, f)
		peaks := c.correlogram(c.cfg.Channels[0], x)
		apart := 1 / c.band.Bandwidth
		q.value, q.lag = peaks.peak(max(-q.window, q.lag-apart), min(q.window, q.lag+apart))
		if q.inside {
			q.fullValue, q.fullLag = q.value, q.lag
		}
		c.fill(q, x, peaks, out)
	}
}

// cutAgain fills recut with frames of a pair's receivers shifted against each other.
func (c *Correlator) cutAgain(q *pair, f framing) cut {
	w := c.recutTaper.of(f)
	g := c.grid
	fromA, fromB := max(0, -q.shift), max(0, q.shift)
	product := 1.0
	for k, from := range [2]struct{ i, sample int }{{q.a, fromA}, {q.b, fromB}} {
		re, im := g.Re[from.i][from.sample:from.sample+f.samples], g.Im[from.i][from.sample:from.sample+f.samples]
		c.recut[k].grow(f.count * f.size)
		c.frames(c.recut[k], re, im, w, c.scale[from.i], f)
		c.recut[k].limit(c.finder.linesOf(from.i), f)
		product *= c.occupied(&c.recut[k], f)
	}
	return cut{
		a: c.recut[0], b: c.recut[1], framing: f, norm: math.Sqrt(product), compensate: true,
		origin: g.Offset[q.b] - g.Offset[q.a] + float64(q.shift)/g.SampleRate,
	}
}
