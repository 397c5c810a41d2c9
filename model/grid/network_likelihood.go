package grid

import "math"

// windows are C windows of each capture, every part [B, 1, C]; see window.
type windows struct {
	count, cells int64 // C, and the cells a side
	x, y, ux, uy value
	halfU, halfV value
}

// surfaces are the log-likelihoods of the cells of windows, single precision.
type surfaces struct {
	windows
	log      value // [B, H, C n n]
	marginal value // [B, C, n n] summed over the hypotheses
}

// cellAxes are the places of the cells of windows along the two axes of each, from receivers or
// from one point: u is [B, R, C, n, 1] and v is [B, R, C, 1, n].
type cellAxes struct{ u, v value }

// evaluate is the graph of the function of that name.
func (n *network) evaluate(e *networkEvidence, w windows) *surfaces {
	stepU, stepV := n.offsets(w)
	origin := n.axesFrom(w, n.Float64(0), n.Float64(0), stepU, stepV)
	centre := n.axesFrom(w, e.centreX, e.centreY, stepU, stepV)
	receiver := n.axesFrom(w, n.x, n.y, stepU, stepV)
	height := n.Sub(n.surfaceHeight(n.radius2(origin)), n.Unsqueeze(n.z, 2, 3)) // [B, R, C, n, n]
	chord2 := n.atLeast(n.Add(n.radius2(receiver), n.square(height)), 1)
	chord := n.Sqrt(chord2)
	distance := n.groundDistance(chord, chord2)

	pairs := n.pairLikelihood(e, w, receiver, chord, distance)
	prior := n.placePrior(e, n.radius2(centre))
	s := &surfaces{windows: w}
	s.log = n.Add(n.MatMul(e.weights, pairs), n.Add(e.logPrior, prior))
	s.marginal = n.Reshape(n.logSumHypotheses(s.log), 0, w.count, w.cells*w.cells)
	return s
}

// offsets gives the cells' distances from the middles of windows along both axes.
func (n *network) offsets(w windows) (u, v value) {
	at := make([]float64, w.cells)
	for i := range at {
		at[i] = offset(i, int(w.cells))
	}
	u = n.Mul(n.Unsqueeze(w.halfU, 3, 4), n.Float64s([]int64{w.cells, 1}, at...))
	v = n.Mul(n.Unsqueeze(w.halfV, 3, 4), n.Float64s([]int64{1, w.cells}, at...))
	return u, v
}

// axesFrom measures cells from points [B, R, 1] along the axes of the windows.
func (n *network) axesFrom(w windows, x, y, stepU, stepV value) cellAxes {
	dx, dy := n.Sub(w.x, x), n.Sub(w.y, y) // [B, R, C]
	u := n.Add(n.Mul(dx, w.ux), n.Mul(dy, w.uy))
	v := n.Sub(n.Mul(dy, w.ux), n.Mul(dx, w.uy))
	return cellAxes{n.Add(n.Unsqueeze(u, 3, 4), stepU), n.Add(n.Unsqueeze(v, 3, 4), stepV)}
}

func (n *network) radius2(c cellAxes) value { return n.Add(n.square(c.u), n.square(c.v)) }

// flat joins the cells of all windows into one axis.
func (n *network) flat(cells value) value { return n.Reshape(cells, 0, 0, -1) }

// pairLikelihood is l of every pair and cell, [B, P, C n n]. Distances are taken relative to the
// middle cell of each window in double precision, so that single is enough for what remains.
func (n *network) pairLikelihood(e *networkEvidence, w windows, receiver cellAxes, chord, distance value) value {
	cells := w.cells * w.cells
	distance = n.Reshape(distance, 0, 0, w.count, cells)
	middle := n.Gather(distance, n.Axes(cells/2+w.cells/2), 3)               // [B, R, C, 1]
	near := n.flat(n.single(n.scale(n.Sub(distance, middle), math.Sqrt2/2))) // [B, R, C n n]
	miss := n.Sub(n.MatMul(n.difference, n.Squeeze(middle, 3)), e.lag)       // [B, P, C]
	apart := n.Reshape(n.MatMul(n.difference32, near), 0, 0, w.count, cells) // [B, P, C, n n]
	apart = n.flat(n.Add(apart, n.Unsqueeze(n.single(n.scale(miss, math.Sqrt2/2)), 3)))

	u, v := n.slopes(w, receiver, chord)
	u, v = n.MatMul(n.difference32, u), n.MatMul(n.difference32, v)
	// apart is over sqrt(2), and the variance has its sign turned: this saves passes over the
	// largest tensors.
	negative := n.Sub(n.Sub(n.single(n.Neg(e.variance)), n.Mul(u, u)), n.Mul(v, v))
	gauss := n.Exp(n.Div(n.Mul(apart, apart), negative))
	height := n.Sqrt(n.Div(n.single(n.Neg(e.heightSquared)), negative))
	return n.Log(n.Add(n.Mul(height, gauss), n.single(e.outlier)))
}

// slopes give how much the distance from each receiver changes across a cell, along both axes,
// over sqrt(6): [B, R, C n n] single.
func (n *network) slopes(w windows, receiver cellAxes, chord value) (u, v value) {
	across := 2 / float64(w.cells) / math.Sqrt(6)
	inverse := n.single(n.Div(n.Float64(across), chord))
	along := func(axis, half value) value {
		return n.flat(n.Mul(n.single(n.Mul(axis, n.Unsqueeze(half, 3, 4))), inverse))
	}
	return along(receiver.u, w.halfU), along(receiver.v, w.halfV)
}

// placePrior is the logarithm of the prior of each cell, [B, 1, C n n] single.
func (n *network) placePrior(e *networkEvidence, radius2 value) value {
	scale2 := n.square(n.scale(e.spread, priorScale))
	ratio := n.single(n.flat(n.Div(radius2, n.Unsqueeze(scale2, 3, 4))))
	return n.Mul(n.Log(n.Add(ratio, n.Float32(1))), n.Float32(-2))
}

func (n *network) surfaceHeight(radius2 value) value {
	r2 := n.Min(n.scale(radius2, 1/(earthRadius*earthRadius)), n.Float64(0.99))
	return n.scale(n.plus(n.Sqrt(n.Sub(n.Float64(1), r2)), -1), earthRadius)
}

func (n *network) groundDistance(chord, chord2 value) value {
	return n.Mul(chord, n.plus(n.scale(chord2, 1/(24*earthRadius*earthRadius)), 1))
}

// logSumHypotheses sums the hypotheses, [B, H, G] to [B, 1, G].
func (n *network) logSumHypotheses(log value) value {
	top := n.ReduceMax(log, true, 1)
	return n.Add(top, n.Log(n.MatMul(n.everyHypothesis, n.Exp(n.Sub(log, top)))))
}
