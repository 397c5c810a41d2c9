package compare

import (
	"cmp"
	"math"
	"slices"
)

// difference is what b's estimate has more than a's.
type difference struct {
	a, b        estimate
	paired      bool    // both are of the same captures
	correlation float64 // of the two estimates, where they are
}

func newDifference(a, b estimate, paired bool) difference {
	d := difference{a: a, b: b, paired: paired}
	if paired {
		d.correlation = correlation(a.linear, b.linear)
	}
	return d
}

func (d *difference) value() float64 { return d.b.value - d.a.value }

// enough reports whether both arms have enough sessions.
func (d *difference) enough() bool { return d.a.enough() && d.b.enough() }

// interval has the difference between its ends with probability level.
func (d *difference) interval(level float64) (low, high float64) {
	lowA, highA := d.a.limits(level)
	lowB, highB := d.b.limits(level)
	return d.value() - d.recover(d.b.value-lowB, highA-d.a.value), d.value() + d.recover(highB-d.b.value, d.a.value-lowA)
}

// recover adds the distances of two estimates from their limits as their errors add.
func (d *difference) recover(x, y float64) float64 {
	if !(x <= math.MaxFloat64 && y <= math.MaxFloat64) {
		return math.Inf(1)
	}
	return math.Sqrt(max(x*x+y*y-2*d.correlation*x*y, 0))
}

// leastP is the smallest probability that is told from 0.
const leastP = 1e-9

// p is the probability of a difference like this, or a larger one, where there is none: 1 less the level of the interval that
// ends at 0.
func (d *difference) p() float64 {
	excludes := func(alpha float64) bool {
		low, high := d.interval(1 - alpha)
		return low > 0 || high < 0
	}
	if d.value() == 0 {
		return 1
	}
	if excludes(leastP) {
		return leastP
	}
	low, high := math.Log(leastP), 0.0
	for high-low > 1e-3 { // a thousandth of the probability
		middle := (low + high) / 2
		if excludes(math.Exp(middle)) {
			high = middle
		} else {
			low = middle
		}
	}
	return math.Exp(high)
}

// holm returns the probabilities of several differences at once, corrected so that the chance of any false one is that stated.
func holm(ps []float64) []float64 {
	order := make([]int, len(ps))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(ps[a], ps[b]) })
	corrected, largest := make([]float64, len(ps)), 0.0
	for rank, i := range order {
		largest = max(largest, min(ps[i]*float64(len(ps)-rank), 1))
		corrected[i] = largest
	}
	return corrected
}
