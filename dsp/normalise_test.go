package dsp

import (
	"math"
	"testing"
)

func TestStandardise(t *testing.T) {
	x, _ := noise(1003, 1)
	for j := range x {
		x[j] = 5*x[j] - 100
	}
	standardise(x)
	if mean, deviation := moments(x); math.Abs(mean) > 1e-6 || math.Abs(deviation-1) > 1e-6 {
		t.Errorf("mean %g, deviation %g; want 0 and 1", mean, deviation)
	}
}

func TestStandardiseFlat(t *testing.T) {
	for _, value := range []float32{0, -23.02585, 700} {
		x := make([]float32, 333)
		for j := range x {
			x[j] = value
		}
		x[7] = math.Nextafter32(value, 1000) // rounding, not a feature
		standardise(x)
		for j, v := range x {
			if v != 0 {
				t.Fatalf("all %g: x[%d] became %g, want 0", value, j, v)
			}
		}
	}
}
