package serving

import (
	"math"
	"math/rand/v2"
	"testing"
)

// feed gives a guard so many captures, of which the failing share fails, and says after how many it stopped the split; 0: never.
func feed(g *guard, captures int, failing float64, seed uint64) int {
	random := rand.New(rand.NewPCG(seed, 1))
	for i := range captures {
		if _, stop := g.add(random.Float64() < failing); stop {
			return i + 1
		}
	}
	return 0
}

// TestGuardStopsWhatFails: the worse it is the sooner.
func TestGuardStopsWhatFails(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		failing     float64
		least, most int
	}{{1, 5, 5}, {0.5, 5, 60}, {0.15, 20, 1000}} {
		g := &guard{}
		g.watch("one", "a", 0.05)
		after := feed(g, 5000, c.failing, 1)
		if after < c.least || after > c.most {
			t.Errorf("with %.0f %% failing it was stopped after %d captures; want %d to %d", 100*c.failing, after, c.least, c.most)
		}
	}
}

// TestGuardLeavesWhatServes: with failures at the very bound, of 500 workers hardly one stops its split in 10,000 captures,
// which would stop it for its whole fleet.
func TestGuardLeavesWhatServes(t *testing.T) {
	t.Parallel()
	for _, limit := range []float64{0.01, 0.05, 0.2} {
		stopped := 0
		for seed := range uint64(500) {
			g := &guard{}
			g.watch("one", "a", limit)
			if feed(g, 10_000, limit, seed) > 0 {
				stopped++
			}
		}
		t.Logf("bound %g %%: %d of 500 workers stopped a challenger that fails on so many", 100*limit, stopped)
		if stopped > 3 {
			t.Errorf("bound %g %%: %d of 500 workers stopped a challenger that fails on so many", 100*limit, stopped)
		}
	}
}

// TestGuardSeesLateTrouble: a challenger that went well for long is judged by its latest captures.
func TestGuardSeesLateTrouble(t *testing.T) {
	t.Parallel()
	g := &guard{}
	g.watch("one", "a", 0.05)
	if after := feed(g, 50_000, 0.01, 7); after != 0 {
		t.Fatalf("stopped after %d good captures", after)
	}
	if after := feed(g, 1000, 0.5, 8); after == 0 || after > 300 {
		t.Errorf("half of the captures fail, and it was stopped after %d of them", after)
	}
}

// TestGuardSaysItOnce, and anew for another split; without a bound, or without a split, never.
func TestGuardSaysItOnce(t *testing.T) {
	t.Parallel()
	g := &guard{}
	if feed(g, 100, 1, 1) != 0 {
		t.Error("stopped where there is no split")
	}
	g.watch("one", "a", 0.05)
	v := verdict{}
	for range 5 {
		v, _ = g.add(true)
	}
	if v != (verdict{"one", 5, 5, 0.05}) {
		t.Errorf("the verdict is %+v", v)
	}
	g.watch("one", "a", 0.05) // the plan was read again
	if feed(g, 100, 1, 1) != 0 {
		t.Error("stopped twice")
	}
	g.watch("two", "a", 0.05)
	if feed(g, 100, 1, 1) == 0 {
		t.Error("another split goes on in spite of its errors")
	}
	g.watch("two", "b", 0.05)
	if g.failed != 0 || feed(g, 100, 1, 1) == 0 {
		t.Error("another model in the split has the failures of the one before, or none")
	}
	g.watch("three", "a", 0)
	if feed(g, 100, 1, 1) != 0 {
		t.Error("stopped without a bound")
	}
}

// TestTail has the sums of the exact terms, in fractions.
func TestTail(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		failed, n int
		p, want   float64
	}{{5, 5, 0.05, 3.125e-07}, {4, 5, 0.05, 3e-05}, {29, 1000, 0.01, 6.397216546e-07}, {86, 1000, 0.05, 1.185685332e-06}, {700, 1000, 0.5, 8.832839004e-38}, {1000, 1000, 0.9, 1.747871252e-46}, {50, 1000, 0.05, 1}, {0, 1, 0.05, 1}, {20, 20, 1, 1}} {
		if got := tail(c.failed, c.n, c.p); math.Abs(got-c.want) > 1e-6*c.want {
			t.Errorf("%d of %d at %g: %g; want %g", c.failed, c.n, c.p, got, c.want)
		}
	}
}
