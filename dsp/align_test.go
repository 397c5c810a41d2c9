package dsp

import (
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

func ramp(n int, rate float64, start int64) Signal {
	s := Signal{Re: make([]float32, n), Im: make([]float32, n), SampleRate: rate, StartTime: start}
	for j := range n {
		s.Re[j] = float32(j)
	}
	return s
}

func TestAlignCutsEqualRatesWithoutCopying(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 200 {
		rate := 1000 + 1e6*rng.Float64()
		in := []Signal{ramp(500, rate, testEpoch), ramp(600, rate, testEpoch), ramp(400, rate, testEpoch)}
		for i := range in {
			in[i].StartTime += int64(rng.Float64() * 200 / rate * 1e9)
		}
		g, err := NewAligner().Align(in)
		if err != nil {
			t.Fatal(err)
		}
		for i := range in {
			cut := int(g.Re[i][0])
			if &g.Re[i][0] != &in[i].Re[cut] || len(g.Re[i]) != g.Samples() || len(g.Im[i]) != g.Samples() {
				t.Fatalf("receiver %d was copied or has %d samples of %d", i, len(g.Re[i]), g.Samples())
			}
			at := float64(in[i].StartTime-g.StartTime) + float64(cut)/rate*1e9
			if d := at - g.Offset[i]*1e9; math.Abs(d) > 1e-3 || math.Abs(g.Offset[i]*rate) > 0.501 {
				t.Fatalf("receiver %d: offset %g ns, its first sample is %g ns after the grid's start", i, g.Offset[i]*1e9, at)
			}
		}
	}
}

func TestAlignTakesTheLowestRateAndTheCommonSpan(t *testing.T) {
	in := []Signal{ramp(5000, 48000, testEpoch), ramp(1200, 12000, testEpoch+10_000_000)}
	g, err := NewAligner().Align(in)
	if err != nil {
		t.Fatal(err)
	}
	if g.SampleRate != 12000 || g.StartTime < in[1].StartTime || g.StartTime > in[1].StartTime+100_000 {
		t.Fatalf("grid of %g Hz at %d", g.SampleRate, g.StartTime-testEpoch)
	}
	if want := 1125; g.Samples() < want-40 || g.Samples() > want { // 93.75 ms in common, less the kernel
		t.Fatalf("%d samples, want a little below %d", g.Samples(), want)
	}
	// Resampled, a ramp in time stays one: its value at the grid's first sample is that time.
	want := float64(g.StartTime-testEpoch) * 48000 / 1e9
	if got := float64(g.Re[0][0]); math.Abs(got-want) > 0.5 || g.Offset[0] != 0 {
		t.Fatalf("resampled receiver starts at input sample %g, want %g (offset %g)", got, want, g.Offset[0])
	}
}

func TestAlignKeepsRatesThatHardlyDrift(t *testing.T) {
	in := []Signal{ramp(5000, 12000, testEpoch), ramp(5000, 12000*(1+1e-7), testEpoch)}
	g, err := NewAligner().Align(in)
	if err != nil {
		t.Fatal(err)
	}
	if &g.Re[1][0] != &in[1].Re[0] {
		t.Fatal("a drift of half a thousandth of a sample was resampled")
	}
}

func TestAlignRefuses(t *testing.T) {
	short := ramp(500, 12000, testEpoch)
	short.Im = short.Im[:499]
	for _, c := range []struct {
		name, code, says string
		in               []Signal
	}{
		{"nothing", "bad_shape", "no receivers", nil},
		{"unequal parts", "bad_shape", "rx[0]", []Signal{short}},
		{"zero rate", "bad_rate", "rx[1].rate is 0", []Signal{ramp(500, 12000, 0), ramp(500, 0, 0)}},
		{"NaN rate", "bad_rate", "rx[0].rate is NaN", []Signal{ramp(500, math.NaN(), 0)}},
		{"rates too far apart", "bad_rate", "rx[0].rate is 1 and rx[1].rate is 1e+07", []Signal{ramp(500, 1, 0), ramp(500, 1e7, 0)}},
		{"apart", "no_overlap", "rx[0] ends", []Signal{ramp(500, 12000, testEpoch), ramp(500, 12000, testEpoch+1e9)}},
		{"ends of time", "no_overlap", "rx[1] ends", []Signal{ramp(500, 12000, math.MaxInt64), ramp(500, 12000, math.MinInt64)}},
		{"hardly together", "too_short", "rx[1] begins", []Signal{ramp(500, 12000, testEpoch), ramp(500, 12000, testEpoch+40_000_000)}},
		{"no samples", "too_short", "rx[0]", []Signal{ramp(0, 12000, testEpoch)}},
		{"few samples", "too_short", "rx[0]", []Signal{ramp(20, 12000, testEpoch)}},
	} {
		_, err := NewAligner().Align(c.in)
		var refusal *Error
		if !errors.As(err, &refusal) || refusal.Code != c.code || !strings.Contains(refusal.Reason, c.says) {
			t.Errorf("%s: %v, want %s with %q", c.name, err, c.code, c.says)
		}
	}
}

// TestAlignStaysWithinTheSamples tries rates that are thousands of times apart: a thousandth of the grid's sample,
// which the span may be off by, is many of the fast receiver's.
func TestAlignStaysWithinTheSamples(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	for range 100 {
		ratio := math.Exp(rng.Float64() * math.Log(2e3))
		slow := 40 + rng.IntN(40)
		fast := int(ratio * (float64(slow) + 30*rng.Float64()))
		in := []Signal{ramp(slow, 1000, testEpoch+int64(rng.IntN(20e6))), ramp(fast, 1000*ratio, testEpoch)}
		if _, err := NewAligner().Align(in); err != nil {
			var refused *Error
			if !errors.As(err, &refused) || refused.Code != "too_short" && refused.Code != "no_overlap" {
				t.Fatalf("ratio %g: %v", ratio, err)
			}
		}
	}
	g, err := NewAligner().Align([]Signal{ramp(80, 1000, testEpoch), ramp(400_000, 5e6, testEpoch)})
	if err != nil || g.Samples() < 50 {
		t.Fatalf("%v, %d samples; want more than 50", err, g.Samples())
	}
}

func TestAlignAllocatesNothingOnceWarm(t *testing.T) {
	a := NewAligner()
	in := []Signal{ramp(5000, 12001.03, testEpoch), ramp(5000, 12001.2, testEpoch+777), ramp(20000, 48000, testEpoch)}
	if n := testing.AllocsPerRun(5, func() {
		if _, err := a.Align(in); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Fatalf("%g allocations a run", n)
	}
}
