package dsp

import (
	"errors"
	"math"
	"slices"
	"testing"
)

// wantCode fails unless err is an *Error with the code.
func wantCode(t *testing.T, err error, code string) {
	t.Helper()
	var refusal *Error
	if !errors.As(err, &refusal) || refusal.Code != code || refusal.Reason == "" {
		t.Errorf("got %v, want %s with a reason", err, code)
	}
}

func TestSplitPairs(t *testing.T) {
	re, im, err := SplitPairs([][]float64{{1, -2}, {0.5, 0.25}})
	if err != nil || !slices.Equal(re, []float32{1, 0.5}) || !slices.Equal(im, []float32{-2, 0.25}) {
		t.Errorf("got %v %v %v", re, im, err)
	}
	for code, pairs := range map[string][][]float64{
		"bad_shape":   {{1, 2}, {1, 2, 3}},
		"bad_samples": {{1, 2}, {math.NaN(), 0}},
	} {
		_, _, err := SplitPairs(pairs)
		wantCode(t, err, code)
	}
	for _, v := range []float64{1e39, math.Inf(1), math.Inf(-1)} {
		_, _, err := SplitPairs([][]float64{{0, v}})
		wantCode(t, err, "bad_samples")
	}
}
