package geo

import "math"

// The WGS84 ellipsoid.
const (
	equatorialRadius = 6378137.0         // m
	flattening       = 1 / 298.257223563 // 1
	polarRadius      = equatorialRadius * (1 - flattening)
	eccentricity2    = flattening * (2 - flattening)                         // first eccentricity, squared
	eccentricity2nd2 = eccentricity2 / ((1 - flattening) * (1 - flattening)) // second eccentricity, squared
	thirdFlattening  = flattening / (2 - flattening)
)

const radians = math.Pi / 180

// Position is a place on or near the Earth: degrees north, degrees east, and
// metres above the WGS84 ellipsoid.
type Position struct {
	Latitude, Longitude, Altitude float64
}

// Validate refuses (bad_position) a position off the globe or not finite.
func (p Position) Validate() error {
	if !(math.Abs(p.Latitude) <= 90) {
		return refuse("bad_position", "latitude is %g; want -90 to 90 degrees", p.Latitude)
	}
	if !(math.Abs(p.Longitude) <= 180) {
		return refuse("bad_position", "longitude is %g; want -180 to 180 degrees", p.Longitude)
	}
	if math.IsNaN(p.Altitude) || math.IsInf(p.Altitude, 0) {
		return refuse("bad_position", "altitude is %g; want a finite number of metres", p.Altitude)
	}
	return nil
}

// ECEF returns the Earth-centred, Earth-fixed coordinates of p in metres: x
// towards (0, 0), y towards (0, 90 E), z towards the north pole.
func (p Position) ECEF() (x, y, z float64) {
	sinLat, cosLat := sincos(p.Latitude)
	sinLon, cosLon := sincos(p.Longitude)
	n := equatorialRadius / math.Sqrt(1-eccentricity2*sinLat*sinLat)
	return (n + p.Altitude) * cosLat * cosLon,
		(n + p.Altitude) * cosLat * sinLon,
		(n*(1-eccentricity2) + p.Altitude) * sinLat
}

// FromECEF is the inverse of [Position.ECEF], good to a nanometre from 100 km
// below the ellipsoid to the Moon. Bowring's iteration on the parametric
// latitude (B. R. Bowring, Survey Review 23, 1976): it converges by a factor of
// about 1e5 a step, so four steps are more than float64 can hold.
func FromECEF(x, y, z float64) Position {
	p := math.Hypot(x, y)
	beta := math.Atan2(equatorialRadius*z, polarRadius*p)
	var lat float64
	for range 4 {
		s, c := math.Sincos(beta)
		lat = math.Atan2(z+eccentricity2nd2*polarRadius*s*s*s, p-eccentricity2*equatorialRadius*c*c*c)
		sinLat, cosLat := math.Sincos(lat)
		beta = math.Atan2((1-flattening)*sinLat, cosLat)
	}
	sinLat, cosLat := math.Sincos(lat)
	w := math.Sqrt(1 - eccentricity2*sinLat*sinLat)
	return Position{
		Latitude:  lat / radians,
		Longitude: math.Atan2(y, x) / radians,
		// Along the normal: exact at the poles and on the equator alike.
		Altitude: p*cosLat + z*sinLat - equatorialRadius*w,
	}
}

// Chord returns the straight-line distance in metres between two positions.
func Chord(a, b Position) float64 {
	ax, ay, az := a.ECEF()
	bx, by, bz := b.ECEF()
	return math.Sqrt((ax-bx)*(ax-bx) + (ay-by)*(ay-by) + (az-bz)*(az-bz))
}

// Centroid returns the place on the ellipsoid (altitude 0) straight below the
// mean of the positions in space, so that in the [Frame] about it the positions'
// east and north coordinates average to zero. Working in space makes it
// indifferent to the date line and the poles.
//
// It refuses (no_centroid) an empty list and positions that balance around the
// Earth's centre.
func Centroid(positions []Position) (Position, error) {
	var x, y, z float64
	for _, p := range positions {
		px, py, pz := p.ECEF()
		x, y, z = x+px, y+py, z+pz
	}
	n := float64(len(positions))
	// Below this depth the normal through the mean is no longer unique.
	if len(positions) == 0 || !(math.Sqrt(x*x+y*y+z*z) > n*100e3) {
		return Position{}, refuse("no_centroid", "%d positions have no common middle on the Earth's surface", len(positions))
	}
	c := FromECEF(x/n, y/n, z/n)
	c.Altitude = 0
	return c, nil
}

// normalLongitude brings an angle into [-180, 180].
func normalLongitude(lon float64) float64 { return math.Remainder(lon, 360) }

// sincos is the sine and cosine of an angle in degrees, exact at multiples of 90.
func sincos(degrees float64) (sin, cos float64) {
	if degrees == 0 {
		return degrees, 1 // with its sign
	}
	quarter := math.Round(degrees / 90)
	sin, cos = math.Sincos((degrees - 90*quarter) * radians)
	switch int(math.Mod(quarter, 4)+4) % 4 {
	case 1:
		return cos, -sin
	case 2:
		return -sin, -cos
	case 3:
		return -cos, sin
	}
	return sin, cos
}
