package evaluate

import (
	"math"
	"math/rand/v2"
	"slices"
)

func centroid(points [][2]float64) (c [2]float64) {
	for _, p := range points {
		c[0], c[1] = c[0]+p[0]/float64(len(points)), c[1]+p[1]/float64(len(points))
	}
	return c
}

// inHull draws a point at random from the convex hull of three points or more, stretched about their centroid.
func inHull(r *rand.Rand, points [][2]float64, stretch float64) [2]float64 {
	c := centroid(points)
	hull := convexHull(points)
	// Drawing from the triangles between the centroid and the hull's edges, by area,
	// is even over the hull.
	areas := make([]float64, len(hull))
	var total float64
	for i, p := range hull {
		q := hull[(i+1)%len(hull)]
		areas[i] = math.Abs((p[0]-c[0])*(q[1]-c[1]) - (p[1]-c[1])*(q[0]-c[0]))
		total += areas[i]
	}
	pick, i := total*r.Float64(), 0
	for i < len(hull)-1 && pick > areas[i] {
		pick -= areas[i]
		i++
	}
	p, q := hull[i], hull[(i+1)%len(hull)]
	out, along := stretch*math.Sqrt(r.Float64()), r.Float64()
	return [2]float64{
		c[0] + out*((1-along)*p[0]+along*q[0]-c[0]),
		c[1] + out*((1-along)*p[1]+along*q[1]-c[1]),
	}
}

// convexHull gives the hull's corners counter-clockwise (A. M. Andrew's monotone chain).
func convexHull(points [][2]float64) [][2]float64 {
	sorted := slices.Clone(points)
	slices.SortFunc(sorted, func(a, b [2]float64) int {
		if a[0] != b[0] {
			if a[0] < b[0] {
				return -1
			}
			return 1
		}
		if a[1] < b[1] {
			return -1
		}
		return 1
	})
	half := func(points [][2]float64) (chain [][2]float64) {
		for _, p := range points {
			for len(chain) >= 2 && left(chain[len(chain)-2], chain[len(chain)-1], p) <= 0 {
				chain = chain[:len(chain)-1]
			}
			chain = append(chain, p)
		}
		return chain[:len(chain)-1]
	}
	lower := half(sorted)
	slices.Reverse(sorted)
	return append(lower, half(sorted)...)
}

// left is above 0 when r lies left of the way from p to q.
func left(p, q, r [2]float64) float64 {
	return (q[0]-p[0])*(r[1]-p[1]) - (q[1]-p[1])*(r[0]-p[0])
}
