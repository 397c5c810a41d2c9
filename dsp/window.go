package dsp

import "math"

// HannWindow returns the periodic Hann window of n points, 0.5 - 0.5 cos(2 pi j / n): the symmetric window
// of n + 1 points without its last one, which is the form a spectrum wants. HannWindow(1) is [1].
func HannWindow(n int) []float32 {
	w := make([]float32, n)
	for j := range w {
		s := math.Sin(math.Pi * float64(j) / float64(n))
		w[j] = float32(s * s)
	}
	if n == 1 {
		w[0] = 1
	}
	return w
}
