package grid

// Features is what one capture gives the estimator: the model's input tensors, without the batch
// axis. R receivers make P = R(R-1)/2 pairs in the order (0,1), (0,2), .... A lag is
// positive when the signal reaches the pair's second receiver later.
type Features struct {
	ReceiverPosition [][3]float64 // [R] m east, north, up about the receivers' centroid
	ReceiverSigma    []float64    // [R] s, standard deviation of clock and propagation together
	CrossCorrelation [][]float64  // [P, L] 0..1, around the peak inside the lag window
	Lag              [][]float64  // [P, L] s, evenly spaced
	LagWindow        []float64    // [P] s, half-width of the lags the baseline allows
	Bandwidth        []float64    // [P] Hz occupied by the signal
	TimeBandwidth    []float64    // [P] duration times bandwidth
	FullPeak         [][2]float64 // [P] value and lag (s) of the peak over the whole range of lags
}

// Estimate is what the estimator answers.
type Estimate struct {
	Position   [2]float64 // m east, north
	Covariance [3]float64 // m², east-east, north-north, east-north
	Confidence float64    // 0..1, share of the probability that the answer stands for
	Used       []bool     // [R] false where the receiver was left out
	Residual   []float64  // [R] s by which the signal came later than the position explains
}

// pair is one pair of receivers.
type pair struct{ a, b int }

// pairs lists the pairs of r receivers in the order of the tensors.
func pairs(r int) []pair {
	var list []pair
	for a := range r {
		for b := a + 1; b < r; b++ {
			list = append(list, pair{a, b})
		}
	}
	return list
}

func clip(x, low, high float64) float64 { return min(max(x, low), high) }
