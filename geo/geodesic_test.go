package geo

import (
	"bufio"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"testing"
)

func angleBetween(a, b float64) float64 { return math.Abs(math.Remainder(a-b, 360)) }

// The lines of testdata/geodesics.txt come from Karney's own implementation: long
// and short, along the equator and the meridians, nearly and exactly antipodal.
func TestInverseAgainstGeographicLib(t *testing.T) {
	f, err := os.Open("testdata/geodesics.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := 0
	for scan := bufio.NewScanner(f); scan.Scan(); lines++ {
		var a, b Position
		var s12, azimuth1, azimuth2 float64
		if _, err := fmt.Sscan(scan.Text(), &a.Latitude, &a.Longitude, &b.Latitude, &b.Longitude, &s12, &azimuth1, &azimuth2); err != nil {
			t.Fatal(err)
		}
		d, z1, z2 := Inverse(a, b)
		if math.Abs(d-s12) > 1e-6 {
			t.Errorf("%v to %v: %.9f m, want %.9f", a, b, d, s12)
		}
		// Where it ends says more than the azimuth's digits, which mean little for
		// short and for antipodal lines.
		if end, _ := Direct(a, z1, d); Chord(end, b) > 1e-5 {
			t.Errorf("%v to %v: following azimuth %.9f misses by %g m", a, b, z1, Chord(end, b))
		}
		wellPosed := s12 > 1000 && s12 < 19e6 && math.Abs(a.Latitude) < 89.9
		if wellPosed && (angleBetween(z1, azimuth1) > 1e-8 || angleBetween(z2, azimuth2) > 1e-8) {
			t.Errorf("%v to %v: azimuths %.9f %.9f, want %.9f %.9f", a, b, z1, z2, azimuth1, azimuth2)
		}
		back, _, _ := Inverse(b, a)
		if math.Abs(back-d) > 1e-7 {
			t.Errorf("%v to %v: %.9f m there, %.9f m back", a, b, d, back)
		}
	}
	if lines < 100 {
		t.Fatalf("only %d lines tested", lines)
	}
}

func TestInverseKnownLines(t *testing.T) {
	quarter := 10001965.7293 // m, equator to pole
	for _, c := range []struct {
		name string
		a, b Position
		want float64
	}{
		{"same place", Position{45, 7, 0}, Position{45, 7, 300}, 0},
		{"pole to pole", Position{90, 12, 0}, Position{-90, -40, 0}, 2 * quarter},
		{"pole to equator", Position{90, 0, 0}, Position{0, 77, 0}, quarter},
		{"antipodes on the equator", Position{0, 0, 0}, Position{0, 180, 0}, 2 * quarter},
		{"one degree of equator", Position{0, 179.5, 0}, Position{0, -179.5, 0}, 111319.4908},
		// The line on which T. Vincenty's method was published: Flinders Peak to Buninyong, on WGS84's near twin GRS80.
		{"Flinders Peak to Buninyong", Position{-37.95103341667, 144.42486788889, 0}, Position{-37.65282113889, 143.92649552778, 0}, 54972.271},
	} {
		if d, _, _ := Inverse(c.a, c.b); math.Abs(d-c.want) > 1e-3 {
			t.Errorf("%s: %.4f m, want %.4f", c.name, d, c.want)
		}
	}
}

func TestDirectUndoesInverse(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		a := Position{math.Asin(2*r.Float64()-1) / radians, 360*r.Float64() - 180, 0}
		b := Position{math.Asin(2*r.Float64()-1) / radians, 360*r.Float64() - 180, 0}
		d, z1, z2 := Inverse(a, b)
		end, z := Direct(a, z1, d)
		if Chord(end, b) > 1e-6 {
			t.Fatalf("%v to %v: misses by %g m", a, b, Chord(end, b))
		}
		if angleBetween(z, z2) > 1e-6 {
			t.Fatalf("%v to %v: arrives at %.9f, inverse says %.9f", a, b, z, z2)
		}
	}
}

// The series are only as good as their coefficients: compare the two integrals
// they stand for with quadrature (Karney's equations 7 and 8).
func TestSeriesAgainstQuadrature(t *testing.T) {
	for _, alpha0 := range []float64{0, 0.3, 0.8, 1.2, 1.5, math.Pi / 2} {
		s0, c0 := math.Sincos(alpha0)
		g := newGreatEllipse(s0, c0)
		k2 := eccentricity2nd2 * c0 * c0
		for _, sigma := range []float64{0.1, 1, 2.5, 6} {
			const n = 20000
			var i1, i3 float64
			for i := range n {
				s := math.Sin((float64(i) + 0.5) * sigma / n)
				w := math.Sqrt(1 + k2*s*s)
				i1 += w * sigma / n
				i3 += (2 - flattening) / (1 + (1-flattening)*w) * sigma / n
			}
			if math.Abs(g.i1(sigma)-i1) > 1e-10 || math.Abs(g.i3(sigma)-i3) > 1e-10 {
				t.Errorf("azimuth %g, arc %g: %.12f %.12f, want %.12f %.12f", alpha0, sigma, g.i1(sigma), g.i3(sigma), i1, i3)
			}
		}
	}
}

func TestDirectFromThePoles(t *testing.T) {
	for _, azimuth := range []float64{-135, 0, 30, 90, 180} {
		end, _ := Direct(Position{90, 0, 0}, azimuth, 1e6)
		// Azimuth 0 from the pole at longitude 0 leads along the meridian of 180.
		if want := 180 - azimuth; angleBetween(end.Longitude, want) > 1e-9 {
			t.Errorf("north pole, azimuth %g: longitude %.9f, want %g", azimuth, end.Longitude, want)
		}
		end, _ = Direct(Position{-90, 0, 0}, azimuth, 1e6)
		if angleBetween(end.Longitude, azimuth) > 1e-9 {
			t.Errorf("south pole, azimuth %g: longitude %.9f", azimuth, end.Longitude)
		}
	}
	end, azimuth := Direct(Position{80, 10, 0}, 0, 2e6) // over the pole
	if angleBetween(end.Longitude, -170) > 1e-9 || angleBetween(azimuth, 180) > 1e-9 {
		t.Errorf("over the pole: %v, azimuth %g", end, azimuth)
	}
}

func TestOffset(t *testing.T) {
	e, n := Offset(Position{45, 179.9, 0}, Position{45, -179.9, 0})
	if math.Abs(e-15769.3) > 1 || math.Abs(n-19.5) > 1 {
		t.Errorf("across the date line: %.1f m east, %.1f m north", e, n)
	}
}

func BenchmarkInverse(b *testing.B) {
	p, q := Position{45.07, 7.68, 0}, Position{44.41, 8.93, 0}
	for b.Loop() {
		Inverse(p, q)
	}
}
