package dsp

import "math"

// pair is what is known of two receivers' correlation.
type pair struct {
	a, b, index        int
	window             float64 // s, W
	value, lag         float64 // of the highest peak within the window
	fullValue, fullLag float64 // of the highest peak
	inside             bool    // they are the same
	shift              int     // samples: the lag, but for the receivers' offsets
	energy             float64 // N rho^2 of the peak within the window
}

// cut is two receivers' frames, to be correlated.
type cut struct {
	a, b       frameSpectra
	framing    framing
	norm       float64 // square root of the product of their energies
	origin     float64 // s: the lag of what lies at the same place in the frames of both
	compensate bool    // for what two frames do not share at a lag
}

func (c *Correlator) firstCut(a, b int) cut {
	return cut{
		a: c.spectrum(a), b: c.spectrum(b), framing: c.framing, norm: math.Sqrt(c.energy[a] * c.energy[b]),
		origin: c.grid.Offset[b] - c.grid.Offset[a], compensate: true,
	}
}

// correlatePair fills what out says of a pair. One whose lag is too large a share of a frame is noted in c.again
// where its peak is that of a signal. Until it is cut again, what the frames do not share counts as noise in its
// correlation, as it does in the error of its lag.
func (c *Correlator) correlatePair(q pair, out *Correlation) {
	x := c.firstCut(q.a, q.b)
	peaks := c.correlogram(c.cfg.Channels[0], x)
	q.fullValue, q.fullLag = peaks.peak(math.Inf(-1), math.Inf(1))
	q.value, q.lag = peaks.peak(-q.window, q.window)
	q.inside = math.Abs(q.fullLag-q.lag) < peaks.step
	q.shift = int(math.Round((q.lag - x.origin) * c.grid.SampleRate))
	n := c.pairTimeBandwidth(&q, x.framing)
	if shared := q.fullValue * peaks.common(q.fullLag); !significant(n, shared) {
		q.fullValue = shared // to make up for what frames do not share would lift noise above noise
	}
	if _, far := c.recutFraming(q.shift); far {
		x.compensate, peaks.overlap = false, nil
		q.value = peaks.at(q.lag)
		if q.inside {
			q.fullValue = q.value
		}
		if q.energy = n * q.value * q.value; significant(n, q.value) {
			c.again = append(c.again, q)
		}
	}
	c.fill(&q, x, peaks, out)
}

func (c *Correlator) pairTimeBandwidth(q *pair, f framing) float64 {
	return c.timeBandwidth(f) * c.finder.flatness(q.a, q.b)
}

// fill writes a pair's place in out. peaks is the correlogram of the first channel of the cut.
func (c *Correlator) fill(q *pair, x cut, peaks *correlogram, out *Correlation) {
	p := q.index
	out.LagWindow[p], out.Bandwidth[p] = float32(q.window), float32(c.band.Bandwidth)
	out.TimeBandwidth[p] = float32(c.pairTimeBandwidth(q, x.framing))
	out.FullPeak[2*p], out.FullPeak[2*p+1] = float32(q.fullValue), float32(q.fullLag)
	lags := out.Lag[p*c.cfg.Lags : (p+1)*c.cfg.Lags]
	c.layLags(lags, q.lag, q.window)
	for k, channel := range c.cfg.Channels {
		if k > 0 {
			peaks = c.correlogram(channel, x)
		}
		at := (p*len(c.cfg.Channels) + k) * c.cfg.Lags
		for j, l := range lags {
			out.CrossCorrelation[at+j] = float32(peaks.at(float64(l)))
		}
	}
}

// layLags lays the lags about the peak or over the window.
func (c *Correlator) layLags(lags []float32, peak, w float64) {
	middle := float64(len(lags)-1) / 2
	step := w / middle
	if c.cfg.Around == AroundPeak {
		step = 1 / (c.cfg.StepsPerBandwidth * c.band.Bandwidth)
	} else {
		peak = 0
	}
	for j := range lags {
		lags[j] = float32(peak + (float64(j)-middle)*step)
	}
}
