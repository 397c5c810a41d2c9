package dsp

import "math"

// gammaQuantile is the Wilson-Hilferty approximation of the quantile, at a normal score, of the mean of
// dof exponentially distributed values of mean 1.
func gammaQuantile(dof, score float64) float64 {
	v := 1 / (9 * dof)
	q := 1 - v + score*math.Sqrt(v)
	return max(q*q*q, 1e-3)
}

// normalScore returns the score that a normal variable exceeds with probability p < 0.1, to a few hundredths
// (the asymptotic expansion of the tail).
func normalScore(p float64) float64 {
	u := math.Sqrt(-2 * math.Log(p))
	return u - (math.Log(u*u)+math.Log(2*math.Pi))/(2*u)
}

// selectFloat32 returns the k-th smallest value and reorders x (Hoare's quickselect).
func selectFloat32(x []float32, k int) float32 {
	low, high := 0, len(x)-1
	for low < high {
		pivot := x[(low+high)/2]
		i, j := low, high
		for i <= j {
			for x[i] < pivot {
				i++
			}
			for x[j] > pivot {
				j--
			}
			if i <= j {
				x[i], x[j] = x[j], x[i]
				i++
				j--
			}
		}
		if k <= j {
			high = j
		} else if k >= i {
			low = i
		} else {
			break
		}
	}
	return x[k]
}
