package dsp

import "math"

// SplitPairs turns samples given as (N x 2) pairs of I and Q, as they come in JSON, into split-complex ones.
// Errors: bad_shape when a row is not a pair, bad_samples when a value is NaN, infinite or beyond float32.
func SplitPairs(pairs [][]float64) (re, im []float32, err error) {
	re, im = make([]float32, len(pairs)), make([]float32, len(pairs))
	for j, pair := range pairs {
		if len(pair) != 2 {
			return nil, nil, refuse("bad_shape", "sample %d has %d values; want 2, I and Q", j, len(pair))
		}
		for _, v := range pair {
			if !(math.Abs(v) <= math.MaxFloat32) {
				return nil, nil, refuse("bad_samples", "sample %d holds %g; want a finite float32", j, v)
			}
		}
		re[j], im[j] = float32(pair[0]), float32(pair[1])
	}
	return re, im, nil
}
