package dsp

import "math"

// A correlogram's grid is at least twice as fine as its band needs, so that a kernel of 8 crossings with half
// of the band for its transition interpolates it to -123 dB.
const (
	lagHalf       = 8
	lagTransition = 0.5
)

// correlogram is the correlation of one pair on a grid of lags, normalised so that its magnitude is 0 to 1.
// It is periodic; index m stands for the lag origin + m step.
type correlogram struct {
	re, im  []float32
	step    float64   // s
	origin  float64   // s: the lag of index 0
	maxLag  float64   // s: lags beyond it, from the origin, cannot be told from their aliases
	scale   float64   // what normalises re, im
	frame   float64   // s: length of a frame
	overlap []float64 // what a lag of x frames leaves of a correlation; nil: all
	kernel  *sincKernel
	taps    [2 * lagHalf]float32
}

// at returns the normalised magnitude at a lag (s), corrected for the share of the frames that the lag leaves
// in common.
func (c *correlogram) at(lag float64) float64 {
	x := (lag - c.origin) / c.step
	whole := math.Floor(x)
	c.kernel.unit(c.taps[:], x-whole)
	mask := len(c.re) - 1
	first := int(whole) - lagHalf + 1
	var re, im float32
	for j, h := range c.taps {
		m := (first + j) & mask
		re += h * c.re[m]
		im += h * c.im[m]
	}
	return min(1, math.Hypot(float64(re), float64(im))*c.scale/c.common(lag))
}

// common is the share of a frame's power that two frames have in common when one is late by lag.
func (c *correlogram) common(lag float64) float64 {
	if c.overlap == nil {
		return 1
	}
	return max(0.1, interpolateTable(c.overlap, (lag-c.origin)/c.frame))
}

// clip brings a range of lags to those that are not ambiguous.
func (c *correlogram) clip(low, high float64) (float64, float64) {
	least, most := c.origin-c.maxLag, c.origin+c.maxLag
	return min(max(low, least), most), max(min(high, most), least)
}

// peak returns the highest peak between two lags, refined: the highest local maximum, or, where there is none,
// the higher edge. (The flank of a peak that lies outside is no peak.)
func (c *correlogram) peak(low, high float64) (value, lag float64) {
	low, high = c.clip(low, high)
	first, last := int(math.Ceil((low-c.origin)/c.step)), int(math.Floor((high-c.origin)/c.step))
	mask := len(c.re) - 1
	before, here := c.power((first-1)&mask), c.power(first&mask)
	best, bestAt := float32(-1), 0
	for m := first; m <= last; m++ {
		after := c.power((m + 1) & mask)
		if here > best && here >= before && here >= after {
			best, bestAt = here, m
		}
		before, here = here, after
	}
	if best < 0 {
		return c.edge(low, high)
	}
	return c.refine(c.origin+float64(bestAt)*c.step, low, high)
}

func (c *correlogram) power(m int) float32 { return c.re[m]*c.re[m] + c.im[m]*c.im[m] }

func (c *correlogram) edge(low, high float64) (value, lag float64) {
	a, b := c.at(low), c.at(high)
	if a > b {
		return a, low
	}
	return b, high
}

// refine climbs from a grid lag to the peak by parabolas through three points ever closer together.
func (c *correlogram) refine(lag, low, high float64) (value, at float64) {
	for h := c.step / 2; h > c.step/64; h /= 4 {
		a, b, d := c.at(lag-h), c.at(lag), c.at(lag+h)
		if bend := a - 2*b + d; bend < 0 {
			lag += h * max(-1, min(1, (a-d)/(2*bend)))
		}
		lag = max(low, min(high, lag))
	}
	return c.at(lag), lag
}
