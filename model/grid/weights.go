package grid

import (
	"math"
)

// evidence is everything the likelihood of a place needs, in metres.
type evidence struct {
	receivers [][3]float64
	pairs     []pair
	active    []bool
	lag       []float64   // [P] measured difference of distance, m
	variance  []float64   // [P] m²
	height    []float64   // [P] (1-eps) 2W/sqrt(2 pi), m
	outlier   []float64   // [P] eps
	weights   [][]float64 // [H, P] K
	logPrior  []float64   // [H]
	centre    [2]float64  // the receivers' centroid
	spread    float64     // a: the largest distance of a receiver from it, m
}

// weigh turns peaks into variances and weights. Hypothesis 0 uses every active receiver,
// hypothesis 1+i leaves out receiver i.
//
//	v_i = (1+S)/(2 N kappa s_i S) + sigma_i²,  S the sum of all s
//	V_p = (1+s_a+s_b)/(2 N kappa s_a s_b) + sigma_a² + sigma_b²
//	K_hp = V_p w_a w_b / sum w,  w = 1/v, or 0 for a receiver left out
//
// For a common flat spectrum K makes the sum over all (dependent) pairs the exact Gaussian
// likelihood of the delays, with no matrix inverse: Hahn and Tretter 1973.
func weigh(f *Features, peaks []peak, active []bool) *evidence {
	e := &evidence{
		pairs: pairs(len(active)), active: active,
		variance: make([]float64, len(peaks)), height: make([]float64, len(peaks)),
		lag: make([]float64, len(peaks)), outlier: make([]float64, len(peaks)),
	}
	e.place(f.ReceiverPosition)
	counts := activePairs(active)
	snr := receiverSNR(peaks, active)
	curvature := poolCurvature(peaks, counts)
	noise, mean := make([]float64, len(peaks)), 0.0 // c²/(2 N kappa), m²
	for p, k := range peaks {
		kappa := curvature * math.Pow(2*math.Pi*k.bandwidth, 2) / 12
		noise[p] = lightSpeed * lightSpeed / (2 * k.timeBand * kappa)
		mean += noise[p] / float64(len(peaks))
	}
	sigma2 := make([]float64, len(active))
	total := 0.0
	for i := range active {
		sigma2[i] = math.Pow(lightSpeed*clip(f.ReceiverSigma[i], 0, maxSigma), 2)
		if active[i] {
			total += snr[i]
		}
	}
	for p, ab := range e.pairs {
		sa, sb := snr[ab.a], snr[ab.b]
		e.variance[p] = clip(noise[p]*(1+sa+sb)/(sa*sb)+sigma2[ab.a]+sigma2[ab.b], minVariance, maxVariance)
		e.lag[p], e.outlier[p] = peaks[p].lag, peaks[p].outlier
		e.height[p] = (1 - e.outlier[p]) * 2 * peaks[p].window / math.Sqrt(2*math.Pi)
	}
	w := make([]float64, len(active))
	for i := range w {
		if active[i] {
			w[i] = 1 / clip(mean*(1+total)/(snr[i]*(total+tiny))+sigma2[i], minVariance/2, maxVariance)
		}
	}
	e.hypotheses(w)
	return e
}

// hypotheses fills weights and prior of the hypotheses.
func (e *evidence) hypotheses(w []float64) {
	left := 0.0
	for _, on := range e.active {
		if on {
			left++
		}
	}
	for h := range len(w) + 1 {
		sum := 0.0
		for i, x := range w {
			if i != h-1 {
				sum += x
			}
		}
		k := make([]float64, len(e.pairs))
		for p, ab := range e.pairs {
			if ab.a != h-1 && ab.b != h-1 {
				k[p] = e.variance[p] * w[ab.a] * w[ab.b] / (sum + tiny)
			}
		}
		prior := never
		switch {
		case h == 0 && left < 3:
			prior = 0
		case h == 0:
			prior = math.Log(1 - leaveOut*left)
		case left >= 3 && e.active[h-1]:
			prior = math.Log(leaveOut)
		}
		e.weights, e.logPrior = append(e.weights, k), append(e.logPrior, prior)
	}
}

// place takes over the receivers' positions and measures how far they spread.
func (e *evidence) place(position [][3]float64) {
	n := float64(len(position))
	for _, r := range position {
		for axis := range r {
			r[axis] = clip(r[axis], -maxCoordinate, maxCoordinate)
		}
		e.receivers = append(e.receivers, r)
		e.centre[0] += r[0] / n
		e.centre[1] += r[1] / n
	}
	e.spread = minSpread
	for _, r := range e.receivers {
		e.spread = max(e.spread, math.Hypot(r[0]-e.centre[0], r[1]-e.centre[1]))
	}
}
