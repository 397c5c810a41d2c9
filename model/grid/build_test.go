package grid

import (
	"bytes"
	"flag"
	"math"
	"math/rand/v2"
	"os"
	"testing"

	"foxhunt/contract"
	"foxhunt/model/modeltest"
)

// The embedded file is written by: go test ./model/grid -run TestFile -update
var update = flag.Bool("update", false, "write grid.onnx anew")

func TestFile(t *testing.T) {
	built, err := Build()
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile("grid.onnx", built, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !bytes.Equal(built, File()) {
		t.Errorf("grid.onnx is not what Build gives; run: go test ./model/grid -run TestFile -update")
	}
	if len(built) > 1<<20 {
		t.Errorf("the model has %d bytes; want at most 1 MiB", len(built))
	}
	if err := Contract().Validate(); err != nil {
		t.Error(err)
	}
}

func TestCheckerAcceptsModel(t *testing.T) {
	modeltest.CheckONNX(t, File())
}

// TestEveryShapeIsKnown: where ONNX Runtime does not know shapes it plans its memory badly, and loading takes seconds.
func TestEveryShapeIsKnown(t *testing.T) {
	if unknown := modeltest.UnknownShapes(t, File()); len(unknown) > 0 {
		t.Errorf("%d values have no known shape, the first %s; state it with Shaped", len(unknown), unknown[0])
	}
}

// disagreement is how far a prediction is from the estimate of the Go estimator: of the position
// and the deviations in units of the ellipse's size, of the confidence as it is.
func disagreement(p *contract.Prediction, e *Estimate) float64 {
	variance, _ := axes(e.Covariance)
	size := math.Sqrt(variance[0])
	worst := math.Hypot(p.X-e.Position[0], p.Y-e.Position[1]) / size
	c := [3]float64{p.Covariance.XX, p.Covariance.YY, p.Covariance.XY}
	for i := range c {
		worst = max(worst, math.Abs(c[i]-e.Covariance[i])/variance[0])
	}
	return max(worst, math.Abs(p.Confidence-e.Confidence))
}

// TestModelAgreesWithLocate holds the graph against the plain Go. Where a chain of refinement has
// not come to rest when it ends (several modes, or a pair that contradicts the rest), single
// precision shows: one scene in a hundred may be further off than the rest, and by little.
func TestModelAgreesWithLocate(t *testing.T) {
	runner := newRunner(t)
	scenes := 300
	if testing.Short() {
		scenes = 40
	}
	r := rand.New(rand.NewPCG(7, 7))
	faults := []fault{clean, offByMilliseconds, displacedPair, strongEcho, outsideNetwork}
	off := 0
	for i := range scenes {
		f := rounded(&randomScene(r, 2+r.IntN(7), faults[i%len(faults)]).features)
		want := Locate(f)
		got, err := runner.Run(nil, tensors(f))
		if err != nil {
			t.Fatal(err)
		}
		d := disagreement(&got[0], &want)
		if d > 1e-4 {
			off++
			t.Logf("scene %d, %d receivers: the model is %.2g off: %+v; want %+v", i, len(want.Used), d, got[0], want)
		}
		if !(d < 1e-2) {
			t.Errorf("scene %d: the model is %.2g off", i, d)
		}
		checkReceivers(t, i, &got[0], &want)
	}
	if off > scenes/100 {
		t.Errorf("%d of %d scenes are more than 1e-4 off; want at most 1 in 100", off, scenes)
	}
}

func checkReceivers(t *testing.T, scene int, got *contract.Prediction, want *Estimate) {
	t.Helper()
	for j := range want.Used {
		if got.Used[j] != want.Used[j] {
			t.Errorf("scene %d: receiver %d used: %v; want %v", scene, j, got.Used[j], want.Used[j])
		}
		if math.Abs(got.Residual[j]-want.Residual[j]) > 1e-8+1e-3*math.Abs(want.Residual[j]) {
			t.Errorf("scene %d: residual %d is %g s; want %g", scene, j, got.Residual[j], want.Residual[j])
		}
	}
}

// TestBatchChangesNoBit: a capture that is delivered again, now in other company, must get the
// same fix.
func TestBatchChangesNoBit(t *testing.T) {
	runner := newRunner(t)
	for receivers := 2; receivers <= 8; receivers++ {
		r := rand.New(rand.NewPCG(3, uint64(receivers)))
		for range 3 {
			var items [][]contract.Tensor
			for range 8 {
				items = append(items, tensors(&randomScene(r, receivers, clean).features))
			}
			together, err := runner.Run(nil, items...)
			if err != nil {
				t.Fatal(err)
			}
			for i := range items {
				alone, err := runner.Run(nil, items[i])
				if err != nil {
					t.Fatal(err)
				}
				if !samePrediction(&alone[0], &together[i]) {
					t.Errorf("%d receivers: capture %d alone gives %v, in a batch %v", receivers, i, alone[0], together[i])
				}
			}
		}
	}
}

func samePrediction(a, b *contract.Prediction) bool {
	same := a.X == b.X && a.Y == b.Y && a.Covariance == b.Covariance && a.Confidence == b.Confidence
	for i := range a.Residual {
		same = same && a.Residual[i] == b.Residual[i] && a.Used[i] == b.Used[i]
	}
	return same
}
