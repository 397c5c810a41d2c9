package grid

import "foxhunt/model/graph"

// exclude is the graph of the function of that name: which receivers stay, [B, R, 1] of 1 or 0.
func (n *network) exclude(peaks *pairPeaks) value {
	bad := n.among(n.Max(peaks.bad, n.silent(peaks)))
	active := n.like(n.sigma, 1)
	left := n.ReduceSum(active, true, 1)
	who := n.Unsqueeze(n.index, 1)
	for range excludeSteps {
		count := n.Mul(active, n.MatMul(bad, active))
		most, at := n.TopK(count, 2, 1)
		most, at = n.Shaped(most, graph.Float64, "B", "2", "1"), n.Shaped(at, graph.Int64, "B", "2", "1")
		worst, second := n.Slice(most, 1, 0, 1), n.Slice(most, 1, 1, 2)
		single := n.Min(n.Sub(worst, second), n.Float64(1))
		majority := n.Greater(n.Add(n.Add(worst, worst), single), n.plus(left, -1))
		drop := n.number(n.And(majority, n.Greater(left, n.Float64(2))))
		active = n.Sub(active, n.Mul(n.number(n.Equal(who, n.Slice(at, 1, 0, 1))), drop))
		left = n.Sub(left, drop)
	}
	return active
}

// silent is the graph of markSilent: 1 or 0, [B, P, 1].
func (n *network) silent(peaks *pairPeaks) value {
	best := n.ReduceMax(n.among(peaks.rho2), true, 2)
	expected := n.Mul(n.scale(n.timeBand, faintest), n.Max(n.atFirst(best), n.atSecond(best)))
	noise := n.Greater(peaks.outlier, n.Float64(silentOutlier))
	return n.number(n.And(noise, n.Greater(expected, n.Float64(excludeEnergy))))
}

// countOf adds up a column of 1 and 0 over the receivers: a small whole number, exact in any order.
func (n *network) countOf(set graph.Value) value { return n.ReduceSum(set, true, 1) }
