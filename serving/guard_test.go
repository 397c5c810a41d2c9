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

// TestGuardStopsWhatFails: the worse it is the sooner, and not before twenty captures.
func TestGuardStopsWhatFails(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		failing     float64
		least, most int
	}{{1, leastCaptures, leastCaptures}, {0.5, leastCaptures, 60}, {0.15, leastCaptures, 1000}} {
		g := &guard{}
		g.watch("one", 0.05)
		after := feed(g, 5000, c.failing, 1)
		if after < c.least || after > c.most {
			t.Errorf("with %.0f %% failing it was stopped after %d captures; want %d to %d", 100*c.failing, after, c.least, c.most)
		}
	}
}

// TestGuardLeavesWhatServes: with failures at half the bound, hardly any split of a hundred is stopped in 10,000 captures.
func TestGuardLeavesWhatServes(t *testing.T) {
	t.Parallel()
	stopped := 0
	for seed := range uint64(100) {
		g := &guard{}
		g.watch("one", 0.05)
		if feed(g, 10_000, 0.025, seed) > 0 {
			stopped++
		}
	}
	t.Logf("%d of 100 splits with half the allowed errors were stopped", stopped)
	if stopped > 5 {
		t.Errorf("%d of 100 splits with half the allowed errors were stopped", stopped)
	}
}

// TestGuardSeesLateTrouble: a challenger that went well for long is judged by its latest captures.
func TestGuardSeesLateTrouble(t *testing.T) {
	t.Parallel()
	g := &guard{}
	g.watch("one", 0.05)
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
	g.watch("one", 0.05)
	v := verdict{}
	for range leastCaptures {
		v, _ = g.add(true)
	}
	if v != (verdict{"one", leastCaptures, leastCaptures, 0.05}) {
		t.Errorf("the verdict is %+v", v)
	}
	g.watch("one", 0.05) // the plan was read again
	if feed(g, 100, 1, 1) != 0 {
		t.Error("stopped twice")
	}
	g.watch("two", 0.05)
	if feed(g, 100, 1, 1) == 0 {
		t.Error("another split goes on in spite of its errors")
	}
	g.watch("three", 0)
	if feed(g, 100, 1, 1) != 0 {
		t.Error("stopped without a bound")
	}
}

// TestLeastRate has Wilson's interval as tables have it, for z = 3.
func TestLeastRate(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		failed, n int
		want      float64
	}{{0, 20, 0}, {20, 20, 20.0 / 29}, {5, 10, 0.1559}, {100, 1000, 0.0751}} {
		if got := leastRate(c.failed, c.n); math.Abs(got-c.want) > 1e-3 {
			t.Errorf("%d of %d: %.4f; want %.4f", c.failed, c.n, got, c.want)
		}
	}
}
