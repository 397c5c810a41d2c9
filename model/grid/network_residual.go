package grid

// residuals is the graph of the method of that name, [B, R, 1].
func (n *network) residuals(e *networkEvidence, peaks *pairPeaks, used value, x point) value {
	dx, dy := n.Sub(x.x, n.x), n.Sub(x.y, n.y)
	height := n.Sub(n.surfaceHeight(n.Add(n.square(x.x), n.square(x.y))), n.z)
	chord2 := n.atLeast(n.Add(n.Add(n.square(dx), n.square(dy)), n.square(height)), 1)
	distance := n.groundDistance(n.Sqrt(chord2), chord2)

	bad := n.Greater(peaks.bad, n.Float64(0.5))
	right := n.Mul(n.square(peaks.rho), n.Sub(n.Float64(1), peaks.outlier))
	weight := n.Where(bad, n.square(n.full), right)
	lag := n.Where(bad, n.fullLag, peaks.lag)
	late := n.Sub(lag, n.Sub(n.atSecond(distance), n.atFirst(distance)))

	ofSecond, ofFirst := n.Mul(weight, n.atFirst(used)), n.Mul(weight, n.atSecond(used))
	sum := n.Sub(n.MatMul(n.isSecond, n.Mul(ofSecond, late)), n.MatMul(n.isFirst, n.Mul(ofFirst, late)))
	total := n.Add(n.MatMul(n.isSecond, ofSecond), n.MatMul(n.isFirst, ofFirst))
	return n.scale(n.Div(sum, n.plus(total, tiny)), 1/lightSpeed)
}
