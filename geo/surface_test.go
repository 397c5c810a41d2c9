package geo

import (
	"math"
	"testing"
)

// TestSurfacePointOnAPlateau looks for a place 300 km away on ground that is as high as the origin.
func TestSurfacePointOnAPlateau(t *testing.T) {
	origin := Position{Latitude: 40, Longitude: -105, Altitude: 2500}
	f := NewFrame(origin)
	there, _ := Direct(Position{Latitude: 40, Longitude: -105}, 60, 300e3)
	there.Altitude = 2500
	e, n, _ := f.ToENU(there)
	got, err := f.SurfacePoint(e, n)
	if err != nil {
		t.Fatal(err)
	}
	there.Altitude = 0
	if off, _, _ := Inverse(got, there); off > 2 || math.Abs(got.Altitude) > 0 {
		t.Errorf("the place is %.1f m off, at altitude %g; want within 2 m, at altitude 0", off, got.Altitude)
	}
}
