package dsp

import (
	"math"
	"testing"
)

func TestLevelDB(t *testing.T) {
	re, im := tone(0.1, 1001, 0.1)
	for _, c := range []struct {
		name   string
		re, im []float32
		want   float64
	}{
		{"amplitude 0.1", re, im, -20},
		{"silence", make([]float32, 10), make([]float32, 10), -200},
		{"nothing", nil, nil, -200},
		{"huge", []float32{math.MaxFloat32}, []float32{0}, 20 * math.Log10(math.MaxFloat32)},
	} {
		if got := LevelDB(c.re, c.im); math.Abs(got-c.want) > 1e-5 {
			t.Errorf("%s: %g dB, want %g", c.name, got, c.want)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("parts of different length did not panic")
		}
	}()
	LevelDB(re, im[:5])
}
