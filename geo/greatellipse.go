package geo

import "math"

// greatEllipse holds the series that carry a geodesic between the ellipsoid and
// Karney's auxiliary sphere. All depend only on the azimuth at which the line
// crosses the equator.
type greatEllipse struct {
	sin0, cos0 float64 // of that azimuth
	a1, a3     float64
	c1, c1p    [6]float64
	c3         [5]float64
}

func newGreatEllipse(sin0, cos0 float64) greatEllipse {
	k2 := eccentricity2nd2 * cos0 * cos0 // (9)
	e := k2 / (2*(1+math.Sqrt(1+k2)) + k2)
	e2 := e * e
	e3, e4, e5, e6 := e2*e, e2*e2, e2*e2*e, e2*e2*e2
	const n = thirdFlattening
	return greatEllipse{
		sin0: sin0, cos0: cos0,
		a1: (1 + e2/4 + e4/64 + e6/256) / (1 - e), // (17)
		c1: [6]float64{ // (18)
			-e/2 + 3*e3/16 - e5/32,
			-e2/16 + e4/32 - 9*e6/2048,
			-e3/48 + 3*e5/256,
			-5*e4/512 + 3*e6/512,
			-7 * e5 / 1280,
			-7 * e6 / 2048,
		},
		c1p: [6]float64{ // (21)
			e/2 - 9*e3/32 + 205*e5/1536,
			5*e2/16 - 37*e4/96 + 1335*e6/4096,
			29*e3/96 - 75*e5/128,
			539*e4/1536 - 2391*e6/2560,
			3467 * e5 / 7680,
			38081 * e6 / 61440,
		},
		a3: 1 - (1./2-n/2)*e - (1./4+n/8-3*n*n/8)*e2 - (1./16+3*n/16+n*n/16)*e3 -
			(3./64+n/32)*e4 - 3*e5/128, // (24)
		c3: [5]float64{ // (25)
			(1./4-n/4)*e + (1./8-n*n/8)*e2 + (3./64+3*n/64-n*n/64)*e3 + (5./128+n/64)*e4 + 3*e5/128,
			(1./16-3*n/32+n*n/32)*e2 + (3./64-n/32-3*n*n/64)*e3 + (3./128+n/128)*e4 + 5*e5/256,
			(5./192-3*n/64+5*n*n/192)*e3 + (3./128-5*n/192)*e4 + 7*e5/512,
			(7./512-7*n/256)*e4 + 7*e5/512,
			21 * e5 / 2560,
		},
	}
}

// i1 is the distance integral (7), in units of the polar radius.
func (g *greatEllipse) i1(sigma float64) float64 { return g.a1 * (sigma + sines(sigma, g.c1[:])) }

// i3 is the longitude integral (8).
func (g *greatEllipse) i3(sigma float64) float64 { return g.a3 * (sigma + sines(sigma, g.c3[:])) }

// sines is the sum of c[l-1] sin(2 l x), by Clenshaw's recurrence.
func sines(x float64, c []float64) float64 {
	s, cos := math.Sincos(2 * x)
	var b1, b2 float64
	for l := len(c) - 1; l >= 0; l-- {
		b1, b2 = c[l]+2*cos*b1-b2, b1
	}
	return b1 * s
}
