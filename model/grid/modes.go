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

// repeats says whether a finer chain ended at the same mode: that one saw it better. A chain that
// began at a lesser peak may have widened its window until a higher one came into it. Of two as
// fine as each other the one from the higher peak counts.
func repeats(found []mode, i int) bool {
	for j := range found {
		finer := found[j].area() < finerArea*found[i].area()
		if j < i {
			finer = found[i].area() >= finerArea*found[j].area()
		}
		apart := min(found[j].distance2(found[i].mean), found[i].distance2(found[j].mean))
		if i != j && finer && apart < sameMode {
			return true
		}
	}
	return false
}

// area is a measure of the last window's.
func (m *mode) area() float64 { return m.surface.half[0] * m.surface.half[1] }

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
// emitter is somewhere on a line, and the major axis shows it. A millionth of the trace keeps the
// covariance one in single precision too.
func (e *evidence) honest(c [3]float64, receivers int) [3]float64 {
	floor := minRoundness * (c[0] + c[1])
	line := [3]float64{}
	if receivers < 3 {
		variance, u := windowAxes(c)
		line = turn([3]float64{max(math.Pow(lineAxis*e.spread/chi95, 2)-variance[0], 0), 0, 0}, u)
	}
	return [3]float64{c[0] + line[0] + floor, c[1] + line[1] + floor, c[2] + line[2]}
}
