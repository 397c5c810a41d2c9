package dsp

import "math"

// levelFloor is the mean power that stands for silence, -200 dB: a level must be finite.
const levelFloor = 1e-20

// LevelDB returns a receiver's mean power in dB, 10 log10(mean(re^2 + im^2)); 0 dB is an amplitude of 1.
// Silence, and no samples at all, are -200 dB. It panics when re and im differ in length.
func LevelDB(re, im []float32) float64 {
	if len(re) != len(im) {
		panic(refuse("bad_shape", "%d real and %d imaginary parts", len(re), len(im)))
	}
	power := (sumSquares(re, 0) + sumSquares(im, 0)) / float64(max(len(re), 1))
	return 10 * math.Log10(max(power, levelFloor))
}
