package geo

import (
	"math"
	"slices"
)

// Vertices is the usual number of corners of an ellipse drawn as a polygon.
const Vertices = 64

// Feature is a GeoJSON Feature (RFC 7946).
type Feature struct {
	Type       string   `json:"type"` // "Feature"
	Geometry   Geometry `json:"geometry"`
	Properties any      `json:"properties"`
}

// Geometry is a GeoJSON Polygon ([][][2]float64: rings of longitude, latitude) or
// MultiPolygon ([][][][2]float64).
type Geometry struct {
	Type        string `json:"type"`
	Coordinates any    `json:"coordinates"`
}

// Polygons returns the outer ring of each polygon.
func (g Geometry) Polygons() [][][2]float64 {
	switch c := g.Coordinates.(type) {
	case [][][2]float64:
		return c
	case [][][][2]float64:
		rings := make([][][2]float64, len(c))
		for i := range c {
			rings[i] = c[i][0]
		}
		return rings
	}
	return nil
}

// NewFeature wraps a geometry with the caller's properties (nil: JSON's null).
func NewFeature(g Geometry, properties any) Feature {
	return Feature{Type: "Feature", Geometry: g, Properties: properties}
}

// Polygon draws the ellipse about centre with n corners or one more, n >= 3 (see
// [Vertices]): corners laid off along geodesics, rings closed and counter-clockwise,
// longitude first. Where its longitudes run fast, near a pole, it gets more corners.
// An ellipse across the antimeridian becomes a MultiPolygon cut along it, and one
// that holds a pole is closed along the pole's edge of the map (RFC 7946, 3.1.9).
//
// It refuses bad_position, bad_vertices, degenerate_covariance (an axis not above
// 0) and ellipse_too_large: past 10,000 km from the centre a polygon no longer says
// which side is inside.
func (e Ellipse) Polygon(centre Position, n int) (Geometry, error) {
	if err := centre.Validate(); err != nil {
		return Geometry{}, err
	}
	if n < 3 {
		return Geometry{}, refuse("bad_vertices", "a polygon of %d corners; want 3 or more", n)
	}
	if !(e.SemiMajor > 0 && e.SemiMinor > 0) || math.IsNaN(e.Theta) {
		return Geometry{}, refuse("degenerate_covariance", "semi-axes of %g and %g m at %g degrees draw no ellipse", e.SemiMajor, e.SemiMinor, e.Theta)
	}
	if max(e.SemiMajor, e.SemiMinor) > 10e6 {
		return Geometry{}, refuse("ellipse_too_large", "a semi-axis of %.0f km; want at most 10,000 km", max(e.SemiMajor, e.SemiMinor)/1e3)
	}
	parts := cut(closeOverPole(e.ring(centre, n)))
	switch len(parts) {
	case 0:
		return Geometry{}, refuse("degenerate_covariance", "semi-axes of %g and %g m are less than a map can show", e.SemiMajor, e.SemiMinor)
	case 1:
		return Geometry{Type: "Polygon", Coordinates: [][][2]float64{parts[0]}}, nil
	}
	multi := make([][][][2]float64, len(parts))
	for i := range parts {
		multi[i] = [][][2]float64{parts[i]}
	}
	return Geometry{Type: "MultiPolygon", Coordinates: multi}, nil
}

// ring returns the ellipse's corners, counter-clockwise, the first again at the end,
// with longitudes unwrapped: each within 180 degrees of the one before.
//
// Corners come in pairs mirrored in the major axis, so that the two long sides of a
// thin ellipse, bent on the map, are cut short alike and cannot cross.
func (e Ellipse) ring(centre Position, n int) [][2]float64 {
	sin, cos := sincos(e.Theta)
	corner := func(t float64) [2]float64 {
		s, c := math.Sincos(math.Pi * t)
		u, v := e.SemiMajor*c, e.SemiMinor*s
		east, north := cos*u-sin*v, sin*u+cos*v
		p, _ := Direct(centre, math.Atan2(east, north)/radians, math.Hypot(east, north))
		return [2]float64{p.Longitude, p.Latitude}
	}
	fast := func(t0, t1 float64) bool { // do longitudes run fast here?
		return math.Abs(normalLongitude(corner(t1)[0]-corner(t0)[0])) > 10
	}
	upper := []float64{0} // angles of the upper half in units of pi
	var add func(t0, t1 float64, depth int)
	add = func(t0, t1 float64, depth int) {
		if depth > 0 && (fast(t0, t1) || fast(-t0, -t1)) {
			middle := (t0 + t1) / 2
			add(t0, middle, depth-1)
			add(middle, t1, depth-1)
			return
		}
		upper = append(upper, t1)
	}
	half := (n + 1) / 2
	for i := range half {
		add(float64(i)/float64(half), float64(i+1)/float64(half), 12)
	}
	angles := upper
	for _, t := range slices.Backward(upper[:len(upper)-1]) {
		angles = append(angles, -t)
	}
	ring := make([][2]float64, len(angles))
	for i, t := range angles {
		ring[i] = corner(t)
		if i > 0 {
			ring[i][0] = ring[i-1][0] + normalLongitude(ring[i][0]-ring[i-1][0])
		}
	}
	return ring
}

// closeOverPole takes an unwrapped ring whose last point is its first again, give
// or take whole turns, and returns it closed. A ring that has made a turn has a pole
// inside: it is begun at the antimeridian and closed along that pole's edge of the
// map.
func closeOverPole(ring [][2]float64) [][2]float64 {
	last := len(ring) - 1
	turn := math.Round((ring[last][0]-ring[0][0])/360) * 360
	if turn == 0 {
		ring[last] = ring[0]
		return ring
	}
	ring[last] = [2]float64{ring[0][0] + turn, ring[0][1]}
	pole := math.Copysign(90, turn) // counter-clockwise round the north pole is eastward
	// Begin at the crossing nearest the pole: no other lies between it and the pole.
	var start [2]float64
	k := -1
	for i := range last {
		lo, hi := min(ring[i][0], ring[i+1][0]), max(ring[i][0], ring[i+1][0])
		edge := 180 + 360*math.Ceil((lo-180)/360) // the first odd multiple of 180 from lo on
		if edge > hi || lo == hi {
			continue
		}
		if x := meet(ring[i], ring[i+1], edge); k < 0 || math.Abs(x[1]-pole) < math.Abs(start[1]-pole) {
			start, k = x, i
		}
	}
	closed := [][2]float64{start}
	for i := k + 1; i <= last+k; i++ { // ring[last] is ring[0], a turn on
		p := ring[i%last]
		if i >= last {
			p[0] += turn
		}
		if p != closed[len(closed)-1] {
			closed = append(closed, p)
		}
	}
	end := [2]float64{start[0] + turn, start[1]}
	if closed[len(closed)-1] != end {
		closed = append(closed, end)
	}
	return append(closed, [2]float64{end[0], pole}, [2]float64{start[0], pole}, start)
}

// meet returns where the step from p to q crosses the given longitude.
func meet(p, q [2]float64, lon float64) [2]float64 {
	f := (lon - p[0]) / (q[0] - p[0])
	return [2]float64{lon, p[1] + f*(q[1]-p[1])}
}

// cut splits a closed ring at every odd multiple of 180 degrees and shifts the
// parts into [-180, 180].
func cut(ring [][2]float64) [][][2]float64 {
	low, high := math.Inf(1), math.Inf(-1)
	for _, p := range ring {
		low, high = min(low, p[0]), max(high, p[0])
	}
	var parts [][][2]float64
	turn := math.Floor((low + 180) / 360)
	rest := [][][2]float64{ring}
	for edge := 180 + 360*turn; edge < high; edge += 360 {
		var east [][][2]float64
		for _, r := range rest {
			west, e := split(r, edge)
			parts = append(parts, shift(west, edge-180)...)
			east = append(east, e...)
		}
		rest, turn = east, turn+1
	}
	return append(parts, shift(rest, 360*turn)...)
}

// shift moves rings west by the given degrees, and drops repeated points and what
// the cut has left of a ring that only touches it: splinters of rounding.
func shift(rings [][][2]float64, by float64) [][][2]float64 {
	const width = 1e-12 // degrees; a tenth of a micrometre
	var kept [][][2]float64
	for _, r := range rings {
		low, high := math.Inf(1), math.Inf(-1)
		for i := range r {
			r[i][0] = min(180, max(-180, r[i][0]-by))
			low, high = min(low, r[i][0]), max(high, r[i][0])
		}
		if r = slices.Compact(r); len(r) >= 4 && high-low > width {
			kept = append(kept, r)
		}
	}
	return kept
}

// split divides a closed ring by the line at longitude edge into the rings west
// and east of it. The ring's chains between crossings are joined along the line:
// sorted by latitude, the first crossing pairs with the second, and so on, for the
// line is inside the ring between them.
func split(ring [][2]float64, edge float64) (west, east [][][2]float64) {
	isEast := func(p [2]float64) bool { return p[0] > edge }
	var chains [][][2]float64 // each from crossing to crossing
	var first [][2]float64    // what comes before the first crossing
	chain := [][2]float64{ring[0]}
	for i := 1; i < len(ring); i++ {
		p, q := ring[i-1], ring[i]
		if isEast(p) != isEast(q) {
			x := meet(p, q, edge)
			chain = append(chain, x)
			if first == nil {
				first = chain
			} else {
				chains = append(chains, chain)
			}
			chain = [][2]float64{x}
		}
		chain = append(chain, q)
	}
	if first == nil {
		if slices.ContainsFunc(ring, isEast) {
			return nil, [][][2]float64{ring}
		}
		return [][][2]float64{ring}, nil
	}
	chains = append(chains, append(chain, first[1:]...)) // ring[0] closes the ring
	starts := make([]int, len(chains))                   // chains by the latitude they start at
	for i := range starts {
		starts[i] = i
	}
	slices.SortFunc(starts, func(a, b int) int { return compareLatitude(chains[a][0], chains[b][0]) })
	mate := make([]int, len(chains)) // of the crossing where chain i starts: where chain mate[i] does
	for k := 0; k+1 < len(starts); k += 2 {
		mate[starts[k]], mate[starts[k+1]] = starts[k+1], starts[k]
	}
	done := make([]bool, len(chains))
	for i := range chains {
		if done[i] {
			continue
		}
		var joined [][2]float64
		for j := i; !done[j]; j = mate[(j+1)%len(chains)] { // chain j ends where j+1 starts
			done[j] = true
			joined = append(joined, chains[j]...)
		}
		joined = append(joined, joined[0])
		// A chain's second point lies off the line, or is the next crossing.
		if slices.ContainsFunc(joined, isEast) {
			east = append(east, joined)
		} else {
			west = append(west, joined)
		}
	}
	return west, east
}

func compareLatitude(a, b [2]float64) int {
	switch {
	case a[1] < b[1]:
		return -1
	case a[1] > b[1]:
		return 1
	}
	return 0
}
