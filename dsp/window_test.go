package dsp

import (
	"math"
	"testing"
)

func TestHannWindow(t *testing.T) {
	for _, n := range []int{1, 2, 5, 512} {
		w := HannWindow(n)
		if len(w) != n {
			t.Fatalf("%d points, want %d", len(w), n)
		}
		for j := 1; j < n; j++ {
			if want := 0.5 - 0.5*math.Cos(2*math.Pi*float64(j)/float64(n)); math.Abs(float64(w[j])-want) > 1e-7 {
				t.Errorf("n=%d: w[%d] is %g, want %g", n, j, w[j], want)
			}
			if w[j] != w[n-j] && math.Abs(float64(w[j]-w[n-j])) > 1e-7 {
				t.Errorf("n=%d: w[%d] %g and w[%d] %g differ; a periodic window is symmetric about n/2", n, j, w[j], n-j, w[n-j])
			}
		}
	}
	if w := HannWindow(1); w[0] != 1 {
		t.Errorf("the window of one point is %g, want 1", w[0])
	}
	if w := HannWindow(4); w[0] != 0 || w[2] != 1 {
		t.Errorf("the window of four points is %v, want 0 first and 1 in the middle", w)
	}
}
