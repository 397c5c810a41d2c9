package compare

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"foxhunt/messages"
)

// TestEqualArms: over all measures of a report, with Holm's correction, hardly one report in twenty may see a difference
// where there is none. Sessions differ strongly, and are of very different length.
func TestEqualArms(t *testing.T) {
	for name, kind := range map[string]traffic{
		"captures alone":      {sessions: 400, size: alone, share: 50, alone: true},
		"long sessions":       {sessions: 80, size: tens, share: 50, between: 1.5},
		"a tenth, skewed":     {sessions: 250, size: skewed, share: 10, between: 1},
		"very few, very long": {sessions: 26, size: func(*rand.Rand) int { return 60 }, share: 50, between: 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const runs = 100
			alarms, judged := 0, 0
			for seed := range uint64(runs) {
				kind := kind
				kind.seed = 1000 + seed
				r := report(t, kind.collect(Options{}))
				if r.Split.Mismatch {
					t.Logf("seed %d: %.1f %% of %d", seed, r.Split.Seen, r.Split.Sessions)
				}
				seen := false
				for _, c := range r.Measures {
					seen = seen || c.Verdict == Better || c.Verdict == Worse || c.Verdict == Different
					if c.P != nil {
						judged++
					}
				}
				if seen {
					alarms++
				}
			}
			t.Logf("%d of %d reports see a difference where there is none; %d differences were judged", alarms, runs, judged)
			if most := runs*Alpha + 3*math.Sqrt(runs*Alpha*(1-Alpha)); float64(alarms) > most || judged < runs {
				t.Errorf("%d of %d reports see a difference where there is none, of %d judged; want at most %.0f", alarms, runs, judged, most)
			}
		})
	}
}

// TestPower: what the command promises: with as many sessions as it says are needed, a difference that is worth telling is
// found with the power stated.
func TestPower(t *testing.T) {
	t.Parallel()
	small := traffic{seed: 5, sessions: 60, size: tens, share: 50, between: 1}
	c := find(t, report(t, small.collect(Options{})), "error_m")
	if c.Verdict != Unknown || c.Needed < 50 || c.AtLeast || c.AtPower != power {
		t.Fatalf("of 30 sessions an arm the verdict is %+v", c)
	}
	const runs = 40
	found := 0
	for seed := range uint64(runs) {
		whole := traffic{seed: 100 + seed, sessions: 2 * c.Needed, size: tens, share: 50, between: 1, change: larger(1.1)}
		if r := report(t, whole.collect(Options{})); find(t, r, "error_m").Verdict == Worse {
			found++
		}
	}
	t.Logf("%d sessions an arm are said to be needed, and find the difference in %d of %d", c.Needed, found, runs)
	if least := runs*power - 3*math.Sqrt(runs*power*(1-power)); float64(found) < least {
		t.Errorf("the difference was found in %d of %d; want %.0f", found, runs, least)
	}
}

func TestDifferencesAreFound(t *testing.T) {
	t.Parallel()
	kind := traffic{seed: 3, sessions: 600, size: tens, share: 30, between: 0.5, change: func(fix *messages.Fix, r *rand.Rand) {
		larger(0.7)(fix, r)
		fix.Truth.D2 *= 2 // the ellipse is too small by the square root of 2
		fix.Inference *= 1.5
		fix.CacheHit = r.IntN(10) == 0
		if r.IntN(20) == 0 {
			fix.Fallback = &messages.Fallback{Model: fix.Model, Code: "bad_output", Sentence: "NaN"}
			fix.Model = messages.Model{Name: "grid", Version: "1", Digest: digest('a')}
			fix.Truth, fix.Inference = &messages.FixTruth{Error: 1e6, D2: 1e6}, 1e5 // which are the champion's, and must not count
		}
	}}
	r := report(t, kind.collect(Options{}))
	for name, want := range map[string]struct {
		verdict   string
		low, high float64 // that the true change is within
	}{
		"error_m": {Better, -34, -26}, "error_p90": {Better, -36, -24}, "area_m2": {Better, -58, -43}, "latency_p95": {Worse, 30, 70}, "latency_p50": {Worse, 40, 60},
		"errors": {Worse, 3, 7}, "cache_hits": {Different, 8, 12}, "inside_95": {Worse, -25, -12},
	} {
		c := find(t, r, name)
		if c.Verdict != want.verdict || !(*c.Change > want.low && *c.Change < want.high) || !(*c.Low <= *c.Change && *c.Change <= *c.High) {
			t.Errorf("%s is %s by %.3g (%.3g to %.3g, p %.2g); want %+v", name, c.Verdict, *c.Change, *c.Low, *c.High, *c.P, want)
		}
	}
	if r.Split.Mismatch || r.Split.InBoth != 0 || math.Abs(r.Split.Seen-30) > 6 || r.Unit != "sessions" || r.A.Fixes+r.B.Fixes < 5000 {
		t.Errorf("the split is %+v of %s", r.Split, r.Unit)
	}
	if total(r.B.Failures) < 50 || r.B.Failures["bad_output"] != total(r.B.Failures) || !warned(r, WarnLeftOut) {
		t.Errorf("failures %v, warnings %+v", r.B.Failures, r.Warnings)
	}
	var out strings.Builder
	if err := r.WriteTable(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"MEASURE ", "CHAMPION ", "CHALLENGER ", "error_m ", "better, p < 0.0001", "95 % ellipses: the champion's hold 9", "they are too small", "bad_output"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the table lacks %q:\n%s", want, out.String())
		}
	}
	b, err := json.Marshal(r)
	if err != nil || !strings.Contains(string(b), `"measures":[{"name":"errors"`) {
		t.Errorf("%s: %v", b, err)
	}
}

// TestPairs: a shadow that answers the same captures needs far fewer of them, as what the captures differ in falls out.
func TestPairs(t *testing.T) {
	t.Parallel()
	o := Options{A: messages.ArmChampion, B: messages.ArmShadow}
	pairs := func(seed uint64, factor float64) *Report {
		c := New(o)
		r := rand.New(rand.NewPCG(seed, 2))
		traffic{seed: seed, sessions: 60, size: tens, between: 1.5}.each(func(fix *messages.Fix) {
			c.Add(fix, false)
			if r.IntN(3) == 0 {
				return
			}
			shadow := *fix
			truth := *fix.Truth
			shadow.Arm, shadow.Truth, shadow.Model = messages.ArmShadow, &truth, messages.Model{Name: "net", Digest: digest('c')}
			larger(factor*math.Exp(0.1*r.NormFloat64()))(&shadow, r)
			c.Add(&shadow, true)
		})
		return report(t, c)
	}
	r := pairs(1, 1.05)
	if c := find(t, r, "error_m"); c.Verdict != Worse || *c.Low < 2 || *c.High > 8 || c.A.Fixes != c.B.Fixes || c.A.Fixes != r.B.Sampled {
		t.Errorf("errors of 5 %% more are %+v", c)
	}
	if c := find(t, r, "latency_p95"); c.Verdict != NotJudged || c.P != nil {
		t.Errorf("a shadow's latency is judged: %+v", c)
	}
	if !r.Paired || r.Split != nil || r.A.Fixes <= r.B.Fixes || r.A.Sampled != r.B.Sampled {
		t.Errorf("the arms are %+v and %+v", r.A, r.B)
	}
	const runs = 60
	alarms := 0
	for seed := range uint64(runs) {
		for _, c := range pairs(50+seed, 1).Measures {
			if c.Verdict == Better || c.Verdict == Worse || c.Verdict == Different {
				t.Logf("seed %d: %s is %s by %.3g", seed, c.Name, c.Verdict, *c.Change)
				alarms++
				break
			}
		}
	}
	if most := runs*Alpha + 3*math.Sqrt(runs*Alpha*(1-Alpha)); float64(alarms) > most {
		t.Errorf("%d of %d reports see a difference where there is none; want at most %.0f", alarms, runs, most)
	}
}
