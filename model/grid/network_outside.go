package grid

// networkOutside is outside in the graph, each part [B, 1, 1].
type networkOutside struct {
	share  value
	toward covariances
}

// outside is the graph of the method of that name.
func (n *network) outside(s *surfaces) networkOutside {
	const all = coarseCells * coarseCells
	rows := make([]float64, 4*all) // 1, then 1, x², xy of the unit vectors to what is far
	for cell := range all {
		rows[cell] = 1
		if u, far := outsideCell(cell, coarseCells); far {
			rows[all+cell], rows[2*all+cell], rows[3*all+cell] = 1, u[0]*u[0], u[0]*u[1]
		}
	}
	weight := n.double(n.Exp(n.Sub(s.marginal, n.ReduceMax(s.marginal, true, 2))))
	sums := n.Squeeze(n.MatMul(n.Float64s([]int64{4, all}, rows...), n.Unsqueeze(weight, 3)), 1) // [B, 4, 1]
	at := func(i int64) value { return n.Slice(sums, 1, i, i+1) }
	far := n.atLeast(at(1), tiny)
	return networkOutside{n.Div(at(1), at(0)), covariances{
		n.Div(at(2), far), n.Div(n.Sub(at(1), at(2)), far), n.Div(at(3), far)}}
}

// inside is the graph of the method of that name, [B, 1, 1].
func (n *network) inside(o networkOutside) value {
	return n.Sub(n.Float64(1), n.Min(n.scale(o.share, 1/outsideSure), n.Float64(1)))
}

// widening is what the method widen of outside adds, in that order.
func (n *network) widening(e *networkEvidence, o networkOutside) covariances {
	sure := n.limit(n.scale(n.plus(o.share, -outsideNone), 1/(outsideSure-outsideNone)), 0, 1)
	length2 := n.square(n.Mul(n.scale(sure, outsideReach), e.spread))
	const breadth = outsideBreadth * outsideBreadth
	return covariances{
		n.Mul(length2, n.plus(o.toward.xx, breadth)),
		n.Mul(length2, n.plus(o.toward.yy, breadth)),
		n.Mul(length2, o.toward.xy)}
}
