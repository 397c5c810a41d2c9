package model

import (
	"math"
	"testing"

	"foxhunt/contract"
)

func TestCovarianceOfTheThreeKinds(t *testing.T) {
	cases := []struct {
		name string
		kind contract.Kind
		row  []float32
		want contract.Spread
	}{
		{"covariance", contract.Covariance, []float32{4, 9, -1}, contract.Spread{XX: 4, YY: 9, XY: -1}},
		{"sigma", contract.Sigma, []float32{2, 3}, contract.Spread{XX: 4, YY: 9, XY: 0}},
		{"along east", contract.SigmaTheta, []float32{3, 2, 0}, contract.Spread{XX: 9, YY: 4, XY: 0}},
		{"along north", contract.SigmaTheta, []float32{3, 2, 90}, contract.Spread{XX: 4, YY: 9, XY: 0}},
		{"along north-east", contract.SigmaTheta, []float32{3, 1, 45}, contract.Spread{XX: 5, YY: 5, XY: 4}},
		{"along north-west", contract.SigmaTheta, []float32{3, 1, 135}, contract.Spread{XX: 5, YY: 5, XY: -4}},
		{"half a turn more", contract.SigmaTheta, []float32{3, 1, 225}, contract.Spread{XX: 5, YY: 5, XY: 4}},
		{"30 degrees", contract.SigmaTheta, []float32{2, 1, 30}, contract.Spread{XX: 3.25, YY: 1.75, XY: 1.5 * math.Sqrt(3) / 2}},
	}
	for _, c := range cases {
		got, ok := positiveDefinite(covarianceOf(c.kind, c.row))
		off := max(math.Abs(got.XX-c.want.XX), math.Abs(got.YY-c.want.YY), math.Abs(got.XY-c.want.XY))
		if !ok || off > 1e-12 {
			t.Errorf("%s: %v gives %+v (%v); want %+v", c.name, c.row, got, ok, c.want)
		}
	}
}

func TestThinEllipsesKeepAThinAxis(t *testing.T) {
	// 300 km by 10 m at 45 degrees: float32 cannot hold the 10 m, and the correlation comes out as 1.
	got, ok := positiveDefinite(covarianceOf(contract.Covariance, []float32{4.5e10, 4.5e10, 4.5e10}))
	thin := math.Sqrt((got.XX*got.YY - got.XY*got.XY) / (got.XX + got.YY))
	if !ok || thin < 10 || thin > 300e3/1000 {
		t.Errorf("the thin axis is %v m of %+v (%v)", thin, got, ok)
	}
	if _, ok := positiveDefinite(contract.Spread{XX: 1, YY: 1, XY: 1 + 1e-5}); ok {
		t.Error("a correlation of 1.00001 passes")
	}
	mild := contract.Spread{XX: 1, YY: 1, XY: -0.9999}
	if got, ok := positiveDefinite(mild); !ok || got != mild {
		t.Errorf("%+v becomes %+v (%v)", mild, got, ok)
	}
}

func TestUnusableAnswersAreRefused(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	cases := []struct {
		name  string
		kind  contract.Kind
		frame contract.Frame
		row   []float32
	}{
		{"position not a number", contract.Position, contract.ENU, []float32{nan, 0}},
		{"position infinite", contract.Position, contract.ENU, []float32{0, -inf}},
		{"latitude 91", contract.Position, contract.WGS84, []float32{91, 0}},
		{"longitude 181", contract.Position, contract.WGS84, []float32{0, -181}},
		{"variance zero", contract.Covariance, contract.ENU, []float32{0, 1, 0}},
		{"variance negative", contract.Covariance, contract.ENU, []float32{-1, -1, 0}},
		{"correlation above 1", contract.Covariance, contract.ENU, []float32{1, 1, 2}},
		{"covariance not a number", contract.Covariance, contract.ENU, []float32{1, 1, nan}},
		{"sigma zero", contract.Sigma, contract.ENU, []float32{0, 1}},
		{"sigma negative", contract.Sigma, contract.ENU, []float32{1, -1}},
		{"theta infinite", contract.SigmaTheta, contract.ENU, []float32{2, 1, inf}},
		{"confidence 1.01", contract.Confidence, contract.ENU, []float32{1.01}},
		{"confidence -1", contract.Confidence, contract.ENU, []float32{-1}},
		{"residual not a number", contract.ReceiverResidual, contract.ENU, []float32{0, nan}},
		{"used infinite", contract.ReceiverUsed, contract.ENU, []float32{inf}},
	}
	for _, c := range cases {
		var p contract.Prediction
		readOutput(&p, c.kind, c.frame, c.row)
		if refusal, ok := p.Err.(*Error); !ok || refusal.Code != BadOutput {
			t.Errorf("%s: %v gives %v; want %s", c.name, c.row, p.Err, BadOutput)
		}
	}
	var p contract.Prediction
	readOutput(&p, contract.Confidence, contract.ENU, []float32{1.00001})
	if p.Err != nil || p.Confidence != 1 {
		t.Errorf("a confidence a rounding above 1 gives %v (%v)", p.Confidence, p.Err)
	}
	readOutput(&p, contract.Position, contract.WGS84, []float32{-90, 180})
	if p.Err != nil || p.X != -90 || p.Y != 180 {
		t.Errorf("a corner of the globe gives %v", p.Err)
	}
}
