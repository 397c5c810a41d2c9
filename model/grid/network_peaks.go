package grid

import "math"

// pairPeaks is what the correlations say, each [B, P, 1]; see peak.
type pairPeaks struct {
	lag, rho, rho2, curvature, outlier value
	bad                                value // 1 or 0
}

// measurePeaks is the graph of the function of that name.
func (n *network) measurePeaks() *pairPeaks {
	k := n.parabola()
	share := n.Div(n.Float64(1), n.timeBand)
	k.rho2 = n.limit(n.Div(n.Sub(n.square(k.rho), share), n.Sub(n.Float64(1), share)), minRho, maxRho)
	k.outlier = n.outlierProbability(k)
	outside := n.Greater(n.Abs(n.fullLag), n.window)
	higher := n.Greater(n.full, n.scale(k.rho, excludeRatio))
	strong := n.Greater(n.Mul(n.timeBand, n.square(n.full)), n.plus(n.exactLog(n.timeBand), excludeEnergy))
	k.bad = n.number(n.And(n.And(outside, higher), strong))
	return k
}

// parabola finds lag, height and curvature of each pair's peak.
func (n *network) parabola() *pairPeaks {
	left := n.ArgMax(n.Slice(n.correlation, 2, 1, lags-1), 2, true) // the inner samples begin at 1
	middle := n.Add(left, n.Int64(1))
	right := n.Add(left, n.Int64(2))
	three := n.GatherElements(n.double(n.correlation), n.Concat(2, left, middle, right), 2)
	logs := n.exactLog(n.limit(three, minRho, maxRho))
	l, m, r := n.Slice(logs, 2, 0, 1), n.Slice(logs, 2, 1, 2), n.Slice(logs, 2, 2, 3)
	at := n.GatherElements(n.lag, middle, 2)
	ends := n.Sub(n.Slice(n.lag, 2, lags-1, lags), n.Slice(n.lag, 2, 0, 1))
	step := n.limit(n.scale(ends, 1.0/(lags-1)), minStep, maxLag)

	bend := n.atLeast(n.Sub(n.scale(m, 2), n.Add(l, r)), tiny)
	slope := n.Sub(r, l)
	shift := n.limit(n.Div(slope, n.scale(bend, 2)), -1, 1)
	flat := n.scale(n.square(n.scale(n.Mul(n.bandwidth, step), 2*math.Pi)), 1.0/12)
	return &pairPeaks{
		lag:       n.scale(n.Add(n.limit(at, -maxLag, maxLag), n.Mul(shift, step)), lightSpeed),
		rho:       n.limit(n.exactExp(n.Add(m, n.scale(n.Mul(slope, shift), 0.25))), minRho, maxRho),
		curvature: n.limit(n.Div(bend, flat), 0, 1e3),
	}
}

func (n *network) outlierProbability(k *pairPeaks) value {
	lambda := n.Neg(n.Mul(n.timeBand, n.exactLog(n.Sub(n.Float64(1), n.square(k.rho)))))
	lags := n.atLeast(n.Mul(n.scale(n.window, 2/lightSpeed), n.bandwidth), 1)
	odds := n.Mul(n.scale(lags, math.Exp(2)), n.Mul(n.plus(lambda, 1), n.exactExp(n.Neg(lambda))))
	return n.plus(n.scale(n.Div(odds, n.plus(odds, 1)), 1-outlierFloor), outlierFloor)
}

// poolCurvature averages the curvature over the pairs that count, [B, 1, 1].
func (n *network) poolCurvature(k *pairPeaks, counts value) value {
	weight := n.Mul(n.square(k.rho2), counts)
	sum := n.sumPairs(n.Mul(weight, k.curvature))
	return n.limit(n.Div(sum, n.plus(n.sumPairs(weight), tiny)), 0.02, 3)
}
