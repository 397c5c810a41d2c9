package grid

// receiverSNR is the graph of the function of that name, [B, R, 1].
func (n *network) receiverSNR(peaks *pairPeaks, active value) value {
	both := n.Mul(active, n.Transpose(active, 0, 2, 1)) // [B, R, R]
	rho := n.Mul(n.among(n.Sqrt(peaks.rho2)), both)
	others := n.Mul(n.others, both)
	g := n.like(n.sigma, 1)
	for range snrSteps {
		fit := n.Div(n.MatMul(rho, g), n.atLeast(n.MatMul(others, n.square(g)), tiny))
		g = n.Sqrt(n.Mul(g, fit))
	}
	g2 := n.square(n.limit(g, minGain, maxGain))
	return n.Div(g2, n.Sub(n.Float64(1), g2))
}
