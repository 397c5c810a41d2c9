package grid

import (
	"strconv"

	"foxhunt/model/graph"
)

// chainEnds are the last surfaces of all chains, their moments, and which of the chains began at
// a peak ([B, 1, C] bool; the one around everything does not).
type chainEnds struct {
	surfaces *surfaces
	moments  windowMoments
	isMode   value
}

// coarse is the graph of the method of that name.
func (n *network) coarse(e *networkEvidence) *surfaces {
	reach := n.scale(e.spread, coarseExtent)
	return n.evaluate(e, windows{
		count: 1, cells: coarseCells, x: e.centreX, y: e.centreY,
		ux: n.like(reach, 1), uy: n.like(reach, 0), halfU: reach, halfV: reach})
}

// firstWindows are the windows about the highest peaks of the first grid and about everything.
func (n *network) firstWindows(e *networkEvidence, s *surfaces) (windows, value) {
	height, cell := n.peaks(s)
	all := n.next(s, n.moments(s))
	u, v := make([]float64, coarseCells*coarseCells), make([]float64, coarseCells*coarseCells)
	for i := range u {
		u[i], v[i] = offset(i/coarseCells, coarseCells), offset(i%coarseCells, coarseCells)
	}
	place := func(middle value, at []float64) value {
		table := n.Float64s([]int64{coarseCells * coarseCells}, at...)
		return n.Add(middle, n.Mul(s.halfU, n.Gather(table, cell, 0)))
	}
	x, y := place(s.x, u), place(s.y, v)
	size := n.Mul(n.like(x, 2*modeCells/coarseCells), s.halfU)
	join := func(peaks, everything value) value { return n.Concat(2, peaks, everything) }
	w := windows{
		count: chains, cells: fineCells, x: join(x, all.x), y: join(y, all.y),
		ux: join(n.like(x, 1), all.ux), uy: join(n.like(x, 0), all.uy),
		halfU: join(size, all.halfU), halfV: join(size, all.halfV)}
	return w, n.Greater(height, n.Float32(noPeak/10))
}

// noPeak stands for the height of a peak that does not exist.
const noPeak = -1e30

// peaks gives the heights and the cells of the highest local maxima, [B, 1, modes].
func (n *network) peaks(s *surfaces) (height, cell value) {
	const pad = peakSpan / 2
	image := n.Reshape(s.marginal, 0, 1, coarseCells, coarseCells)
	highest := n.MaxPool(image, peakSpan, peakSpan, pad, pad, pad, pad)
	candidates := n.Where(n.Equal(image, highest), image, n.Float32(noPeak))
	height, cell = n.TopK(n.Reshape(candidates, 0, 1, coarseCells*coarseCells), modes, 2)
	shape := []string{"B", "1", strconv.Itoa(modes)}
	return n.Shaped(height, graph.Float32, shape...), n.Shaped(cell, graph.Int64, shape...)
}

// next is the graph of the method of that name.
func (n *network) next(s *surfaces, m windowMoments) windows {
	w := s.windows
	across2 := cellSpread * 4 / float64(w.cells*w.cells)
	cell := n.turn(covariances{
		n.scale(n.square(w.halfU), across2), n.scale(n.square(w.halfV), across2),
		n.like(w.halfU, 0)}, w.ux, w.uy)
	along, across, ux, uy := n.windowAxes(covariances{
		n.Add(m.cov.xx, cell.xx), n.Add(m.cov.yy, cell.yy), n.Add(m.cov.xy, cell.xy)})
	limit := n.scale(n.Max(w.halfU, w.halfV), windowGrowth)
	return windows{
		count: w.count, cells: fineCells, x: m.mean.x, y: m.mean.y, ux: ux, uy: uy,
		halfU: n.Min(n.scale(n.Sqrt(along), windowSigmas), limit),
		halfV: n.Min(n.scale(n.Sqrt(across), windowSigmas), limit)}
}

// refine follows all chains at once.
func (n *network) refine(e *networkEvidence, w windows, isMode value) chainEnds {
	for step := 1; ; step++ {
		s := n.evaluate(e, w)
		m := n.moments(s)
		if step == refinements {
			return chainEnds{s, m, isMode}
		}
		w = n.next(s, m)
	}
}
