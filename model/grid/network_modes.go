package grid

import "math"

// networkFix is what is reported, each part [B, 1, 1], and which chain was the best mode.
type networkFix struct {
	mean       point
	cov        covariances
	confidence value
	best       value // int64
}

// answer is the graph of the function of that name.
func (n *network) answer(ends chainEnds) networkFix {
	m := ends.moments
	five := n.Concat(1, m.mean.x, m.mean.y, m.cov.xx, m.cov.yy, m.cov.xy) // [B, 5, C]
	wholeMass := n.Slice(m.logMass, 2, modes, chains)
	everything := n.Slice(five, 2, modes, chains)
	logMass := n.Where(ends.isMode, n.Slice(m.logMass, 2, 0, modes), n.Float64(noPeak))
	sorted, order := n.TopK(logMass, modes, 2) // [B, 1, modes]
	indices := n.Concat(1, order, order, order, order, order)
	found := n.GatherElements(five, indices, 2) // [B, 5, modes]
	best := n.Slice(sorted, 2, 0, 1)

	mass := n.Mul(n.distinct(found), n.exactExp(n.Sub(sorted, best)))
	sum := n.Add(n.Add(n.Slice(mass, 2, 0, 1), n.Slice(mass, 2, 1, 2)), n.Slice(mass, 2, 2, 3))
	whole := n.exactExp(n.Min(n.Sub(wholeMass, best), n.Float64(50)))
	confidence := n.Div(n.Float64(1), n.Max(sum, whole))
	several := n.Where(n.Less(whole, sum), n.mixture(found, n.Div(mass, sum)), everything)
	alone := n.Less(confidence, n.Float64(modeShare))
	chosen := n.split(n.Where(alone, several, n.Slice(found, 2, 0, 1)))
	return networkFix{chosen.mean, chosen.cov, confidence, n.Slice(order, 2, 0, 1)}
}

// gaussians are the five moments taken apart.
type gaussians struct {
	mean point
	cov  covariances
}

func (n *network) split(five value) gaussians {
	at := func(i int64) value { return n.Slice(five, 1, i, i+1) }
	return gaussians{point{at(0), at(1)}, covariances{at(2), at(3), at(4)}}
}

// distinct is 1 for each mode that repeats no heavier one, [B, 1, modes]; see repeats.
func (n *network) distinct(found value) value {
	a := n.split(n.Gather(found, n.Axes(0, 0, 1), 2)) // the pairs of modes (0,1), (0,2), (1,2)
	b := n.split(n.Gather(found, n.Axes(1, 2, 2), 2))
	d2 := n.Min(n.distance2(a.mean, a.cov, b.mean), n.distance2(b.mean, b.cov, a.mean))
	apart := n.number(n.Not(n.Less(d2, n.Float64(sameMode)))) // 1 where two modes are two
	second := n.Slice(apart, 2, 0, 1)
	ofSecond := n.Max(n.Slice(apart, 2, 2, 3), n.Sub(n.Float64(1), second))
	third := n.Mul(n.Slice(apart, 2, 1, 2), ofSecond)
	return n.Concat(2, n.like(second, 1), second, third)
}

// mixture is the graph of the function of that name, [B, 5, 1].
func (n *network) mixture(found, share value) value {
	modesOf := n.split(found)
	total := func(x value) value {
		y := n.Mul(x, share)
		return n.Add(n.Add(n.Slice(y, 2, 0, 1), n.Slice(y, 2, 1, 2)), n.Slice(y, 2, 2, 3))
	}
	x, y := total(modesOf.mean.x), total(modesOf.mean.y)
	dx, dy := n.Sub(modesOf.mean.x, x), n.Sub(modesOf.mean.y, y)
	return n.Concat(1, x, y,
		total(n.Add(modesOf.cov.xx, n.square(dx))),
		total(n.Add(modesOf.cov.yy, n.square(dy))),
		total(n.Add(modesOf.cov.xy, n.Mul(dx, dy))))
}

// used tells the receivers that take part, [B, R, 1] of 1 or 0: those active whose own hypothesis
// is not the likely one on the best mode's surface.
func (n *network) used(ends chainEnds, fix networkFix, active value) value {
	s := ends.surfaces
	cells := n.Reshape(s.log, 0, 0, s.count, s.cells*s.cells) // [B, H, C, n n]
	top := n.ReduceMax(cells, true, 1, 3)
	mass := n.double(n.ReduceSum(n.Exp(n.Sub(cells, top)), false, 3)) // [B, H, C]
	chain := n.number(n.Equal(n.Int64s([]int64{chains}, 0, 1, 2, 3), fix.best))
	mass = n.ReduceSum(n.Mul(mass, chain), true, 2) // [B, H, 1]
	total := n.ReduceSum(mass, true, 1)
	likely := n.Greater(n.Slice(mass, 1, 1, math.MaxInt64), n.scale(total, namePosterior))
	return n.Mul(active, n.number(n.Not(likely)))
}

// honest is the graph of the method of that name.
func (n *network) honest(e *networkEvidence, c covariances, used value) []value {
	major, minor, ux, uy := n.axes(c)
	least := n.square(n.scale(e.spread, lineAxis/chi95))
	line := n.Less(n.countOf(used), n.Float64(2.5))
	major = n.Where(line, n.Max(major, least), major)
	minor = n.Max(minor, n.scale(major, minRoundness))
	out := n.turn(covariances{major, minor, n.like(major, 0)}, ux, uy)
	return []value{out.xx, out.yy, out.xy}
}
