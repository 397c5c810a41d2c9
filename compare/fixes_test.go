package compare

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"foxhunt/messages"
)

// traffic makes fixes of two arms: the sessions of the captures are shared between them at random, and those of the
// challenger are the champion's, changed.
type traffic struct {
	seed     uint64
	sessions int
	size     func(*rand.Rand) int
	share    float64 // percent
	between  float64 // standard deviation of the sessions' effects on logarithms
	change   func(*messages.Fix, *rand.Rand)
	alone    bool // captures have no session
}

var began = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

const experiment = "trial1"

// each calls yield with every fix.
func (t traffic) each(yield func(*messages.Fix)) {
	r := rand.New(rand.NewPCG(t.seed, 1))
	n := 0
	for s := range t.sessions {
		challenged := 100*r.Float64() < t.share
		effect := t.between * r.NormFloat64()
		for range t.size(r) {
			fix := newFix(r, fmt.Sprintf("capture-%d-%d", t.seed, n), effect)
			n++
			if fix.Timestamp += messages.Instant(n) * 1e6; !t.alone {
				fix.Session = fmt.Sprintf("session-%d-%d", t.seed, s)
			}
			if challenged {
				fix.Arm, fix.Model = messages.ArmChallenger, messages.Model{Name: "net", Version: "2", Digest: digest('b')}
				if t.change != nil {
					t.change(fix, r)
				}
			}
			yield(fix)
		}
	}
}

func digest(c byte) string {
	d := make([]byte, 64)
	for i := range d {
		d[i] = c
	}
	return string(d)
}

// newFix is a champion's fix with a true ellipse: the error is normal with the covariance stated.
func newFix(r *rand.Rand, id string, effect float64) *messages.Fix {
	spread := 500 * math.Exp(0.5*effect+0.3*r.NormFloat64()) // standard deviation, m
	x, y := r.NormFloat64(), r.NormFloat64()
	k := math.Sqrt(-2 * math.Log(0.05))
	return &messages.Fix{
		Version: messages.FixVersion, CaptureID: id, Network: "net", Source: "st", Arm: messages.ArmChampion, Experiment: experiment,
		Model:      messages.Model{Name: "grid", Version: "1", Digest: digest('a')},
		Inference:  10 * math.Exp(0.3*effect+0.4*r.NormFloat64()),
		Confidence: min(max(0.9+0.02*effect+0.02*r.NormFloat64(), 0), 1),
		Uncertainty: messages.Uncertainty{SigmaX: spread, SigmaY: spread, ConfidenceInterval: 0.95,
			SemiMajor: k * spread, SemiMinor: k * spread, Area: math.Pi * k * k * spread * spread},
		Truth:     &messages.FixTruth{Latitude: 45, Longitude: 8, Error: spread * math.Hypot(x, y), D2: x*x + y*y},
		Timestamp: messages.InstantOf(began),
	}
}

// collect gives a collector all of the traffic.
func (t traffic) collect(o Options) *Collector {
	if o.A == "" {
		o.A, o.B, o.Experiment, o.Share = messages.ArmChampion, messages.ArmChallenger, experiment, t.share
	}
	c := New(o)
	t.each(func(fix *messages.Fix) { c.Add(fix, false) })
	return c
}

func report(t testing.TB, c *Collector) *Report {
	t.Helper()
	r, err := c.Report()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func find(t testing.TB, r *Report, name string) *Comparison {
	t.Helper()
	for i := range r.Measures {
		if r.Measures[i].Name == name {
			return &r.Measures[i]
		}
	}
	t.Fatalf("the report has no %s", name)
	return nil
}

func warned(r *Report, code string) bool {
	for _, w := range r.Warnings {
		if w.Code == code {
			return true
		}
	}
	return false
}

func tens(r *rand.Rand) int { return 1 + r.IntN(19) }

// larger makes the challenger's errors and ellipses larger by a factor.
func larger(factor float64) func(*messages.Fix, *rand.Rand) {
	return func(fix *messages.Fix, _ *rand.Rand) {
		u := &fix.Uncertainty
		u.SemiMajor, u.SemiMinor, u.Area = u.SemiMajor*factor, u.SemiMinor*factor, u.Area*factor*factor
		fix.Truth.Error *= factor
	}
}
