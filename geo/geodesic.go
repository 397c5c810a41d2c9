package geo

import "math"

// Geodesics after C. F. F. Karney, "Algorithms for geodesics", J. Geodesy 87
// (2013), whose equation numbers are given below; series of sixth order in the
// flattening, good to some nanometres. Instead of Karney's Newton steps with
// their two starting guesses, the inverse problem is solved by Ridders' bracketing
// method: slower, but it cannot fail near the antipode and has no special cases.

// Inverse returns the length in metres of the shortest line on the ellipsoid
// between the places below (or above) a and b, and its azimuths in degrees at a
// and at b, both pointing forward. Altitudes are ignored.
func Inverse(a, b Position) (distance, azimuthA, azimuthB float64) {
	lat1, lat2 := a.Latitude, b.Latitude
	lon12 := normalLongitude(normalLongitude(b.Longitude) - normalLongitude(a.Longitude))
	// Karney's canonical order: lat1 <= 0, |lat2| <= |lat1|, 0 <= lon12. There the
	// longitude reached grows with the azimuth, so a bracket holds one root.
	swap := math.Abs(lat1) < math.Abs(lat2)
	east, north := 1.0, 1.0
	if math.Signbit(lon12) {
		east, lon12 = -1, -lon12
	}
	if swap {
		lat1, lat2 = lat2, lat1
	}
	if lat1 >= 0 { // from 0 too: a line from the equator needs the sign of minus zero
		north, lat1, lat2 = -1, -lat1, -lat2
	}
	line := newCanonicalLine(lat1, lat2)
	distance, s1, c1, s2, c2 := line.solve(lon12)
	if swap {
		// The line was followed from b to a; mirrored east-west it runs from a to b.
		s1, c1, s2, c2 = s2, -c2, s1, -c1
	}
	return distance, math.Atan2(east*s1, north*c1) / radians, math.Atan2(east*s2, north*c2) / radians
}

// Direct follows the geodesic that leaves p at the given azimuth (degrees) for
// the given distance (metres) and returns where it ends, at altitude 0, and the
// azimuth there.
func Direct(p Position, azimuth, distance float64) (end Position, azimuthEnd float64) {
	sinAz, cosAz := sincos(azimuth)
	sinBeta, cosBeta := reducedLatitude(p.Latitude)
	g := newGreatEllipse(sinAz*cosBeta, math.Hypot(cosAz, sinAz*sinBeta))
	// Both from the same pair of components, so that a pole's azimuth survives.
	sigma1 := math.Atan2(sinBeta, cosAz*cosBeta)
	omega1 := math.Atan2(g.sin0*sinBeta, cosAz*cosBeta)

	tau2 := sigma1 + sines(sigma1, g.c1[:]) + distance/(polarRadius*g.a1)
	sigma2 := tau2 + sines(tau2, g.c1p[:]) // (20)
	s, c := math.Sincos(sigma2)
	omega2 := math.Atan2(g.sin0*s, c) // (12)
	end.Latitude = math.Atan2(g.cos0*s, (1-flattening)*math.Hypot(g.cos0*c, g.sin0)) / radians
	lambda := omega2 - omega1 - flattening*g.sin0*(g.i3(sigma2)-g.i3(sigma1)) // (8)
	end.Longitude = normalLongitude(p.Longitude + lambda/radians)
	return end, math.Atan2(g.sin0, g.cos0*c) / radians
}

// Offset returns the geodesic from one position to another as metres east and
// north at the first: its length laid off along its first azimuth.
func Offset(from, to Position) (east, north float64) {
	d, azimuth, _ := Inverse(from, to)
	s, c := sincos(azimuth)
	return d * s, d * c
}

// reducedLatitude returns the sine and cosine of the parametric latitude (6).
// A pole's cosine is kept a hair above zero, so that azimuths there stay defined.
func reducedLatitude(lat float64) (sin, cos float64) {
	sin, cos = sincos(lat)
	sin *= 1 - flattening
	cos = max(cos, 1e-150)
	h := math.Hypot(sin, cos)
	return sin / h, max(cos/h, 1e-150)
}

// canonicalLine is the inverse problem with -90 <= lat1 <= 0, lat1 <= lat2 <= -lat1.
type canonicalLine struct {
	sin1, cos1, sin2, cos2 float64 // parametric latitudes
}

func newCanonicalLine(lat1, lat2 float64) (l canonicalLine) {
	l.sin1, l.cos1 = reducedLatitude(lat1)
	l.sin2, l.cos2 = reducedLatitude(lat2)
	return l
}

// solve returns the length and the sines and cosines of both azimuths for a
// difference of longitude of 0 to 180 degrees.
func (l *canonicalLine) solve(lon12 float64) (distance, s1, c1, s2, c2 float64) {
	if l.sin1 == 0 && lon12 <= 180*(1-flattening) {
		return equatorialRadius * lon12 * radians, 1, 0, 1, 0 // along the equator
	}
	if lon12 == 0 || lon12 == 180 {
		s1, c1 = sincos(lon12)
	} else {
		s1, c1 = math.Sincos(l.azimuth(lon12 * radians))
	}
	_, distance, s2, c2 = l.shoot(s1, c1, true)
	return distance, s1, c1, s2, c2
}

// azimuth finds the azimuth whose line meets the second latitude at longitude
// lambda12 (radians), by Ridders' method.
func (l *canonicalLine) azimuth(lambda12 float64) float64 {
	miss := func(azimuth float64) float64 {
		s, c := math.Sincos(azimuth)
		reached, _, _, _ := l.shoot(s, c, false)
		return reached - lambda12
	}
	lo, hi := 0.0, math.Pi
	flo, fhi := -lambda12, math.Pi-lambda12
	for range 100 {
		mid := (lo + hi) / 2
		if mid <= lo || mid >= hi {
			break
		}
		fmid := miss(mid)
		x := mid - (mid-lo)*fmid/math.Sqrt(fmid*fmid-flo*fhi)
		fx := miss(x)
		if fx == 0 {
			return x
		}
		// Keep the tightest bracket of lo, mid, x, hi.
		for _, v := range [2][2]float64{{mid, fmid}, {x, fx}} {
			if v[1] < 0 && v[0] > lo {
				lo, flo = v[0], v[1]
			}
			if v[1] >= 0 && v[0] < hi {
				hi, fhi = v[0], v[1]
			}
		}
	}
	if -flo < fhi {
		return lo
	}
	return hi
}

// shoot follows the geodesic of the azimuth with sine s1 and cosine c1 from the
// first latitude to the second, and returns the longitude reached (radians), the
// azimuth there and, on demand, the length.
func (l *canonicalLine) shoot(s1, c1 float64, length bool) (lambda12, distance, s2, c2 float64) {
	g := newGreatEllipse(s1*l.cos1, math.Hypot(c1, s1*l.sin1))
	sigma1 := math.Atan2(l.sin1, c1*l.cos1)
	omega1 := math.Atan2(g.sin0*l.sin1, c1*l.cos1)
	// (5) and (45); the difference of squares is taken the way that does not cancel.
	d := (l.cos2 - l.cos1) * (l.cos1 + l.cos2)
	if l.cos1 >= -l.sin1 {
		d = (l.sin1 - l.sin2) * (l.sin1 + l.sin2)
	}
	s2, c2 = g.sin0/l.cos2, math.Sqrt(max(0, c1*l.cos1*c1*l.cos1+d))/l.cos2
	sigma2 := math.Atan2(l.sin2, c2*l.cos2)
	omega2 := math.Atan2(g.sin0*l.sin2, c2*l.cos2)
	lambda12 = omega2 - omega1 - flattening*g.sin0*(g.i3(sigma2)-g.i3(sigma1))
	if length {
		distance = polarRadius * max(0, g.i1(sigma2)-g.i1(sigma1))
	}
	return lambda12, distance, s2, c2
}
