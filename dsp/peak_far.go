package dsp

import "math"

const (
	// farSignificance is N rho^2 from which a peak far from 0 is more than the highest of all lags' noise.
	farSignificance = 20

	// farFrames is how many frames apart the frames of two receivers are compared.
	farFrames = 4
)

// farPeak looks for the peak of receivers a and b at lags beyond half a frame, where a clock that is far off puts
// it: it correlates frames of a with earlier and later frames of b. What is returned as the value is rho, times
// the root of the share of the frames that meet at such a lag, so that N tells its significance.
func (c *Correlator) farPeak(a, b int, origin float64) (value, lag float64) {
	f := c.framing
	apart := float64(f.hop()) / c.grid.SampleRate
	sa, sb := &c.spectrum[a], &c.spectrum[b]
	most := min(farFrames, f.count/2)
	for late := -most; late <= most; late++ {
		if late == 0 {
			continue
		}
		before, after := max(0, -late), max(0, late)
		norm := math.Sqrt(c.occupied(sa, f, before, f.count-after) * c.occupied(sb, f, after, f.count-before))
		middle := origin + float64(late)*apart
		l := c.correlogram(c.cfg.Channels[0], sa, sb, f, late, norm, middle)
		v, at := l.peak(middle-apart/2, middle+apart/2)
		v *= math.Sqrt(1 - float64(before+after)/float64(f.count))
		if v > value {
			value, lag = v, at
		}
	}
	return value, lag
}
