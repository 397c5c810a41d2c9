package compare

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// population draws fixes: a session has an effect of its own, of standard deviation between, and a fix one of deviation within.
type population struct {
	sessions        int
	size            func(r *rand.Rand) int
	between, within float64
	shift           float64
}

func alone(*rand.Rand) int { return 1 }

// skewed: most sessions are short, a few very long.
func skewed(r *rand.Rand) int { return 1 + int(math.Exp(2+1.2*r.NormFloat64())) }

func (p population) draw(r *rand.Rand) (c column) {
	for range p.sessions {
		id, effect := r.Uint64(), p.shift+p.between*r.NormFloat64()
		for range p.size(r) {
			c.x = append(c.x, effect+p.within*r.NormFloat64())
			c.cluster = append(c.cluster, id)
		}
	}
	return c
}

// beyond turns a column into ones where the value is above a threshold.
func beyond(c column, threshold float64) column {
	ones := column{x: make([]float64, len(c.x)), cluster: c.cluster}
	for i, x := range c.x {
		if x > threshold {
			ones.x[i] = 1
		}
	}
	return ones
}

func estimators(between, within float64) map[string]func(column) estimate {
	sd := math.Hypot(between, within)
	at := func(p float64) float64 { return sd * normalQuantile(1-p) }
	return map[string]func(column) estimate{
		"mean":      meanOf,
		"share 50%": func(c column) estimate { return shareOf(beyond(c, at(0.5))) },
		"share 5%":  func(c column) estimate { return shareOf(beyond(c, at(0.05))) },
		"share 1%":  func(c column) estimate { return shareOf(beyond(c, at(0.01))) },
		"median":    func(c column) estimate { return quantileOf(c, 0.5) },
		"p95":       func(c column) estimate { return quantileOf(c, 0.95) },
		"p99":       func(c column) estimate { return quantileOf(c, 0.99) },
	}
}

// TestFalseAlarms: of intervals of 95 % of two equal arms at most one in twenty leaves out that they are equal, whatever is
// estimated, and however sessions differ in what they hear and in length.
func TestFalseAlarms(t *testing.T) {
	const runs = 250
	for name, p := range map[string]population{
		"200 alone":             {sessions: 200, size: alone, within: 1},
		"12 sessions of 40":     {sessions: 12, size: func(*rand.Rand) int { return 40 }, between: 1, within: 0.5},
		"60 sessions of 20":     {sessions: 60, size: func(*rand.Rand) int { return 20 }, between: 1, within: 0.5},
		"60 sessions, skewed":   {sessions: 60, size: skewed, between: 1, within: 0.5},
		"200 sessions, skewed":  {sessions: 200, size: skewed, between: 1, within: 1},
		"60 skewed, no effects": {sessions: 60, size: skewed, within: 1},
	} {
		for what, estimator := range estimators(p.between, p.within) {
			t.Run(fmt.Sprintf("%s/%s", name, what), func(t *testing.T) {
				t.Parallel()
				r := rand.New(rand.NewPCG(11, uint64(len(name)+31*len(what))))
				alarms, told := 0, 0
				for range runs {
					d := newDifference(estimator(p.draw(r)), estimator(p.draw(r)), false)
					if !d.enough() {
						continue
					}
					told++
					low, high := d.interval(0.95)
					if low > 0 || high < 0 {
						alarms++
					}
				}
				t.Logf("%s: %d of %d", t.Name(), alarms, told)
				if n := float64(told); told < 50 || float64(alarms) > n*0.05+3*math.Sqrt(n*0.05*0.95) {
					t.Errorf("%d false alarms in %d, of %d", alarms, told, runs)
				}
			})
		}
	}
}
