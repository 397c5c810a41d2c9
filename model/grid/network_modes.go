package grid

import (
	"math"

	"foxhunt/model/graph"
)

// networkFix is what is reported, each part [B, 1, 1], and the chain that shows which receivers take part.
type networkFix struct {
	mean       point
	cov        covariances
	confidence value
	chain      value // int64
}

// answer is the graph of the function of that name.
func (n *network) answer(ends chainEnds) networkFix {
	m, w := ends.moments, ends.surfaces.windows
	five := n.Concat(1, m.mean.x, m.mean.y, m.cov.xx, m.cov.yy, m.cov.xy) // [B, 5, C]
	everything := n.Slice(five, 2, modes, chains)
	found := n.Slice(five, 2, 0, modes)
	alone := n.And(ends.isMode, n.distinct(w, n.unrest(ends), m.mean, ends.isMode))
	logMass := n.Where(alone, n.Slice(m.logMass, 2, 0, modes), n.Float64(noPeak))
	best, top := n.ArgMax(logMass, 2, true), n.ReduceMax(logMass, true, 2) // [B, 1, 1]

	mass := n.exactExp(n.Sub(logMass, top))
	sum := n.addModes(mass)
	whole := n.exactExp(n.Min(n.Sub(n.Slice(m.logMass, 2, modes, chains), top), n.Float64(50)))
	confidence := n.Div(n.Float64(1), n.Max(sum, whole))
	several := n.Where(n.Less(whole, n.scale(sum, wholeShare)), n.mixture(found, n.Div(mass, sum)), everything)
	mode := n.GatherElements(found, n.Concat(1, best, best, best, best, best), 2)
	unsure := n.Less(confidence, n.Float64(modeShare))
	chosen := n.split(n.Where(unsure, several, mode))
	return networkFix{chosen.mean, chosen.cov, confidence, n.Where(unsure, n.Int64(modes), best)}
}

// addModes adds up a row of modes, one after the other.
func (n *network) addModes(x value) value {
	return n.Add(n.Add(n.Slice(x, 2, 0, 1), n.Slice(x, 2, 1, 2)), n.Slice(x, 2, 2, 3))
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

// distinct is true for each mode that repeats no other, [B, 1, modes]; see repeats.
func (n *network) distinct(w windows, unrest value, mean point, isMode value) value {
	first, second := n.Axes(0, 0, 1), n.Axes(1, 2, 2) // the pairs of modes (0,1), (0,2), (1,2)
	both := n.And(n.Gather(isMode, first, 2), n.Gather(isMode, second, 2))
	same := n.And(n.Or(n.holds(w, first, mean, second), n.holds(w, second, mean, first)), both)
	order := n.Mul(n.Slice(unrest, 2, 0, modes), n.Float64s([]int64{modes}, 1, restMargin, restMargin*restMargin))
	secondBetter := n.Less(n.Gather(order, second, 2), n.Gather(order, first, 2))
	dropFirst := n.And(same, secondBetter)
	dropSecond := n.And(same, n.Not(secondBetter))
	at := func(x value, i int64) value { return n.Slice(x, 2, i, i+1) }
	return n.Not(n.Concat(2,
		n.Or(at(dropFirst, 0), at(dropFirst, 1)),
		n.Or(at(dropSecond, 0), at(dropFirst, 2)),
		n.Or(at(dropSecond, 1), at(dropSecond, 2))))
}

// unrest is the graph of the method of that name, [B, 1, C].
func (n *network) unrest(ends chainEnds) value {
	w, next := ends.surfaces.windows, n.next(ends.surfaces, ends.moments)
	ratio := n.Div(n.Mul(next.halfU, next.halfV), n.Mul(w.halfU, w.halfV))
	return n.Max(ratio, n.Div(n.Float64(1), ratio))
}

// holds says whether the windows of some chains hold the places of others.
func (n *network) holds(w windows, chains value, x point, others value) value {
	of := func(v value) value { return n.Gather(v, chains, 2) }
	dx, dy := n.Sub(n.Gather(x.x, others, 2), of(w.x)), n.Sub(n.Gather(x.y, others, 2), of(w.y))
	ux, uy := of(w.ux), of(w.uy)
	u, v := n.Add(n.Mul(dx, ux), n.Mul(dy, uy)), n.Sub(n.Mul(dy, ux), n.Mul(dx, uy))
	return n.And(n.Less(n.Abs(u), of(w.halfU)), n.Less(n.Abs(v), of(w.halfV)))
}

// mixture is the graph of the function of that name, [B, 5, 1].
func (n *network) mixture(found, share value) value {
	modesOf := n.split(found)
	total := func(x value) value { return n.addModes(n.Mul(x, share)) }
	x, y := total(modesOf.mean.x), total(modesOf.mean.y)
	dx, dy := n.Sub(modesOf.mean.x, x), n.Sub(modesOf.mean.y, y)
	return n.Concat(1, x, y,
		total(n.Add(modesOf.cov.xx, n.square(dx))),
		total(n.Add(modesOf.cov.yy, n.square(dy))),
		total(n.Add(modesOf.cov.xy, n.Mul(dx, dy))))
}

// used tells the receivers that take part, [B, R, 1] of 1 or 0: those active whose own hypothesis
// is not the likely one.
func (n *network) used(ends chainEnds, fix networkFix, active value) value {
	s := ends.surfaces
	cells := n.Reshape(s.log, 0, 0, s.count, s.cells*s.cells) // [B, H, C, n n]
	top := n.ReduceMax(cells, true, 1, 3)
	mass := n.double(n.ReduceSum(n.Exp(n.Sub(cells, top)), false, 3)) // [B, H, C]
	chain := n.number(n.Equal(n.Int64s([]int64{chains}, 0, 1, 2, 3), fix.chain))
	mass = n.ReduceSum(n.Mul(mass, chain), true, 2) // [B, H, 1]
	total := n.ReduceSum(mass, true, 1)
	left := n.Shaped(n.Slice(mass, 1, 1, math.MaxInt64), graph.Float64, "B", "R", "1") // all but the first, which leaves nobody out
	likely := n.Greater(left, n.scale(total, namePosterior))
	return n.Mul(active, n.number(n.Not(likely)))
}

// honest is the graph of the method of that name.
func (n *network) honest(e *networkEvidence, c covariances, used value, o networkOutside) []value {
	along, _, ux, uy := n.windowAxes(c)
	least := n.square(n.scale(e.spread, lineAxis/chi95))
	none := n.like(along, 0)
	line := n.turn(covariances{n.Max(n.Sub(least, along), none), none, none}, ux, uy)
	wide, few := n.widening(e, o), n.Less(n.countOf(used), n.Float64(2.5))
	bent := func(line, c value) value { return n.Add(line, n.scale(c, lineBend)) }
	xx := n.Add(c.xx, n.Where(few, bent(line.xx, c.xx), wide.xx))
	yy := n.Add(c.yy, n.Where(few, bent(line.yy, c.yy), wide.yy))
	xy := n.Add(c.xy, n.Where(few, bent(line.xy, c.xy), wide.xy))
	floor := n.scale(n.Add(xx, yy), minRoundness)
	return []value{n.Add(xx, floor), n.Add(yy, floor), xy}
}
