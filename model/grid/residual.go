package grid

// residuals gives for each receiver how much later (s) the signal came than the position
// explains, seen from the receivers that were used: the average over its pairs, weighted by rho²
// and by the probability that the pair's peak is right. Where a pair correlates best outside its
// window, that peak counts: so a receiver whose clock is off shows by how much.
func (e *evidence) residuals(peaks []peak, used []bool, x [2]float64) []float64 {
	n := len(e.receivers)
	sum, weight := make([]float64, n), make([]float64, n)
	distance := make([]float64, n)
	for i, r := range e.receivers {
		distance[i], _ = groundDistance(x[0]-r[0], x[1]-r[1], surfaceHeight(x[0], x[1])-r[2])
	}
	for p, ab := range e.pairs {
		k := &peaks[p]
		lag, w := k.lag, k.rho*k.rho*(1-k.outlier)
		if k.bad {
			lag, w = k.full, k.fullRho*k.fullRho
		}
		late := lag - (distance[ab.b] - distance[ab.a])
		if used[ab.a] {
			sum[ab.b] += w * late
			weight[ab.b] += w
		}
		if used[ab.b] {
			sum[ab.a] -= w * late
			weight[ab.a] += w
		}
	}
	out := make([]float64, n)
	for i := range out {
		out[i] = sum[i] / (weight[i] + tiny) / lightSpeed
	}
	return out
}
