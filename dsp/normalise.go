package dsp

import "math"

// flat is the deviation, as a part of 1 + |mean|, below which features differ by float32's rounding only.
const flat = 1e-6

// standardise shifts and scales x to mean 0 and deviation 1. Features that are all alike, as silence makes
// them, become zeros.
func standardise(x []float32) {
	mean, deviation := moments(x)
	if deviation <= flat*(1+math.Abs(mean)) {
		clear(x)
		return
	}
	affine(x, mean, 1/deviation)
}

// moments returns the mean and the (population) standard deviation.
func moments(x []float32) (mean, deviation float64) {
	mean = sum(x) / float64(len(x))
	return mean, math.Sqrt(sumSquares(x, mean) / float64(len(x)))
}
