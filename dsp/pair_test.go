package dsp

import (
	"math/rand/v2"
	"runtime"
	"testing"
)

func noiseSignal(rng *rand.Rand, n int, rate float64) Signal {
	s := ramp(n, rate, testEpoch)
	for j := range s.Re {
		s.Re[j], s.Im[j] = float32(rng.NormFloat64()), float32(rng.NormFloat64())
	}
	return s
}

// TestNoiseIsNotCutAgain, and at no lag, however little two frames share there, does it look like a signal.
func TestNoiseIsNotCutAgain(t *testing.T) {
	rng := rand.New(rand.NewPCG(21, 1))
	const receivers, n, rate, reach = 6, 4480, 12000, 90e-3
	in := make([]Signal, receivers)
	for i := range in {
		in[i] = noiseSignal(rng, n, rate)
	}
	g, err := NewAligner().Align(in)
	if err != nil {
		t.Fatal(err)
	}
	c, err := NewCorrelator(DefaultCorrelationConfig())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Analyse(g, reach); err != nil {
		t.Fatal(err)
	}
	var out Correlation
	if err := c.Correlate(sameReach(receivers, reach), &out); err != nil {
		t.Fatal(err)
	}
	if len(c.again) != 0 {
		t.Errorf("%d of %d pairs of noise were cut again", len(c.again), out.Pairs)
	}
	for p := range out.Pairs {
		n := float64(out.TimeBandwidth[p])
		_, rho := peakOf(&out, p)
		if full := float64(out.FullPeak[2*p]); significant(n, rho) || significant(n, full) {
			t.Errorf("pair %d: N rho^2 is %.1f within the window and %.1f anywhere", p, n*rho*rho, n*full*full)
		}
	}
}

// TestOnlyTheStrongestAreCutAgain where all pairs of very many long frames are too many.
func TestOnlyTheStrongestAreCutAgain(t *testing.T) {
	f, err := newFraming(131072, 12000, 12000, 0, PairCount(32))
	if err != nil {
		t.Fatal(err)
	}
	c := &Correlator{framing: f, runs: [][2]int{{0, f.size}}}
	rng := rand.New(rand.NewPCG(22, 1))
	for p := range PairCount(32) {
		c.again = append(c.again, pair{index: p, shift: 9000, energy: float64(rng.IntN(200))})
	}
	g, _ := c.recutFraming(9000)
	each := 2*g.count*g.size + c.lagsSize()
	kept := c.strongest()
	if n := len(kept); n*each > maxRecutWork || (n+1)*each <= maxRecutWork {
		t.Errorf("%d pairs of %d points each are cut again, for %d", n, each, maxRecutWork)
	}
	for i, q := range c.again[1:] { // c.again is in order
		before := c.again[i]
		if q.energy > before.energy || q.energy == before.energy && q.index < before.index {
			t.Fatalf("pair %d of energy %g comes after pair %d of %g", q.index, q.energy, before.index, before.energy)
		}
	}
	if c.again = c.again[:3]; len(c.strongest()) != 3 {
		t.Error("not even three pairs are cut again")
	}
}

// TestAPairThatIsNotCutAgainIsConsistent: what frames far apart do not share lowers rho, and nothing makes up for it.
func TestAPairThatIsNotCutAgainIsConsistent(t *testing.T) {
	rng := rand.New(rand.NewPCG(23, 1))
	const reach, delay = 8e-3, 7e-3
	in := noiseBand(t, rng, 60e3, 0.05, -10e3, 10e3).receiveAll(rng, 0.05, 20e3, 40, 0, delay)
	g, err := NewAligner().Align(in)
	if err != nil {
		t.Fatal(err)
	}
	c, err := NewCorrelator(DefaultCorrelationConfig())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Analyse(g, reach); err != nil {
		t.Fatal(err)
	}
	var out Correlation
	out.size(1, 1, c.cfg.Lags)
	c.correlatePair(pair{b: 1, window: reach + 1/c.band.Bandwidth}, &out)
	shared := interpolateTable(c.tukey.first, delay*60e3/float64(c.framing.length))
	if lag, rho := peakOf(&out, 0); !c.framing.whole || rho < shared-0.03 || rho > shared+0.03 || lag < delay-1e-6 || lag > delay+1e-6 {
		t.Errorf("rho %.3f at %g s, want %.3f at %g s", rho, lag, shared, delay)
	}
	c.cutStrongest(&out)
	if _, rho := peakOf(&out, 0); rho < 0.99 {
		t.Errorf("cut again: rho %.3f, want nearly 1", rho)
	}
}

// TestMemoryIsThatOfOneCapture after captures of few long and of many short recordings, all of one size together.
func TestMemoryIsThatOfOneCapture(t *testing.T) {
	const total = 1 << 17 // samples
	rng := rand.New(rand.NewPCG(24, 1))
	noise := noiseSignal(rng, total/2, 12000)
	a := NewAligner()
	c, err := NewCorrelator(DefaultCorrelationConfig())
	if err != nil {
		t.Fatal(err)
	}
	before := heapInUse()
	for _, receivers := range []int{2, 3, 5, 8, 12, 20, 32} {
		n := total / receivers
		in := make([]Signal, receivers)
		for i := range in {
			in[i] = Signal{Re: noise.Re[:n], Im: noise.Im[:n], SampleRate: 12000 + 10*float64(i%3), StartTime: testEpoch}
		}
		g, err := a.Align(in)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Analyse(g, 0.3*float64(n)/12000); err != nil {
			t.Fatal(err)
		}
	}
	// 8 bytes a sample for the grid, up to 4 times 8 for spectra and 4 times 4 for powers, 12 for levels; plans.
	if each := (heapInUse() - before) / total; each > 100 {
		t.Errorf("%d bytes a sample are kept", each)
	} else {
		t.Logf("%d bytes a sample are kept", each)
	}
	runtime.KeepAlive(a)
	runtime.KeepAlive(c)
}

func heapInUse() int {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

func TestLargePlansAreDropped(t *testing.T) {
	c, err := NewCorrelator(DefaultCorrelationConfig())
	if err != nil {
		t.Fatal(err)
	}
	c.plan(2 * largePlan)
	c.plan(largePlan)
	rng := rand.New(rand.NewPCG(25, 1))
	g, err := NewAligner().Align([]Signal{noiseSignal(rng, 5000, 12000), noiseSignal(rng, 5000, 12000)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Analyse(g, 1e-3); err != nil {
		t.Fatal(err)
	}
	if c.plans[2*largePlan] != nil || c.plans[largePlan] == nil {
		t.Error("want the plan above largePlan dropped and the other kept")
	}
}
