package features

import (
	"math"
	"slices"

	"foxhunt/dsp"
	"foxhunt/messages"
)

// speedOfLight in m/s.
const speedOfLight = 299792458

// correlate finds the occupied band, from it the error budget, and from that the lags that each pair may have. Frames
// are chosen before the bandwidth is known: what a narrow band adds to the budget is a small share of the 1/B that
// the correlator allows for anyway.
func (e *Extractor) correlate(capture *messages.Capture, network string, grid *dsp.Grid, out *Features) error {
	out.Budget = e.budget.For(network, capture.Frequency, 0)
	e.bound(capture, out.Budget.Propagation)
	if e.correlator == nil {
		return nil
	}
	band, err := e.correlator.Analyse(grid, slices.Max(e.reach))
	if err != nil {
		return err
	}
	out.Budget = e.budget.For(network, capture.Frequency, band.Bandwidth)
	e.bound(capture, out.Budget.Propagation)
	return e.correlator.Correlate(e.reach, &e.correlation)
}

// bound computes the receivers' sigma from their clocks and the propagation error (s), and the pairs' reach from
// those and their distance.
func (e *Extractor) bound(capture *messages.Capture, propagation float64) {
	e.sigma = grow(e.sigma, len(capture.Receivers))
	for i := range e.sigma {
		e.sigma[i] = math.Hypot(capture.Receivers[i].ClockSigma*1e-9, propagation)
	}
	e.reach = grow(e.reach, dsp.PairCount(len(e.sigma)))
	pair := 0
	for a := range e.sigma {
		for b := a + 1; b < len(e.sigma); b++ {
			e.reach[pair] = e.pairReach(a, b)
			pair++
		}
	}
}

// pairReach is the largest time difference that a pair can have: the baseline's travel time, with a little to spare
// for a path along the ground, and four standard deviations of the two clocks and propagation paths.
func (e *Extractor) pairReach(a, b int) float64 {
	p, q := &e.enu[a], &e.enu[b]
	baseline := math.Hypot(math.Hypot(p[0]-q[0], p[1]-q[1]), p[2]-q[2])
	return 1.05*baseline/speedOfLight + 4*math.Hypot(e.sigma[a], e.sigma[b])
}
