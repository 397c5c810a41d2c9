package serving

import (
	"math"
	"sync"
)

// What a split must show before it is stopped for its errors.
const (
	leastCaptures = 20   // of the challenger's: fewer show nothing
	mostCaptures  = 1000 // the latest, of which it is judged
	deviations    = 3    // of the error rate above the bound: many, as it is looked at after each capture
)

// guard counts which of the challenger's latest captures failed, and says when they are more than the plan allows, by more
// than chance. It is safe for concurrent use.
type guard struct {
	mu       sync.Mutex
	split    string // its id; "": none
	limit    float64
	outcomes []bool // a ring: true is a failure
	next     int
	failed   int
	over     bool
}

// watch judges a split by its bound from now on; another split begins without failures.
func (g *guard) watch(split string, limit float64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if split != g.split {
		g.outcomes, g.next, g.failed, g.over = g.outcomes[:0], 0, 0, false
	}
	g.split, g.limit = split, limit
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
	if g.over || g.limit <= 0 || n < leastCaptures || leastRate(g.failed, n) <= g.limit {
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

// leastRate is the lower end of Wilson's interval: the least rate of failures with which so many of n are not surprising.
func leastRate(failed, n int) float64 {
	p, size := float64(failed)/float64(n), float64(n)
	z2 := float64(deviations * deviations)
	middle := p + z2/(2*size)
	half := deviations * math.Sqrt(p*(1-p)/size+z2/(4*size*size))
	return (middle - half) / (1 + z2/size)
}
