package geo

import "math"

// Covariance of a position in m²: x east, y north.
type Covariance struct{ XX, YY, XY float64 }

// Sigmas returns the standard deviations east and north in metres.
func (c Covariance) Sigmas() (x, y float64) { return math.Sqrt(c.XX), math.Sqrt(c.YY) }

// CovarianceOf returns the covariance with standard deviations sigmaX and sigmaY
// (metres) along two perpendicular axes, the first turned by theta degrees
// counter-clockwise from east. [Covariance.Axes] is its inverse.
func CovarianceOf(sigmaX, sigmaY, theta float64) Covariance {
	s, c := sincos(theta)
	vx, vy := sigmaX*sigmaX, sigmaY*sigmaY
	return Covariance{XX: c*c*vx + s*s*vy, YY: s*s*vx + c*c*vy, XY: s * c * (vx - vy)}
}

// Axes returns the standard deviations in metres along the principal axes, the
// larger first, and the larger one's direction in degrees counter-clockwise from
// east, in (-90, 90]; 0 for a circle.
//
// It refuses what is no covariance (bad_covariance: not finite, or negative in
// some direction) and what has no extent in some direction
// (degenerate_covariance): no honest fix is exact.
func (c Covariance) Axes() (major, minor, theta float64, err error) {
	mean, half := (c.XX+c.YY)/2, (c.XX-c.YY)/2
	radius := math.Hypot(half, c.XY)
	large := mean + radius
	if math.IsNaN(large) || math.IsInf(large, 0) || c.XX < 0 || c.YY < 0 {
		return 0, 0, 0, refuse("bad_covariance", "xx %g, yy %g, xy %g is no covariance; want finite values and variances above 0", c.XX, c.YY, c.XY)
	}
	// Of the two eigenvalues the small one as determinant over the large one:
	// mean - radius cancels for a long, thin ellipse.
	small := 0.0
	if large > 0 {
		small = math.FMA(c.XX, c.YY/large, -c.XY*(c.XY/large))
	}
	switch {
	case small < -1e-12*large:
		return 0, 0, 0, refuse("bad_covariance", "xx %g, yy %g, xy %g is no covariance: xy exceeds what the variances allow", c.XX, c.YY, c.XY)
	case small <= 1e-15*large:
		return 0, 0, 0, refuse("degenerate_covariance", "xx %g, yy %g, xy %g has no extent in some direction", c.XX, c.YY, c.XY)
	}
	if radius > 0 {
		theta = math.Atan2(c.XY, half) / 2 / radians
	}
	if theta <= -90 {
		theta = 90
	}
	return math.Sqrt(large), math.Sqrt(min(small, large)), theta, nil
}

// Ellipse is the region that holds the truth with the given confidence: the
// semi-axes in metres, and the major axis's direction in degrees counter-clockwise
// from east, in (-90, 90].
type Ellipse struct {
	SemiMajor, SemiMinor, Theta, Confidence float64
}

// Scale returns the Mahalanobis radius of the ellipse that holds a Gaussian of two
// dimensions with probability p, 0 < p < 1: the square root of the chi-square
// quantile with two degrees of freedom, which is exactly sqrt(-2 ln(1-p)).
func Scale(p float64) float64 { return math.Sqrt(-2 * math.Log1p(-p)) }

// Ellipse returns the ellipse of the given confidence, 0 < confidence < 1
// (bad_confidence otherwise). It refuses what [Covariance.Axes] refuses.
func (c Covariance) Ellipse(confidence float64) (Ellipse, error) {
	if !(confidence > 0 && confidence < 1) {
		return Ellipse{}, refuse("bad_confidence", "confidence is %g; want more than 0 and less than 1", confidence)
	}
	major, minor, theta, err := c.Axes()
	if err != nil {
		return Ellipse{}, err
	}
	k := Scale(confidence)
	return Ellipse{SemiMajor: k * major, SemiMinor: k * minor, Theta: theta, Confidence: confidence}, nil
}

// Mahalanobis2 returns the squared Mahalanobis distance of a point x metres east
// and y metres north of the mean. It refuses what [Covariance.Axes] refuses.
func (c Covariance) Mahalanobis2(x, y float64) (float64, error) {
	major, minor, theta, err := c.Axes()
	if err != nil {
		return 0, err
	}
	sin, cos := sincos(theta)
	u, v := (cos*x+sin*y)/major, (cos*y-sin*x)/minor
	return u*u + v*v, nil
}

// Area in m².
func (e Ellipse) Area() float64 { return math.Pi * e.SemiMajor * e.SemiMinor }

// Contains says whether the point x metres east and y metres north of the centre
// lies in the ellipse or on its edge.
func (e Ellipse) Contains(x, y float64) bool {
	sin, cos := sincos(e.Theta)
	u, v := (cos*x+sin*y)/e.SemiMajor, (cos*y-sin*x)/e.SemiMinor
	return u*u+v*v <= 1
}

// ContainsPosition says whether p lies in the ellipse drawn about centre.
func (e Ellipse) ContainsPosition(centre, p Position) bool {
	x, y := Offset(centre, p)
	return e.Contains(x, y)
}

// Covariance is the inverse of [Covariance.Ellipse].
func (e Ellipse) Covariance() Covariance {
	k := Scale(e.Confidence)
	return CovarianceOf(e.SemiMajor/k, e.SemiMinor/k, e.Theta)
}
