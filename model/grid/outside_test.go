package grid

import (
	"math"
	"math/rand/v2"
	"testing"
)

// miss2 is the squared Mahalanobis distance of the truth from an estimate.
func miss2(e *Estimate, truth [2]float64) float64 {
	x, y, c := truth[0]-e.Position[0], truth[1]-e.Position[1], e.Covariance
	return (c[1]*x*x - 2*c[2]*x*y + c[0]*y*y) / (c[0]*c[1] - c[2]*c[2])
}

// TestOutside: where the lags say that the emitter is outside, the ellipse is long enough to hold
// it though the grid does not reach there, and the fix has no confidence.
func TestOutside(t *testing.T) {
	r := rand.New(rand.NewPCG(17, 1))
	told, held := 0, 0
	for range 60 {
		s := randomScene(r, 5+r.IntN(4), outsideNetwork)
		f := rounded(&s.features)
		peaks := measurePeaks(f)
		e := weigh(f, peaks, exclude(len(f.ReceiverPosition), peaks))
		far := e.coarse().outside()
		if far.share < outsideSure {
			continue
		}
		told++
		got := Locate(f)
		if miss2(&got, s.emitter) < chi95*chi95 {
			held++
		}
		variance, _ := axes(got.Covariance)
		if semi := chi95 * math.Sqrt(variance[0]); count(got.Used) > 2 && semi < 10*s.spread {
			t.Errorf("the semi-major axis is %.1f a; want 10 or more", semi/s.spread)
		}
		if got.Confidence != 0 {
			t.Errorf("confidence %g; want 0", got.Confidence)
		}
	}
	if told < 30 || held < told*93/100 {
		t.Errorf("of 60 emitters outside %d were seen to be, and %d of these ellipses hold; want at least 30, and 93 %%", told, held)
	}
}

// TestInside: of an emitter in the middle of a network that hears it well nothing is outside.
func TestInside(t *testing.T) {
	f := benchmarkFeatures(6)
	peaks := measurePeaks(f)
	e := weigh(f, peaks, exclude(len(f.ReceiverPosition), peaks))
	far := e.coarse().outside()
	if far.share > 1e-3 {
		t.Errorf("a share of %g is outside; want none", far.share)
	}
	c := [3]float64{2, 1, 0.5}
	if got := far.widen(c, e.spread); got != c {
		t.Errorf("the covariance became %v; want %v as it was", got, c)
	}
}

// TestParabolaFarFromZero: single precision holds a lag of 5 ms to half a nanosecond, which is a
// quarter of the step at 60 MHz. The peak must not suffer more than the samples' own rounding.
func TestParabolaFarFromZero(t *testing.T) {
	const bandwidth, truth = 60e6, 5e-3
	rho, lag := make([]float64, lags), make([]float64, lags)
	for l := range lags {
		at := (float64(l-lags/2) + 0.3) / (stepsPerBandwidth * bandwidth)
		rho[l] = 0.9 * math.Exp(-math.Pow(2*math.Pi*bandwidth*at, 2)/24)
		lag[l] = float64(float32(truth + at))
	}
	k := peak{bandwidth: bandwidth}
	k.parabola(rho, lag)
	if off := math.Abs(k.lag/lightSpeed - truth); off > 0.3e-9 {
		t.Errorf("the lag is %.2g s off; want at most half a unit of single precision", off)
	}
	if math.Abs(k.curvature-1) > 0.02 {
		t.Errorf("curvature %.3f; want 1", k.curvature)
	}
}
