package contract

import (
	"slices"
	"testing"
)

func TestResize(t *testing.T) {
	tensor := Tensor{Name: "x"}
	for _, shape := range [][]int64{{1, 2, 3}, {1, 6}, {2, 2}, {1, 0}, {1}, {1, 3, 2, 2}} {
		n := 1
		for _, d := range shape {
			n *= int(d)
		}
		tensor.Resize(shape...)
		if !slices.Equal(tensor.Shape, shape) || len(tensor.Data) != n {
			t.Errorf("shape %v with %d values; want %v with %d", tensor.Shape, len(tensor.Data), shape, n)
		}
	}
}

// TestResizeReuses wants no allocation once a tensor has had its largest size, and what it held left alone.
func TestResizeReuses(t *testing.T) {
	var tensor Tensor
	tensor.Resize(1, 4, 8)
	tensor.Data[0] = 7
	if n := testing.AllocsPerRun(100, func() {
		tensor.Resize(1, 2)
		tensor.Resize(1, 4, 8)
	}); n != 0 {
		t.Errorf("%v allocations; want none", n)
	}
	if tensor.Data[0] != 7 {
		t.Error("the values were lost")
	}
}
