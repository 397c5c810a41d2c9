package grid

import (
	"math"
	"sort"
)

// coarse is the first grid: 4a to each side of the receivers' centroid.
func (e *evidence) coarse() *surface {
	reach := coarseExtent * e.spread
	return e.evaluate(window{e.centre, [2]float64{1, 0}, [2]float64{reach, reach}}, coarseCells)
}

// peaks gives the cells of the highest local maxima of the surface, at most modes of them.
func (s *surface) peaks() []int {
	l := s.marginal()
	var found []int
	for cell := range l {
		if isPeak(l, s.n, cell) {
			found = append(found, cell)
		}
	}
	sort.SliceStable(found, func(i, j int) bool { return l[found[i]] > l[found[j]] })
	return found[:min(len(found), modes)]
}

// isPeak says whether no cell of the peakSpan x peakSpan around it is higher.
func isPeak(l []float64, n, cell int) bool {
	const reach = peakSpan / 2
	for i := max(cell/n-reach, 0); i <= min(cell/n+reach, n-1); i++ {
		for j := max(cell%n-reach, 0); j <= min(cell%n+reach, n-1); j++ {
			if l[i*n+j] > l[cell] {
				return false
			}
		}
	}
	return true
}

// around is the window about one coarse cell.
func (s *surface) around(cell int) window {
	size := modeCells * 2 * s.half[0] / float64(s.n)
	return window{
		centre: [2]float64{
			s.centre[0] + s.half[0]*offset(cell/s.n, s.n),
			s.centre[1] + s.half[1]*offset(cell%s.n, s.n)},
		u: s.u, half: [2]float64{size, size}}
}

// next is the window for the moments of a surface: four standard deviations along their principal
// axes, at most 1.3 times the last window. The size of the cells adds to the variance, so that a
// mode that fell into one cell is not cut to nothing.
func (s *surface) next(m moments) window {
	hu, hv := 2*s.half[0]/float64(s.n), 2*s.half[1]/float64(s.n)
	cell := turn([3]float64{cellSpread * hu * hu, cellSpread * hv * hv, 0}, s.u)
	variance, u := windowAxes([3]float64{m.cov[0] + cell[0], m.cov[1] + cell[1], m.cov[2] + cell[2]})
	limit := windowGrowth * max(s.half[0], s.half[1])
	return window{m.mean, u, [2]float64{
		min(windowSigmas*math.Sqrt(variance[0]), limit),
		min(windowSigmas*math.Sqrt(variance[1]), limit)}}
}

// refine follows one chain of windows and gives the last surface and its moments.
func (e *evidence) refine(w window) (*surface, moments) {
	for step := 1; ; step++ {
		s := e.evaluate(w, fineCells)
		m := s.moments()
		if step == refinements {
			return s, m
		}
		w = s.next(m)
	}
}
