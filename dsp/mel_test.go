package dsp

import (
	"math"
	"testing"
)

func TestMelScale(t *testing.T) {
	for hz, mel := range map[float64]float64{0: 0, 700: 2595 * math.Log10(2), 1000: 999.9855, 6300: 2595} {
		if got := HzToMel(hz); math.Abs(got-mel) > 1e-3 {
			t.Errorf("HzToMel(%g) = %g, want %g", hz, got, mel)
		}
	}
	for _, hz := range []float64{0, 1e-3, 1, 440, 4000, 96000, 1e7} {
		if back := MelToHz(HzToMel(hz)); math.Abs(back-hz) > 1e-12*hz {
			t.Errorf("%g Hz comes back as %g", hz, back)
		}
	}
}

func TestMelPointsEndExactly(t *testing.T) {
	points := melPoints(12, 300, 12000.123/2)
	if points[11] != 12000.123/2 || math.Abs(points[0]-300) > 1e-9 {
		t.Errorf("points run from %g to %g", points[0], points[11])
	}
	for j := 1; j < len(points); j++ {
		if points[j] <= points[j-1] {
			t.Errorf("point %d, %g, is not above %g", j, points[j], points[j-1])
		}
	}
}
