package evaluate

import (
	"fmt"
	"math"
	"math/rand/v2"

	"foxhunt/geo"
)

// place lays the receivers out at random in a disc, whose size makes their largest distance the span, and the emitter
// where the kind wants it. All stand on ground of a common height up to 2500 m, with 100 m of relief up and down.
func (s *scene) place(k *kind, r *rand.Rand) {
	span, relief := logUniform(r, 1e3, 500e3), 100.0
	if k.oneMast {
		span, relief = logUniform(r, 1, 30), 0
	}
	centre := geo.Position{Latitude: 140*r.Float64() - 70, Longitude: 360*r.Float64() - 180}
	ground := 2500 * r.Float64()
	stand := func(at [2]float64) geo.Position {
		p := onGround(centre, at)
		p.Altitude = ground + relief*(2*r.Float64()-1)
		return p
	}
	at := receiversIn(r, len(s.sim.Receivers), span)
	for i := range at {
		s.sim.Receivers[i].Position = stand(at[i])
	}
	s.emitter = stand(emitterNear(k, r, at))
	s.measureSpread()
}

// receiversIn draws points in a disc, m east and north of its centre, the farthest two a span apart.
func receiversIn(r *rand.Rand, count int, span float64) [][2]float64 {
	at := make([][2]float64, count)
	for i := range at {
		at[i] = polar([2]float64{}, math.Sqrt(r.Float64()), r)
	}
	widest := 0.0
	for _, p := range at {
		for _, q := range at {
			widest = max(widest, math.Hypot(p[0]-q[0], p[1]-q[1]))
		}
	}
	for i := range at {
		at[i][0], at[i][1] = at[i][0]*span/widest, at[i][1]*span/widest
	}
	return at
}

// emitterNear draws the emitter among receivers: from their convex hull stretched by 1.5; about two of them, whose hull
// is a line, from a disc of 1.5 a; outside from 2 a to 10 a, though not beyond 1000 km; and anywhere in 100 m to 50 km of
// a mast.
func emitterNear(k *kind, r *rand.Rand, receivers [][2]float64) [2]float64 {
	c := centroid(receivers)
	a := 0.0
	for _, p := range receivers {
		a = max(a, math.Hypot(p[0]-c[0], p[1]-c[1]))
	}
	switch {
	case k.oneMast:
		return polar(c, logUniform(r, 100, 50e3), r)
	case k.outside:
		return polar(c, logUniform(r, 2*a, min(10*a, 1000e3)), r)
	case len(receivers) == 2:
		return polar(c, 1.5*a*math.Sqrt(r.Float64()), r)
	}
	return inHull(r, receivers, 1.5)
}

// polar is the point at a distance from c in a random direction.
func polar(c [2]float64, distance float64, r *rand.Rand) [2]float64 {
	sin, cos := math.Sincos(2 * math.Pi * r.Float64())
	return [2]float64{c[0] + distance*cos, c[1] + distance*sin}
}

func onGround(centre geo.Position, at [2]float64) geo.Position {
	p, _ := geo.Direct(centre, math.Atan2(at[0], at[1])*180/math.Pi, math.Hypot(at[0], at[1]))
	return p
}

// measureSpread finds a.
func (s *scene) measureSpread() {
	positions := make([]geo.Position, len(s.sim.Receivers))
	for i := range positions {
		positions[i] = s.sim.Receivers[i].Position
	}
	centroid, err := geo.Centroid(positions)
	if err != nil {
		panic(fmt.Sprintf("evaluate: a drawn network has no centroid: %v", err)) // it is at most 500 km wide
	}
	frame := geo.NewFrame(centroid)
	for _, p := range positions {
		e, n, _ := frame.ToENU(p)
		s.spread = max(s.spread, math.Hypot(e, n))
	}
}
