package grid

import "math"

// peak is what a pair's correlation says.
type peak struct {
	lag       float64 // m: light speed times the lag of the peak
	rho       float64 // height of the peak, 0..1
	rho2      float64 // its square without the share that noise alone would give
	curvature float64 // minus the second derivative of ln rho, in units of (2 pi B)²/12, the value of a flat spectrum
	window    float64 // m: light speed times the half-width of the lag window
	bandwidth float64 // Hz
	timeBand  float64
	outlier   float64 // probability that the peak is not that of the direct path
	bad       bool    // a higher peak lies outside the window
	silent    bool    // no peak, where even a faint receiver would give one
	full      float64 // m: light speed times the lag of the highest peak
	fullRho   float64
}

// measurePeaks reads the peak of each pair: a parabola through ln rho at the highest sample and
// its neighbours.
func measurePeaks(f *Features) []peak {
	peaks := make([]peak, len(f.LagWindow))
	for p := range peaks {
		k := &peaks[p]
		k.timeBand = clip(f.TimeBandwidth[p], minTimeBand, maxTimeBand)
		k.bandwidth = clip(f.Bandwidth[p], minBandwidth, maxBandwidth)
		k.window = lightSpeed * clip(f.LagWindow[p], minWindow, maxLag)
		k.parabola(f.CrossCorrelation[p], f.Lag[p])
		k.rho2 = clip((k.rho*k.rho-1/k.timeBand)/(1-1/k.timeBand), minRho, maxRho)
		k.outlier = outlierProbability(k)
		k.full = lightSpeed * clip(f.FullPeak[p][1], -maxLag, maxLag)
		k.fullRho = clip(f.FullPeak[p][0], minRho, maxRho)
		k.bad = math.Abs(k.full) > k.window && k.fullRho > excludeRatio*k.rho &&
			k.timeBand*k.fullRho*k.fullRho > excludeEnergy+math.Log(k.timeBand)
	}
	return peaks
}

// parabola finds lag, height and curvature of the peak between samples.
func (k *peak) parabola(rho, lag []float64) {
	top := 1
	for i := 1; i < len(rho)-1; i++ {
		if rho[i] > rho[top] {
			top = i
		}
	}
	// From end to end: between neighbours single precision is too coarse for a wide band's lags.
	step := clip((lag[len(lag)-1]-lag[0])/float64(len(lag)-1), minStep, maxLag)
	left := math.Log(clip(rho[top-1], minRho, maxRho))
	middle := math.Log(clip(rho[top], minRho, maxRho))
	right := math.Log(clip(rho[top+1], minRho, maxRho))
	bend := max(2*middle-left-right, tiny)
	shift := clip((right-left)/(2*bend), -1, 1)
	k.lag = lightSpeed * (clip(lag[top], -maxLag, maxLag) + shift*step)
	k.rho = clip(math.Exp(middle+(right-left)*shift/4), minRho, maxRho)
	flat := math.Pow(2*math.Pi*k.bandwidth*step, 2) / 12
	k.curvature = clip(bend/flat, 0, 1e3)
}

// outlierProbability weighs the evidence for a signal, Lambda, against the number of independent
// lags in the window, any of which noise could have lifted above the true one.
func outlierProbability(k *peak) float64 {
	lambda := -k.timeBand * math.Log(1-k.rho*k.rho)
	lags := max(2*k.window/lightSpeed*k.bandwidth, 1)
	odds := lags * math.Exp(2) * (1 + lambda) * math.Exp(-lambda)
	return outlierFloor + (1-outlierFloor)*odds/(1+odds)
}

// poolCurvature averages the curvature over the pairs that count, weighted by rho⁴, because one
// pair's own estimate is too noisy to be the measure of its own error.
func poolCurvature(peaks []peak, counts []bool) float64 {
	sum, weight := 0.0, tiny
	for p, k := range peaks {
		if counts[p] {
			w := k.rho2 * k.rho2
			sum += w * k.curvature
			weight += w
		}
	}
	return clip(sum/weight, 0.02, 3)
}
