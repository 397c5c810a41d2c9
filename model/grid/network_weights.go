package grid

import (
	"math"

	"foxhunt/model/graph"
)

// networkEvidence is what the likelihood of a place needs; see evidence.
type networkEvidence struct {
	lag, variance, heightSquared, outlier value // [B, P, 1]
	weights                               value // [B, H, P] single
	logPrior                              value // [B, H, 1] single
	centreX, centreY, spread              value // [B, 1, 1] m
}

// weigh is the graph of the function of that name.
func (n *network) weigh(peaks *pairPeaks, active value) *networkEvidence {
	e := &networkEvidence{lag: peaks.lag, outlier: peaks.outlier}
	n.place(e)
	counts := n.Mul(n.atFirst(active), n.atSecond(active))
	snr := n.receiverSNR(peaks, active)
	kappa := n.Mul(n.poolCurvature(peaks, counts), n.scale(n.square(n.scale(n.bandwidth, 2*math.Pi)), 1.0/12))
	noise := n.Div(n.Float64(lightSpeed*lightSpeed), n.Mul(n.scale(n.timeBand, 2), kappa))
	sigma2 := n.square(n.scale(n.sigma, lightSpeed))

	a, b := n.atFirst(snr), n.atSecond(snr)
	ofPair := n.Mul(noise, n.Div(n.plus(n.Add(a, b), 1), n.Mul(a, b)))
	clocks := n.Add(n.atFirst(sigma2), n.atSecond(sigma2))
	e.variance = n.limit(n.Add(ofPair, clocks), minVariance, maxVariance)
	height := n.Mul(n.Sub(n.Float64(1), e.outlier), n.scale(n.window, 2/math.Sqrt(2*math.Pi)))
	e.heightSquared = n.square(height)

	total := n.sumReceivers(n.Mul(snr, active))
	mean := n.Div(n.sumPairs(noise), n.sumPairs(n.like(noise, 1)))
	own := n.Mul(mean, n.Div(n.plus(total, 1), n.Mul(snr, n.plus(total, tiny))))
	w := n.Div(active, n.limit(n.Add(own, sigma2), minVariance/2, maxVariance))
	n.hypotheses(e, w, active)
	return e
}

// hypotheses fills weights and prior of the hypotheses.
func (n *network) hypotheses(e *networkEvidence, w, active value) {
	sum := n.plus(n.MatMul(n.keeps, w), tiny)                                         // [B, H, 1]
	keepsPair := n.Mul(n.Gather(n.keeps, n.first, 1), n.Gather(n.keeps, n.second, 1)) // [H, P]
	products := n.Mul(e.variance, n.Mul(n.atFirst(w), n.atSecond(w)))
	e.weights = n.single(n.Div(n.Mul(keepsPair, n.Transpose(products, 0, 2, 1)), sum))

	// With fewer than three receivers none can be left out.
	none := make([]float64, 33)
	for r := 3; r < len(none); r++ {
		none[r] = math.Log(1 - leaveOut*float64(r))
	}
	left := n.countOf(active)
	all := n.Gather(n.Float64s([]int64{33}, none...), n.Cast(left, graph.Int64), 0)
	may := n.And(n.Greater(active, n.Float64(0.5)), n.Greater(left, n.Float64(2)))
	one := n.Where(may, n.Float64(math.Log(leaveOut)), n.Float64(never))
	e.logPrior = n.single(n.Shaped(n.Concat(1, all, one), graph.Float64, "B", "H", "1"))
}

// place measures where the receivers' centroid is and how far they spread.
func (n *network) place(e *networkEvidence) {
	count := n.double(n.receivers)
	e.centreX, e.centreY = n.Div(n.sumReceivers(n.x), count), n.Div(n.sumReceivers(n.y), count)
	r2 := n.Add(n.square(n.Sub(n.x, e.centreX)), n.square(n.Sub(n.y, e.centreY)))
	e.spread = n.atLeast(n.Sqrt(n.ReduceMax(r2, true, 1)), minSpread)
}
