package grid

import "math"

// outside is what the first grid says of emitters farther than outsideFrom a from the centroid.
type outside struct {
	share  float64    // of the probability
	toward [3]float64 // xx, yy, xy: second moments of the unit vectors towards them
}

// outside reads it off the first grid.
func (s *surface) outside() outside {
	marginal := s.marginal()
	top := math.Inf(-1)
	for _, l := range marginal {
		top = max(top, l)
	}
	var all, share, xx, xy float64
	for cell, l := range marginal {
		weight := math.Exp(l - top)
		all += weight
		if u, far := outsideCell(cell, s.n); far {
			share += weight
			xx, xy = xx+weight*u[0]*u[0], xy+weight*u[0]*u[1]
		}
	}
	sum := max(share, tiny)
	return outside{share / all, [3]float64{xx / sum, (share - xx) / sum, xy / sum}}
}

// outsideCell says whether a cell of the first grid is far, and which way it lies from the centroid.
func outsideCell(cell, n int) (u [2]float64, far bool) {
	x, y := offset(cell/n, n), offset(cell%n, n)
	r := math.Hypot(x, y)
	return [2]float64{x / r, y / r}, coarseExtent*r > outsideFrom
}

// inside is the factor from 1 to 0 on a fix's confidence: none is left where the share outside is
// what makes the ellipse full length, half or less where the lags say nothing and the share is the
// prior's.
func (o *outside) inside() float64 { return 1 - min(o.share/outsideSure, 1) }

// widen makes a covariance as long as an emitter outside demands. Delays tell its bearing, hardly
// its distance, and the prior and the grid's end would pretend to: so the ellipse is stretched
// towards where it may be, until it holds what lies on that bearing at ten a and more. How much
// of that is added grows with the share of the probability outside, smoothly from none, lest
// rounding show.
func (o *outside) widen(c [3]float64, spread float64) [3]float64 {
	sure := clip((o.share-outsideNone)/(outsideSure-outsideNone), 0, 1)
	length2 := math.Pow(sure*outsideReach*spread, 2)
	breadth := outsideBreadth * outsideBreadth
	return [3]float64{
		c[0] + length2*(o.toward[0]+breadth),
		c[1] + length2*(o.toward[1]+breadth),
		c[2] + length2*o.toward[2]}
}
