package evaluate

import (
	"slices"
	"testing"
	"time"

	"foxhunt/sim"
)

// The demo shows ellipses and errors side by side, so they must fit each other: as many inside as the ellipses say, and
// errors neither far smaller than the ellipses nor larger.
func TestDemoFitsItsEllipses(t *testing.T) {
	if testing.Short() {
		t.Skip("some seconds of simulation")
	}
	start := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	demo := sim.Demo(start)
	j, err := newJudge(gridModel(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.close() })
	const captures = 12
	inside := 0
	for e := range demo.Emitters {
		var share []float64 // error over semi-major axis
		for n := range captures {
			at := start.Add(time.Duration(n) * time.Minute)
			capture, _, err := demo.Capture(e, at, uint64(n))
			if err != nil {
				t.Fatal(err)
			}
			var out result
			if err := j.locate(capture, &scene{emitter: demo.Emitters[e].At(start, at), faulty: -1}, &out); err != nil {
				t.Fatal(err)
			}
			share = append(share, out.err/out.semiMajor)
			if out.inside95 {
				inside++
			}
		}
		slices.Sort(share)
		// Of Gaussian errors 0.28 to 0.48, by the ellipse's shape.
		median := quantile(share, 0.5)
		t.Logf("%s: error over semi-major axis %.2f", demo.Emitters[e].Name, median)
		if median < 0.15 || median > 0.75 {
			t.Errorf("%s: the median error is %.2f of the semi-major axis", demo.Emitters[e].Name, median)
		}
	}
	all := captures * len(demo.Emitters)
	t.Logf("%d of %d ellipses hold the truth", inside, all)
	if inside < all*85/100 {
		t.Errorf("%d of %d ellipses hold the truth", inside, all)
	}
}
