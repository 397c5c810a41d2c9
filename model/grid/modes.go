package grid

import "math"

// mode is where one chain of refinement ended.
type mode struct {
	moments
	surface *surface
}

// answer chooses what to report from the modes and from everything, the chain that began with
// the moments of the whole grid. It returns the moments, the share of the probability that the
// best mode holds, and the surface that shows which receivers take part.
func answer(found []mode, everything mode) (m moments, confidence float64, s *surface) {
	best, alone := -1, make([]bool, len(found))
	for i := range found {
		alone[i] = !repeats(found, i)
		if alone[i] && (best < 0 || found[i].logMass > found[best].logMass) {
			best = i
		}
	}
	mass, sum := make([]float64, len(found)), 0.0
	for i := range found {
		if alone[i] {
			mass[i] = math.Exp(found[i].logMass - found[best].logMass)
		}
		sum += mass[i]
	}
	whole := math.Exp(min(everything.logMass-found[best].logMass, 50))
	confidence = 1 / max(sum, whole)
	switch {
	case confidence >= modeShare:
		return found[best].moments, confidence, found[best].surface
	case whole >= wholeShare*sum:
		return everything.moments, confidence, everything.surface
	}
	return mixture(found, mass, sum), confidence, everything.surface
}

// repeats says whether another chain ended at the same mode and is more at rest there: that one
// saw it better. A chain that began at a lesser peak may have widened its window until a higher
// one came into it. Each place down the order of peaks counts as a little unrest, so that chains
// that are at rest alike are not told apart by rounding.
func repeats(found []mode, i int) bool {
	order := func(k int) float64 { return found[k].unrest() * math.Pow(restMargin, float64(k)) }
	for j := range found {
		same := found[i].surface.holds(found[j].mean) || found[j].surface.holds(found[i].mean)
		if j != i && same && (order(j) < order(i) || order(j) == order(i) && j < i) {
			return true
		}
	}
	return false
}

// unrest is the factor, 1 or more, by which one more refinement would change the window's area.
func (m *mode) unrest() float64 {
	next := m.surface.next(m.moments)
	ratio := next.half[0] * next.half[1] / (m.surface.half[0] * m.surface.half[1])
	return max(ratio, 1/ratio)
}

// holds says whether a place lies in the window.
func (w *window) holds(x [2]float64) bool {
	dx, dy := x[0]-w.centre[0], x[1]-w.centre[1]
	return math.Abs(dx*w.u[0]+dy*w.u[1]) < w.half[0] && math.Abs(dy*w.u[0]-dx*w.u[1]) < w.half[1]
}

// mixture is the mean and covariance of all modes together.
func mixture(found []mode, mass []float64, sum float64) moments {
	var m moments
	for i, f := range found {
		m.mean[0] += mass[i] / sum * f.mean[0]
		m.mean[1] += mass[i] / sum * f.mean[1]
	}
	for i, f := range found {
		dx, dy := f.mean[0]-m.mean[0], f.mean[1]-m.mean[1]
		m.cov[0] += mass[i] / sum * (f.cov[0] + dx*dx)
		m.cov[1] += mass[i] / sum * (f.cov[1] + dy*dy)
		m.cov[2] += mass[i] / sum * (f.cov[2] + dx*dy)
	}
	return m
}

// posterior gives the probability of each hypothesis on a surface.
func (s *surface) posterior() []float64 {
	top := math.Inf(-1)
	for _, row := range s.log {
		for _, l := range row {
			top = max(top, l)
		}
	}
	total, out := 0.0, make([]float64, len(s.log))
	for h, row := range s.log {
		for _, l := range row {
			out[h] += math.Exp(l - top)
		}
		total += out[h]
	}
	for h := range out {
		out[h] /= total
	}
	return out
}

// honest is a covariance that says no more than is known. With fewer than three receivers the
// emitter is somewhere on a line, and the major axis shows it. With more it may be outside. A
// millionth of the trace keeps the covariance one in single precision too.
func (e *evidence) honest(c [3]float64, receivers int, o outside) [3]float64 {
	if receivers < 3 {
		variance, u := windowAxes(c)
		line := turn([3]float64{max(math.Pow(lineAxis*e.spread/chi95, 2)-variance[0], 0), 0, 0}, u)
		for i := range c {
			c[i] += lineBend*c[i] + line[i]
		}
	} else {
		c = o.widen(c, e.spread)
	}
	floor := minRoundness * (c[0] + c[1])
	return [3]float64{c[0] + floor, c[1] + floor, c[2]}
}
