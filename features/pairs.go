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
	if err := e.checkBaselines(); err != nil {
		return err
	}
	return e.correlator.Correlate(e.reach, &e.correlation)
}

// A network says nothing of a place when all its receivers stand together: within leastBaseline, which light passes in
// the tenth of a microsecond that good clocks are off by, or within leastResolved of what their time errors amount to.
const (
	leastBaseline = 30 // m
	leastResolved = 0.01
)

// checkBaselines refuses such a network. One that is merely small for its errors gets an ellipse as large as they are.
func (e *Extractor) checkBaselines() error {
	longest, uncertain := 0.0, math.Inf(1)
	for a := range e.enu {
		for b := a + 1; b < len(e.enu); b++ {
			longest = max(longest, e.baseline(a, b))
			uncertain = min(uncertain, speedOfLight*math.Hypot(e.sigma[a], e.sigma[b]))
		}
	}
	if longest < max(leastBaseline, leastResolved*uncertain) {
		return refuse(CodeNoBaseline, "the receivers stand within %.1f m of each other and their times are uncertain by %.0f m; "+
			"such a network cannot tell where anything is (is one position given for all?)", longest, uncertain)
	}
	return nil
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
	return 1.05*e.baseline(a, b)/speedOfLight + 4*math.Hypot(e.sigma[a], e.sigma[b])
}

// baseline is the distance of two receivers in metres.
func (e *Extractor) baseline(a, b int) float64 {
	p, q := &e.enu[a], &e.enu[b]
	return math.Hypot(math.Hypot(p[0]-q[0], p[1]-q[1]), p[2]-q[2])
}
