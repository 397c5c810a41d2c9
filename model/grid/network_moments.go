package grid

import "math"

// point is a place, covariances three moments about it, each [B, 1, C].
type point struct{ x, y value }

type covariances struct{ xx, yy, xy value }

// windowMoments describe the probability under surfaces; see moments.
type windowMoments struct {
	mean    point
	cov     covariances
	logMass value
}

// moments is the graph of the method of that name.
func (n *network) moments(s *surfaces) windowMoments {
	w := s.windows
	top := n.ReduceMax(s.marginal, true, 2) // [B, C, 1]
	weight := n.Sub(n.Exp(n.Sub(s.marginal, top)), n.Float32(float32(math.Exp(-cut))))
	weight = n.double(n.Max(weight, n.Float32(0)))
	sums := n.MatMul(n.basis(int(w.cells)), n.Unsqueeze(weight, 3)) // [B, C, 6, 1]
	sums = n.Transpose(n.Squeeze(sums, 3), 0, 2, 1)                 // [B, 6, C]
	sum := n.Slice(sums, 1, 0, 1)
	means := n.Div(sums, sum)
	at := func(i int64) value { return n.Slice(means, 1, i, i+1) }
	u, v := at(1), at(2)

	area := n.Mul(w.halfU, w.halfV)
	share, square := 1/cutVariance(), 1/float64(3*w.cells*w.cells)
	spread := func(second, mean value) value {
		return n.plus(n.scale(n.atLeast(n.Sub(second, n.square(mean)), 0), share), square)
	}
	cov := covariances{
		n.Mul(spread(at(3), u), n.square(w.halfU)),
		n.Mul(spread(at(4), v), n.square(w.halfV)),
		n.scale(n.Mul(n.Sub(at(5), n.Mul(u, v)), area), share)}
	du, dv := n.Mul(u, w.halfU), n.Mul(v, w.halfV)
	cell := n.scale(area, 1/float64(w.cells*w.cells))
	return windowMoments{
		mean: point{
			n.Add(w.x, n.Sub(n.Mul(du, w.ux), n.Mul(dv, w.uy))),
			n.Add(w.y, n.Add(n.Mul(du, w.uy), n.Mul(dv, w.ux)))},
		cov:     n.turn(cov, w.ux, w.uy),
		logMass: n.Add(n.Transpose(n.double(top), 0, 2, 1), n.exactLog(n.Mul(sum, cell))),
	}
}

// basis holds, for cells of n x n, the rows 1, u, v, u², v², uv: [6, n n].
func (n *network) basis(cells int) value {
	all := cells * cells
	rows := make([]float64, 6*all)
	for cell := range all {
		u, v := offset(cell/cells, cells), offset(cell%cells, cells)
		for i, x := range []float64{1, u, v, u * u, v * v, u * v} {
			rows[i*all+cell] = x
		}
	}
	return n.Float64s([]int64{6, int64(all)}, rows...)
}

func (n *network) turn(c covariances, ux, uy value) covariances {
	xx, yy, xy := n.square(ux), n.square(uy), n.Mul(ux, uy)
	twice := n.scale(n.Mul(c.xy, xy), 2)
	return covariances{
		n.Sub(n.Add(n.Mul(c.xx, xx), n.Mul(c.yy, yy)), twice),
		n.Add(n.Add(n.Mul(c.xx, yy), n.Mul(c.yy, xx)), twice),
		n.Add(n.Mul(n.Sub(c.xx, c.yy), xy), n.Mul(c.xy, n.Sub(xx, yy)))}
}

// axes is the graph of the function of that name.
func (n *network) axes(c covariances) (major, minor, ux, uy value) {
	mean, diff := n.scale(n.Add(c.xx, c.yy), 0.5), n.scale(n.Sub(c.xx, c.yy), 0.5)
	radius := n.Sqrt(n.Add(n.square(diff), n.square(c.xy)))
	cos2 := n.scale(n.Div(n.plus(diff, tiny), n.plus(radius, tiny)), 0.5)
	ux = n.Sqrt(n.atLeast(n.plus(cos2, 0.5), 0))
	uy = n.Sqrt(n.atLeast(n.Sub(n.Float64(0.5), cos2), 0))
	uy = n.Where(n.Less(c.xy, n.Float64(0)), n.Neg(uy), uy)
	return n.Add(mean, radius), n.atLeast(n.Sub(mean, radius), 0), ux, uy
}

// windowAxes is the graph of the function of that name.
func (n *network) windowAxes(c covariances) (along, across, ux, uy value) {
	_, minor, _, _ := n.axes(c)
	bias := n.scale(minor, steady)
	_, _, ux, uy = n.axes(covariances{n.Add(c.xx, bias), n.Sub(c.yy, bias), c.xy})
	twice := n.scale(n.Mul(c.xy, n.Mul(ux, uy)), 2)
	along = n.Add(n.Add(n.Mul(c.xx, n.square(ux)), n.Mul(c.yy, n.square(uy))), twice)
	across = n.atLeast(n.Sub(n.Add(c.xx, c.yy), along), 0)
	return along, across, ux, uy
}
