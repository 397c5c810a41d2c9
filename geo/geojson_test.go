package geo

import (
	"encoding/json"
	"math"
	"testing"
)

func signedArea(ring [][2]float64) float64 {
	var a float64
	for i := 1; i < len(ring); i++ {
		p, q := ring[i-1], ring[i]
		a += (p[0]-ring[0][0])*(q[1]-ring[0][1]) - (q[0]-ring[0][0])*(p[1]-ring[0][1])
	}
	return a / 2
}

func side(p, q, r [2]float64) float64 { return (q[0]-p[0])*(r[1]-p[1]) - (q[1]-p[1])*(r[0]-p[0]) }

func crosses(a, b, c, d [2]float64) bool {
	return side(a, b, c)*side(a, b, d) < 0 && side(c, d, a)*side(c, d, b) < 0
}

func insideRing(ring [][2]float64, p [2]float64) bool {
	in := false
	for i := 1; i < len(ring); i++ {
		a, b := ring[i-1], ring[i]
		if a[1] > p[1] != (b[1] > p[1]) && p[0] < a[0]+(p[1]-a[1])/(b[1]-a[1])*(b[0]-a[0]) {
			in = !in
		}
	}
	return in
}

func inside(g Geometry, p Position) bool {
	for _, r := range g.Polygons() {
		if insideRing(r, [2]float64{p.Longitude, p.Latitude}) {
			return true
		}
	}
	return false
}

// checkGeometry holds a geometry to RFC 7946: closed, counter-clockwise, simple,
// on the map.
func checkGeometry(t *testing.T, g Geometry) {
	t.Helper()
	rings := g.Polygons()
	if len(rings) == 0 || (len(rings) > 1) != (g.Type == "MultiPolygon") {
		t.Fatalf("%s of %d rings", g.Type, len(rings))
	}
	for _, ring := range rings {
		if len(ring) < 4 || ring[0] != ring[len(ring)-1] {
			t.Fatalf("ring of %d points is not closed: %v .. %v", len(ring), ring[0], ring[len(ring)-1])
		}
		if !(signedArea(ring) > 0) {
			t.Fatalf("ring runs clockwise: area %g, %v", signedArea(ring), ring)
		}
		for i, p := range ring {
			if !(math.Abs(p[0]) <= 180 && math.Abs(p[1]) <= 90) {
				t.Fatalf("corner %v is off the map", p)
			}
			if i == 0 {
				continue
			}
			if p == ring[i-1] {
				t.Fatalf("corner %v twice in a row", p)
			}
			for j := i + 2; j < len(ring); j++ {
				if crosses(ring[i-1], p, ring[j-1], ring[j]) {
					t.Fatalf("edges %v-%v and %v-%v cross", ring[i-1], p, ring[j-1], ring[j])
				}
			}
		}
	}
}

func TestPolygonPlaces(t *testing.T) {
	for _, c := range []struct {
		name   string
		centre Position
		e      Ellipse
		kind   string
		holds  []Position
		leaves []Position
	}{
		{"plain", Position{45, 8, 0}, Ellipse{12e3, 5e3, 30, 0.95}, "Polygon", []Position{{45.05, 8.1, 0}}, []Position{{45.05, 7.9, 0}}},
		{"date line", Position{-17, 179.95, 0}, Ellipse{50e3, 20e3, 10, 0.95}, "MultiPolygon", []Position{{-17, -179.9, 0}, {-17, 179.7, 0}}, []Position{{-17, 0, 0}, {-16.5, -179.9, 0}}},
		{"on the date line", Position{10, -180, 0}, Ellipse{50e3, 20e3, 0, 0.95}, "MultiPolygon", []Position{{10, -179.9, 0}, {10, 179.9, 0}}, []Position{{10, 0, 0}}},
		{"round the north pole", Position{89.9, 40, 0}, Ellipse{60e3, 40e3, 0, 0.95}, "Polygon", []Position{{89.99, -100, 0}, {89.9, 40, 0}, {89.9, 179, 0}}, []Position{{89, -140, 0}}},
		{"round the south pole", Position{-89.8, -120, 0}, Ellipse{90e3, 60e3, 70, 0.95}, "Polygon", []Position{{-89.99, 60, 0}, {-89.8, -120, 0}}, []Position{{-88, 60, 0}}},
		{"on the pole", Position{90, 0, 0}, Ellipse{60e3, 60e3, 0, 0.95}, "Polygon", []Position{{89.99, 170, 0}}, []Position{{89, 0, 0}}},
		{"beside the pole", Position{89.5, 100, 0}, Ellipse{50e3, 30e3, 0, 0.95}, "Polygon", []Position{{89.6, 95, 0}}, []Position{{89.99, -80, 0}}},
		{"beside the pole, across the date line", Position{89.5, 179, 0}, Ellipse{50e3, 30e3, 0, 0.95}, "MultiPolygon", []Position{{89.6, 175, 0}, {89.5, -178, 0}}, []Position{{89.99, 0, 0}}},
		{"half a world", Position{10, 100, 0}, Ellipse{9.9e6, 8e6, 20, 0.95}, "MultiPolygon", []Position{{10, 100, 0}, {80, 100, 0}}, []Position{{-10, -80, 0}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			g, err := c.e.Polygon(c.centre, Vertices)
			if err != nil {
				t.Fatal(err)
			}
			if g.Type != c.kind {
				t.Errorf("%s, want %s", g.Type, c.kind)
			}
			checkGeometry(t, g)
			for _, p := range c.holds {
				if !c.e.ContainsPosition(c.centre, p) || !inside(g, p) {
					t.Errorf("%v is outside; ellipse says inside: %v", p, c.e.ContainsPosition(c.centre, p))
				}
			}
			for _, p := range c.leaves {
				if c.e.ContainsPosition(c.centre, p) || inside(g, p) {
					t.Errorf("%v is inside; ellipse says inside: %v", p, c.e.ContainsPosition(c.centre, p))
				}
			}
		})
	}
}

func TestPolygonHas64CornersAndJSON(t *testing.T) {
	g, err := Ellipse{12e3, 5e3, 30, 0.95}.Polygon(Position{45, 8, 0}, Vertices)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(g.Polygons()[0]); n != Vertices+1 {
		t.Errorf("%d points, want %d and the first again", n, Vertices)
	}
	text, err := json.Marshal(NewFeature(g, map[string]any{"confidence_interval": 0.95}))
	if err != nil {
		t.Fatal(err)
	}
	var f struct {
		Type     string
		Geometry struct {
			Type        string
			Coordinates [][][]float64
		}
		Properties map[string]float64
	}
	if err := json.Unmarshal(text, &f); err != nil {
		t.Fatal(err)
	}
	if f.Type != "Feature" || f.Geometry.Type != "Polygon" || f.Properties["confidence_interval"] != 0.95 {
		t.Errorf("feature %+v", f)
	}
	if p := f.Geometry.Coordinates[0][0]; len(p) != 2 || math.Abs(p[0]-8) > 0.2 || math.Abs(p[1]-45) > 0.2 {
		t.Errorf("first corner %v; want longitude first", p)
	}
}

func TestPolygonRefusals(t *testing.T) {
	ok := Ellipse{10, 5, 0, 0.95}
	_, err := ok.Polygon(Position{91, 0, 0}, Vertices)
	wantCode(t, err, "bad_position")
	_, err = ok.Polygon(Position{}, 2)
	wantCode(t, err, "bad_vertices")
	_, err = Ellipse{10, 0, 0, 0.95}.Polygon(Position{}, Vertices)
	wantCode(t, err, "degenerate_covariance")
	_, err = Ellipse{1.1e7, 10, 0, 0.95}.Polygon(Position{}, Vertices)
	wantCode(t, err, "ellipse_too_large")
	if (Geometry{}).Polygons() != nil {
		t.Error("an empty geometry has polygons")
	}
}

func FuzzPolygon(f *testing.F) {
	f.Add(45.0, 8.0, 12e3, 5e3, 30.0)
	f.Add(89.9, 179.9, 60e3, 1e3, 10.0)
	f.Add(-89.99, -180.0, 1e6, 1e5, -80.0)
	f.Add(0.0, 180.0, 5e6, 5e6, 0.0)
	f.Add(84.0, -179.0, 2e6, 10.0, 5.0)
	f.Fuzz(func(t *testing.T, lat, lon, major, minor, theta float64) {
		if !(major >= 1 && minor >= 1) || !(major/minor < 1e4) || !(minor <= major) || !(math.Abs(theta) <= 360) {
			t.Skip()
		}
		e := Ellipse{major, minor, theta, 0.95}
		g, err := e.Polygon(Position{lat, lon, 0}, Vertices)
		if err != nil {
			return
		}
		checkGeometry(t, g)
		var area float64
		for _, r := range g.Polygons() {
			area += signedArea(r)
		}
		if area > 360*180 {
			t.Fatalf("area %g square degrees", area)
		}
	})
}

func BenchmarkPolygon(b *testing.B) {
	e := Ellipse{12e3, 5e3, 30, 0.95}
	for b.Loop() {
		if _, err := e.Polygon(Position{45, 8, 0}, Vertices); err != nil {
			b.Fatal(err)
		}
	}
}
