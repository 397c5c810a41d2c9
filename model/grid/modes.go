package grid

import (
	"math"
	"sort"
)

// mode is where one chain of refinement ended.
type mode struct {
	moments
	surface *surface
}

// answer chooses what to report from the modes and from everything, the chain that began with
// the moments of the whole grid. It returns the moments, and the share of the probability that
// the best mode holds. Modes that turned out to be one count once.
func answer(found []mode, everything mode) (moments, float64) {
	sort.SliceStable(found, func(i, j int) bool { return found[i].logMass > found[j].logMass })
	best := found[0]
	mass := make([]float64, len(found))
	sum := 0.0
	for i := range found {
		if !found[i].repeats(found[:i], mass) {
			mass[i] = math.Exp(found[i].logMass - best.logMass)
		}
		sum += mass[i]
	}
	whole := math.Exp(min(everything.logMass-best.logMass, 50))
	confidence := 1 / max(sum, whole)
	switch {
	case confidence >= modeShare:
		return best.moments, confidence
	case whole >= sum:
		return everything.moments, confidence
	}
	return mixture(found, mass, sum), confidence
}

// repeats says whether the mode is one of the heavier ones that count again.
func (m *mode) repeats(heavier []mode, mass []float64) bool {
	for i := range heavier {
		o := &heavier[i]
		if mass[i] > 0 && min(o.distance2(m.mean), m.distance2(o.mean)) < sameMode {
			return true
		}
	}
	return false
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
// emitter is somewhere on a line, and the major axis shows it. The minor axis stays long enough
// for the covariance to be one in single precision too.
func (e *evidence) honest(c [3]float64, receivers int) [3]float64 {
	variance, u := axes(c)
	if receivers < 3 {
		variance[0] = max(variance[0], math.Pow(lineAxis*e.spread/chi95, 2))
	}
	variance[1] = max(variance[1], minRoundness*variance[0])
	return turn([3]float64{variance[0], variance[1], 0}, u)
}
