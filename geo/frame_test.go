package geo

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"
)

func wantCode(t *testing.T, err error, code string) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || e.Code != code || len(e.Reason) < 10 {
		t.Errorf("got error %v; want code %s and a sentence", err, code)
	}
}

func TestPositionValidate(t *testing.T) {
	if err := (Position{-90, 180, 8848}).Validate(); err != nil {
		t.Error(err)
	}
	for _, p := range []Position{{90.01, 0, 0}, {0, -180.5, 0}, {math.NaN(), 0, 0}, {0, math.Inf(1), 0}, {0, 0, math.NaN()}} {
		wantCode(t, p.Validate(), "bad_position")
	}
}

func TestECEFKnownPlaces(t *testing.T) {
	for _, c := range []struct {
		p       Position
		x, y, z float64
	}{
		{Position{0, 0, 0}, 6378137, 0, 0},
		{Position{0, 90, 100}, 0, 6378237, 0},
		{Position{90, 33, 0}, 0, 0, 6356752.314245},
		{Position{-90, 0, 10}, 0, 0, -6356762.314245},
		// https://en.wikipedia.org/wiki/Geodetic_coordinates gives the formula; the figures are from geographiclib.
		{Position{45, 45, 1000}, 3194919.145061, 3194919.145061, 4488055.515647},
	} {
		x, y, z := c.p.ECEF()
		if math.Abs(x-c.x) > 1e-5 || math.Abs(y-c.y) > 1e-5 || math.Abs(z-c.z) > 1e-5 {
			t.Errorf("%v: %.6f %.6f %.6f", c.p, x, y, z)
		}
	}
}

func TestECEFThereAndBack(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 5000 {
		p := Position{180*r.Float64() - 90, 360*r.Float64() - 180, math.Pow(10, 8*r.Float64()) - 50e3}
		q := FromECEF(p.ECEF())
		if Chord(p, q) > 1e-6 || math.Abs(p.Altitude-q.Altitude) > 1e-6 {
			t.Fatalf("%v came back as %v", p, q)
		}
	}
}

func TestFrameThereAndBack(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for _, origin := range []Position{{45, 7, 0}, {0, 180, 300}, {90, 0, 0}, {-89.99, -170, 20}} {
		f := NewFrame(origin)
		if e, n, u := f.ToENU(origin); e != 0 || n != 0 || u != 0 {
			t.Errorf("origin at %g %g %g", e, n, u)
		}
		if f.Origin() != origin {
			t.Errorf("origin %v, want %v", f.Origin(), origin)
		}
		for range 200 {
			e, n := 1e6*(r.Float64()-0.5), 1e6*(r.Float64()-0.5)
			p := f.FromENU(e, n, 12)
			e2, n2, u2 := f.ToENU(p)
			if math.Hypot(e-e2, n-n2) > 1e-6 || math.Abs(u2-12) > 1e-6 {
				t.Fatalf("%g %g came back as %g %g %g", e, n, e2, n2, u2)
			}
			s, err := f.SurfacePoint(e, n)
			if err != nil {
				t.Fatal(err)
			}
			ground := s
			ground.Altitude = origin.Altitude // on a sphere this is exact, on the ellipsoid to a thousandth of the altitude
			e2, n2, _ = f.ToENU(ground)
			if s.Altitude != 0 || math.Hypot(e-e2, n-n2) > 1e-6+1e-3*origin.Altitude {
				t.Fatalf("surface point of %g %g is %v, at %g %g", e, n, s, e2, n2)
			}
		}
	}
}

func TestSurfacePointBeyondHorizon(t *testing.T) {
	f := NewFrame(Position{45, 7, 0})
	for _, r := range []float64{6.4e6, 1e9, math.NaN(), math.Inf(1)} {
		_, err := f.SurfacePoint(r, 0)
		wantCode(t, err, "beyond_horizon")
	}
	if _, err := f.SurfacePoint(6.3e6, 0); err != nil {
		t.Error(err)
	}
}

func TestCentroid(t *testing.T) {
	positions := []Position{{64, 179.5, 120}, {65.5, -179.1, 30}, {65, -178, 0}, {66, 178, 3000}}
	c, err := Centroid(positions)
	if err != nil {
		t.Fatal(err)
	}
	f := NewFrame(c)
	var se, sn float64
	for _, p := range positions {
		e, n, _ := f.ToENU(p)
		se, sn = se+e, sn+n
	}
	if math.Hypot(se, sn) > 1e-4 || c.Altitude != 0 {
		t.Errorf("centroid %v leaves a mean of %g, %g m", c, se/4, sn/4)
	}
	c, err = Centroid([]Position{{89, 0, 0}, {89, 120, 0}, {89, -120, 0}})
	if err != nil || c.Latitude < 90-1e-9 {
		t.Errorf("round the pole: %v, %v", c, err)
	}
	_, err = Centroid(nil)
	wantCode(t, err, "no_centroid")
	_, err = Centroid([]Position{{0, 0, 0}, {0, 180, 0}})
	wantCode(t, err, "no_centroid")
}

// A small displacement of the plane must become the displacement on the ground
// that Offset measures, wherever the point lies.
func TestLocalCovarianceFollowsTheGround(t *testing.T) {
	f := NewFrame(Position{50, 10, 0})
	for _, at := range [][2]float64{{0, 0}, {300e3, 400e3}, {-2e6, 1.5e6}} {
		p, err := f.SurfacePoint(at[0], at[1])
		if err != nil {
			t.Fatal(err)
		}
		var c Covariance // of displacements 30 m along one axis, 10 m along another
		var want Covariance
		for _, d := range [][2]float64{{24, 18}, {-6, 8}} {
			q, err := f.SurfacePoint(at[0]+d[0], at[1]+d[1])
			if err != nil {
				t.Fatal(err)
			}
			e, n := Offset(p, q)
			c.XX, c.YY, c.XY = c.XX+d[0]*d[0], c.YY+d[1]*d[1], c.XY+d[0]*d[1]
			want.XX, want.YY, want.XY = want.XX+e*e, want.YY+n*n, want.XY+e*n
		}
		got, err := f.LocalCovariance(c, p)
		if err != nil {
			t.Fatal(err)
		}
		scale := want.XX + want.YY
		if math.Abs(got.XX-want.XX)+math.Abs(got.YY-want.YY)+math.Abs(got.XY-want.XY) > 1e-4*scale {
			t.Errorf("at %v: got %v, want %v", at, got, want)
		}
	}
	_, err := f.LocalCovariance(Covariance{1, 1, 0}, Position{-50, -170, 0})
	wantCode(t, err, "beyond_horizon")
}
