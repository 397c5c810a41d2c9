package dsp

import "math"

// HzToMel returns the mel value of a frequency in Hz by the HTK formula, 2595 log10(1 + f / 700).
// (S. Young et al., "The HTK Book".)
func HzToMel(hz float64) float64 { return 2595 / math.Ln10 * math.Log1p(hz/700) }

// MelToHz is the inverse of HzToMel.
func MelToHz(mel float64) float64 { return 700 * math.Expm1(mel*math.Ln10/2595) }

// melPoints returns n frequencies in Hz, equally spaced in mel from low to high.
func melPoints(n int, low, high float64) []float64 {
	points := make([]float64, n)
	from, to := HzToMel(low), HzToMel(high)
	for j := range points {
		points[j] = MelToHz(from + (to-from)*float64(j)/float64(n-1))
	}
	points[n-1] = high // the round trip through mel may land above half the sample rate
	return points
}
