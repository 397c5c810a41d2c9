package dsp

import (
	"math"
	"testing"
)

// Every exponent, and mantissas all over, against math.Log.
func TestLogarithms(t *testing.T) {
	floor := float32(-1000)
	var worst float64
	for exponent := -126; exponent <= 127; exponent++ {
		for step := range 257 {
			v := float32(math.Ldexp(1+float64(step)/257, exponent))
			x := []float32{v}
			logarithms(x, 0, floor)
			want := math.Log(float64(v))
			worst = max(worst, math.Abs(float64(x[0])-want)/max(math.Abs(want), 1e-30))
		}
	}
	for step := -2000; step <= 2000; step++ { // closely around 1, where the logarithm goes through 0
		v := math.Float32frombits(uint32(oneBits + step))
		x := []float32{v}
		logarithms(x, 0, floor)
		want := math.Log(float64(v))
		if want != 0 {
			worst = max(worst, math.Abs(float64(x[0])-want)/math.Abs(want))
		} else if x[0] != 0 {
			t.Errorf("ln 1 is %g", x[0])
		}
	}
	t.Logf("worst relative error %.3g", worst)
	if worst > 2e-7 {
		t.Errorf("relative error %g", worst)
	}
}

func TestLogarithmsScaleAndFloor(t *testing.T) {
	x := []float32{0, 1e-40, leastNormal, 1, 8, math.MaxFloat32}
	logarithms(x, 10, -50)
	want := []float64{-50, -50, -50, 10 * math.Ln2, 13 * math.Ln2, 138 * math.Ln2}
	for j, w := range want {
		if math.Abs(float64(x[j])-w) > 2e-7*math.Abs(w) {
			t.Errorf("x[%d] is %g, want %g", j, x[j], w)
		}
	}
}
