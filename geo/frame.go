package geo

import "math"

// Frame is the tangent plane at an origin: metres east, north and up of it.
// It is safe for concurrent use.
type Frame struct {
	origin          Position
	x, y, z         float64    // origin, ECEF
	east, north, up [3]float64 // unit vectors, ECEF
}

// NewFrame returns the east-north-up frame about origin.
func NewFrame(origin Position) *Frame {
	f := &Frame{origin: origin}
	f.x, f.y, f.z = origin.ECEF()
	f.east, f.north, f.up = axes(origin)
	return f
}

// axes returns the unit vectors east, north and up at p.
func axes(p Position) (east, north, up [3]float64) {
	sinLat, cosLat := sincos(p.Latitude)
	sinLon, cosLon := sincos(p.Longitude)
	return [3]float64{-sinLon, cosLon, 0},
		[3]float64{-sinLat * cosLon, -sinLat * sinLon, cosLat},
		[3]float64{cosLat * cosLon, cosLat * sinLon, sinLat}
}

func dot(a, b [3]float64) float64 { return a[0]*b[0] + a[1]*b[1] + a[2]*b[2] }

// Origin returns the frame's origin.
func (f *Frame) Origin() Position { return f.origin }

// ToENU returns p in metres east, north and up of the origin.
func (f *Frame) ToENU(p Position) (e, n, u float64) {
	x, y, z := p.ECEF()
	d := [3]float64{x - f.x, y - f.y, z - f.z}
	return dot(d, f.east), dot(d, f.north), dot(d, f.up)
}

// FromENU is the inverse of [Frame.ToENU].
func (f *Frame) FromENU(e, n, u float64) Position {
	d := f.ecef(e, n, u)
	return FromECEF(d[0], d[1], d[2])
}

func (f *Frame) ecef(e, n, u float64) [3]float64 {
	return [3]float64{
		f.x + e*f.east[0] + n*f.north[0] + u*f.up[0],
		f.y + e*f.east[1] + n*f.north[1] + u*f.up[1],
		f.z + e*f.east[2] + n*f.north[2] + u*f.up[2],
	}
}

// SurfacePoint returns the place on the ground straight under or over the point
// (e, n) of the tangent plane, "straight" being along the origin's vertical; the
// ground is everywhere as high as the origin. The place is given at altitude 0, on
// the ellipsoid. About an origin at altitude 0 its first two ENU coordinates are e
// and n. It refuses (beyond_horizon) a point whose vertical misses the Earth, some
// 6,360 km out.
func (f *Frame) SurfacePoint(e, n float64) (Position, error) {
	// Scale z so that the ellipsoid becomes a sphere, and meet it from outside.
	const stretch = 1 / (1 - flattening)
	p := f.ecef(e, n, 0)
	d := f.up
	p[2] *= stretch
	d[2] *= stretch
	radius := equatorialRadius + f.origin.Altitude // ground at the origin's height goes on at that height
	a, b, c := dot(d, d), dot(p, d), dot(p, p)-radius*radius
	disc := b*b - a*c
	if !(disc >= 0) {
		return Position{}, refuse("beyond_horizon", "no place on Earth lies straight below %.0f m east, %.0f m north of the origin", e, n)
	}
	// The upper of the two roots, in the form that does not cancel.
	s := f.FromENU(e, n, -c/(b+math.Sqrt(disc)))
	s.Altitude = 0
	return s, nil
}

// LocalCovariance turns the covariance of a point of the tangent plane into metres
// east and north at the place p it stands for (see [Frame.SurfacePoint]). Far from
// the origin that is not the same: the meridians converge, so north turns, and the
// ground slopes away, so a metre of plane is more than a metre of ground.
// It refuses (beyond_horizon) a place at or past the frame's horizon.
func (f *Frame) LocalCovariance(c Covariance, p Position) (Covariance, error) {
	east, north, up := axes(p)
	if !(dot(up, f.up) > 1e-6) {
		return Covariance{}, refuse("beyond_horizon", "%.4f, %.4f lies beyond the horizon of the frame's plane", p.Latitude, p.Longitude)
	}
	// Plane displacement = J ground displacement; J is inverted in closed form.
	a, b := dot(f.east, east), dot(f.east, north)
	d, e := dot(f.north, east), dot(f.north, north)
	det := a*e - b*d
	a, b, d, e = e/det, -b/det, -d/det, a/det
	return Covariance{
		XX: a*a*c.XX + 2*a*b*c.XY + b*b*c.YY,
		YY: d*d*c.XX + 2*d*e*c.XY + e*e*c.YY,
		XY: a*d*c.XX + (a*e+b*d)*c.XY + b*e*c.YY,
	}, nil
}
