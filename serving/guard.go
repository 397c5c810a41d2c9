package serving

import (
	"math"
	"sync"
)

const (
	mostCaptures = 1000 // the latest of the challenger's, of which it is judged
	chance       = 1e-6 // that so many fail at the very bound: little, as every worker looks after each capture
)

// guard counts which of the challenger's latest captures failed, and says when they are more than the plan allows, by more
// than chance. Captures that fail together, as those of one session may, count as if each failed by itself. It is safe for concurrent use.
type guard struct {
	mu       sync.Mutex
	split    string // its id; "": none
	model    string // the challenger's digest
	limit    float64
	outcomes []bool // a ring: true is a failure
	next     int
	failed   int
	over     bool
}

// watch judges a split by its bound from now on; another split begins without failures, and so does another model in it, which
// a reference may have come to mean.
func (g *guard) watch(split, model string, limit float64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if split != g.split || model != g.model {
		g.outcomes, g.next, g.failed, g.over = g.outcomes[:0], 0, 0, false
	}
	g.split, g.model, g.limit = split, model, limit
}

// verdict is why a split should stop.
type verdict struct {
	split            string
	failed, captures int
	limit            float64
}

// add counts one of the challenger's captures; stop is true once for a split, when it is over its bound.
func (g *guard) add(failed bool) (v verdict, stop bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.split == "" {
		return verdict{}, false
	}
	g.count(failed)
	n := len(g.outcomes)
	if !failed || g.over || g.limit <= 0 || tail(g.failed, n, g.limit) >= chance {
		return verdict{}, false
	}
	g.over = true
	return verdict{g.split, g.failed, n, g.limit}, true
}

func (g *guard) count(failed bool) {
	if len(g.outcomes) < mostCaptures {
		g.outcomes = append(g.outcomes, failed)
	} else {
		if g.outcomes[g.next] {
			g.failed--
		}
		g.outcomes[g.next] = failed
		g.next = (g.next + 1) % mostCaptures
	}
	if failed {
		g.failed++
	}
}

// tail is the probability that so many or more of n captures fail, each by itself with probability p: a binomial
// distribution's. It is 1 where no more fail than are to be expected.
func tail(failed, n int, p float64) float64 {
	if float64(failed) <= float64(n)*p || p >= 1 {
		return 1
	}
	k := float64(failed)
	term := math.Exp(logChoose(float64(n), k) + k*math.Log(p) + (float64(n)-k)*math.Log1p(-p))
	sum := term
	for ; k < float64(n) && term > sum*1e-12; k++ { // above the mean each term is less than the one before
		term *= (float64(n) - k) / (k + 1) * p / (1 - p)
		sum += term
	}
	return min(sum, 1)
}

// logChoose is the logarithm of how many ways there are to choose k of n.
func logChoose(n, k float64) float64 {
	of, _ := math.Lgamma(n + 1)
	chosen, _ := math.Lgamma(k + 1)
	left, _ := math.Lgamma(n - k + 1)
	return of - chosen - left
}
