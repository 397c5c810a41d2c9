package grid

import "math"

// receiverSNR finds each receiver's signal-to-noise ratio (power) from the correlations between
// them: rho_ij = g_i g_j with g² = s/(1+s), fitted by least squares in turn for each g with half
// a step in its logarithm:
//
//	g_i <- sqrt(g_i sum_j rho_ij g_j / sum_{j != i} g_j²)
func receiverSNR(peaks []peak, active []bool) []float64 {
	g := make([]float64, len(active))
	for i := range g {
		g[i] = 1
	}
	for range snrSteps {
		num, den := make([]float64, len(g)), make([]float64, len(g))
		for p, ab := range pairs(len(g)) {
			if !active[ab.a] || !active[ab.b] {
				continue
			}
			rho := math.Sqrt(peaks[p].rho2)
			num[ab.a] += rho * g[ab.b]
			num[ab.b] += rho * g[ab.a]
			den[ab.a] += g[ab.b] * g[ab.b]
			den[ab.b] += g[ab.a] * g[ab.a]
		}
		for i := range g {
			g[i] = math.Sqrt(g[i] * num[i] / max(den[i], tiny))
		}
	}
	snr := make([]float64, len(g))
	for i := range g {
		g2 := math.Pow(clip(g[i], minGain, maxGain), 2)
		snr[i] = g2 / (1 - g2)
	}
	return snr
}
