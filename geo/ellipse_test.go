package geo

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestScale(t *testing.T) {
	for p, want := range map[float64]float64{0.3935: 1, 0.6827: 1.515, 0.9: 2.146, 0.95: 2.448, 0.99: 3.035, 1e-12: math.Sqrt(2e-12)} {
		if math.Abs(Scale(p)-want) > 5e-4*max(want, 1e-3) {
			t.Errorf("scale of %g is %g, want %g", p, Scale(p), want)
		}
	}
}

func TestEllipseKnown(t *testing.T) {
	for _, c := range []struct {
		c                   Covariance
		major, minor, theta float64 // of one sigma
	}{
		{Covariance{25, 25, 0}, 5, 5, 0},
		{Covariance{100, 4, 0}, 10, 2, 0},
		{Covariance{4, 100, 0}, 10, 2, 90},
		{Covariance{5, 5, 4}, 3, 1, 45},
		{Covariance{5, 5, -4}, 3, 1, -45},
		{Covariance{1e12, 1e-2, 0}, 1e6, 0.1, 0},
		{Covariance{4, 100, math.Copysign(0, -1)}, 10, 2, 90},
	} {
		e, err := c.c.Ellipse(0.95)
		if err != nil {
			t.Fatal(err)
		}
		k := Scale(0.95)
		if math.Abs(e.SemiMajor-k*c.major) > 1e-9*c.major || math.Abs(e.SemiMinor-k*c.minor) > 1e-9*c.minor || math.Abs(e.Theta-c.theta) > 1e-9 {
			t.Errorf("%v: %+v", c.c, e)
		}
		if math.Abs(e.Area()-math.Pi*k*k*c.major*c.minor) > 1e-9*e.Area() {
			t.Errorf("%v: area %g", c.c, e.Area())
		}
	}
}

func TestEllipseRefusals(t *testing.T) {
	for _, p := range []float64{0, 1, -1, 2, math.NaN()} {
		_, err := (Covariance{1, 1, 0}).Ellipse(p)
		wantCode(t, err, "bad_confidence")
	}
	for _, c := range []Covariance{{-1, 1, 0}, {1, -1, 0}, {1, 1, 2}, {math.NaN(), 1, 0}, {1, math.Inf(1), 0}, {1, 1, math.NaN()}} {
		_, err := c.Ellipse(0.95)
		wantCode(t, err, "bad_covariance")
	}
	for _, c := range []Covariance{{0, 0, 0}, {1, 0, 0}, {1, 1, 1}, {4, 9, -6}} {
		_, err := c.Ellipse(0.95)
		wantCode(t, err, "degenerate_covariance")
		_, err = c.Mahalanobis2(1, 1)
		wantCode(t, err, "degenerate_covariance")
	}
}

func TestAxesThereAndBack(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for range 2000 {
		minor := math.Pow(10, 6*r.Float64())
		major := minor * (1 + math.Pow(10, 3*r.Float64()))
		theta := 90 - 180*r.Float64()
		c := CovarianceOf(major, minor, theta)
		a, b, th, err := c.Axes()
		if err != nil || math.Abs(a-major) > 1e-9*major || math.Abs(b-minor) > 1e-6*minor || angleBetween(2*th, 2*theta) > 1e-6 {
			t.Fatalf("%g %g %g came back as %g %g %g (%v)", major, minor, theta, a, b, th, err)
		}
		if th <= -90 || th > 90 {
			t.Fatalf("theta %g", th)
		}
		x, y := c.Sigmas()
		if math.Abs(x*x+y*y-major*major-minor*minor) > 1e-9*major*major {
			t.Fatalf("sigmas %g %g of axes %g %g", x, y, major, minor)
		}
		e, _ := c.Ellipse(0.9)
		if back := e.Covariance(); math.Abs(back.XX-c.XX)+math.Abs(back.XY-c.XY)+math.Abs(back.YY-c.YY) > 1e-9*major*major {
			t.Fatalf("%v came back as %v", c, back)
		}
	}
}

func TestEllipseHoldsItsShare(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	c := CovarianceOf(300, 40, -35)
	sin, cos := sincos(-35)
	for _, p := range []float64{0.3935, 0.68, 0.95, 0.99} {
		e, err := c.Ellipse(p)
		if err != nil {
			t.Fatal(err)
		}
		const n = 20000
		held := 0
		for range n {
			u, v := 300*r.NormFloat64(), 40*r.NormFloat64()
			x, y := cos*u-sin*v, sin*u+cos*v
			d2, err := c.Mahalanobis2(x, y)
			if err != nil {
				t.Fatal(err)
			}
			if e.Contains(x, y) != (d2 <= Scale(p)*Scale(p)) {
				t.Fatalf("%g %g: ellipse and distance disagree", x, y)
			}
			if e.Contains(x, y) {
				held++
			}
		}
		if share := float64(held) / n; math.Abs(share-p) > 4*math.Sqrt(p*(1-p)/n) {
			t.Errorf("the %g ellipse holds %g", p, share)
		}
	}
}
