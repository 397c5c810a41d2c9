package compare

import (
	"math"
	"slices"
)

// estimate is a figure of one arm with its uncertainty.
type estimate struct {
	linear
	value  float64
	limits func(level float64) (low, high float64) // infinite where the data set no limit

	exact       bool    // there is nothing to be uncertain of
	independent float64 // of shares and quantiles: how many independent fixes would tell as much
	odds        float64 // of a quantile: of being on the side of it where more fixes are
}

// Fewer sessions than leastClusters, or sessions so unequal that they weigh as little, tell nothing about how sessions differ.
const (
	leastClusters = 10
	leastDF       = 4
)

// enough reports whether there are enough sessions for an interval that can be believed.
func (e *estimate) enough() bool {
	return e.exact || e.clusters >= leastClusters && e.df >= leastDF
}

// meanOf is the mean with Student's interval.
func meanOf(c column) estimate {
	l := newLinear(c)
	return estimate{linear: l, value: l.mean, limits: func(level float64) (float64, float64) {
		reach := critical(level, l.df) * math.Sqrt(l.variance)
		return l.mean - reach, l.mean + reach
	}}
}

// shareOf is the share of ones among ones and zeros with Wilson's interval for the effective sample size.
func shareOf(c column) estimate {
	l := newLinear(c)
	p, n := l.mean, l.effective(c)
	return estimate{linear: l, value: p, independent: n, limits: func(level float64) (float64, float64) {
		z := critical(level, l.df)
		z2 := z * z / n
		centre := (p + z2/2) / (1 + z2)
		reach := math.Sqrt(z2*(p*(1-p)+z2/4)) / (1 + z2)
		return max(min(centre-reach, p), 0), min(max(centre+reach, p), 1)
	}}
}

// leastTelling is how many sessions must have the rarer outcome for the difference between sessions to be taken from them.
const leastTelling = 20

// sessionsOf is how many sessions have ones, or zeros.
func (c *column) sessionsOf(ones bool) int {
	with := make(map[uint64]struct{})
	for i, x := range c.x {
		if (x == 1) == ones {
			with[c.cluster[i]] = struct{}{}
		}
	}
	return len(with)
}

// effective is how many independent fixes would tell as much about the share of ones in c: at most as many as there are, and
// where few sessions tell how sessions differ, at most one a session.
func (l *linear) effective(c column) float64 {
	n := float64(l.n)
	if simple := l.mean * (1 - l.mean) / n; simple > 0 && l.variance > simple {
		n *= simple / l.variance
	}
	if c.sessionsOf(l.mean < 0.5) < leastTelling {
		n = min(n, float64(l.clusters))
	}
	return n
}

// quantileOf is the value below which a share p of the fixes is, with Woodruff's interval.
func quantileOf(c column, p float64) estimate {
	sorted := slices.Sorted(slices.Values(c.x))
	value := interpolate(sorted, p)
	below := column{x: make([]float64, len(c.x)), cluster: c.cluster}
	for i, x := range c.x {
		if x <= value {
			below.x[i] = 1
		}
	}
	l := newLinear(below)
	n := l.effective(below)
	l.negate() // a session with more fixes below pulls the quantile down
	return estimate{linear: l, value: value, independent: n, odds: max(p/(1-p), (1-p)/p), limits: func(level float64) (float64, float64) {
		reach := critical(level, l.df) * math.Sqrt(p*(1-p)/n)
		return atRank(sorted, math.Floor((p-reach)*float64(len(sorted)))), atRank(sorted, math.Ceil((p+reach)*float64(len(sorted)))+1)
	}}
}

func (l *linear) negate() {
	for id := range l.influence {
		l.influence[id] = -l.influence[id]
	}
}

// atRank is the sorted value of a rank from 1; beyond the ends there is none.
func atRank(sorted []float64, rank float64) float64 {
	switch {
	case !(rank >= 1): // NaN, too: no limit
		return math.Inf(-1)
	case rank > float64(len(sorted)):
		return math.Inf(1)
	}
	return sorted[int(rank)-1]
}

// interpolate is the quantile p of sorted values, between neighbours where it falls between (Hyndman and Fan's type 7).
func interpolate(sorted []float64, p float64) float64 {
	if len(sorted) == 0 {
		return math.NaN()
	}
	at := p * float64(len(sorted)-1)
	i := int(at)
	if i+1 >= len(sorted) {
		return sorted[len(sorted)-1]
	}
	return sorted[i] + (at-float64(i))*(sorted[i+1]-sorted[i])
}
