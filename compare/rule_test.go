package compare

import (
	"math"
	"strings"
	"testing"
)

func TestParseRule(t *testing.T) {
	for text, want := range map[string]string{
		"error_m better": "error_m better by 0%",
		"error_m better, latency_p95 not worse than 10%, errors not worse": "error_m better by 0%, latency_p95 not worse than 10%, errors not worse than 1 points",
		" inside_95  not worse than 1.5 points ,area_m2 better by 5":       "inside_95 not worse than 1.5 points, area_m2 better by 5%",
		"errors not worse than 0points":                                    "errors not worse than 0 points",
	} {
		r, err := ParseRule(text)
		if err != nil || r.String() != want {
			t.Errorf("%q reads as %q, %v", text, r, err)
		}
	}
	for text, want := range map[string]string{
		"": "empty", "error_m better,": "empty", "error_m": "neither better nor not worse", "error_m worse": "neither",
		"speed better": "no measure", "cache_hits better": "no measure", "\x1b[2J better": `"\x1b[2J"`, "error_m better than 5%": `"than" stands where only "by"`,
		"error_m better by": "margin of error_m", "errors not worse than 5%": "points", "error_m not worse than 5 points": "and %",
		"error_m not worse than NaN": "margin", "error_m not worse than -1": "margin", "error_m not worse than 1e9": "margin",
		"error_m better, error_m not worse": "two clauses", strings.Repeat("x", 2000): "2000 bytes",
		strings.Join(Measures()[:9], " better, ") + " better": "9 clauses",
	} {
		if _, err := ParseRule(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v; want %q", text, err, want)
		}
	}
}

// FuzzParseRule: what is read is written such that it reads the same, and no text upsets the reader.
func FuzzParseRule(f *testing.F) {
	for _, text := range []string{"error_m better, latency_p95 not worse than 10%, errors not worse", "area_m2 better by 5", "errors not worse than .5 points", ",,", "error_m not worse than 0x1p-2%"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := ParseRule(text)
		if err != nil {
			if len(err.Error()) > 1000 || strings.ContainsAny(err.Error(), "\x1b\n") {
				t.Errorf("%q is refused with %q", text, err)
			}
			return
		}
		again, err := ParseRule(r.String())
		if err != nil || again.String() != r.String() || len(r.Clauses) == 0 || len(r.Clauses) > mostClauses {
			t.Errorf("%q reads as %q and that as %q: %v", text, r, again, err)
		}
		for _, c := range r.Clauses {
			if m, err := findMeasure(c.Measure); err != nil || math.IsNaN(c.limit(&m)) {
				t.Errorf("%q has no limit: %v", c, err)
			}
		}
	})
}

func decide(t *testing.T, kind traffic, rule string) Decision {
	t.Helper()
	parsed, err := ParseRule(rule)
	if err != nil {
		t.Fatal(err)
	}
	return report(t, kind.collect(Options{})).Decide(parsed)
}

func text(d Decision) string {
	var out strings.Builder
	d.Write(&out)
	return out.String()
}

func TestDecide(t *testing.T) {
	t.Parallel()
	good := traffic{seed: 9, sessions: 1600, size: tens, share: 50, between: 0.3, change: larger(0.7)}
	if d := decide(t, good, "error_m better, area_m2 better by 20%, latency_p95 not worse than 10%, errors not worse, inside_95 not worse"); !d.Holds || len(d.Clauses) != 5 {
		t.Errorf("a good challenger: %s", text(d))
	}
	d := decide(t, good, "error_m better by 40%, latency_p99 not worse than 0%, far not worse than 2 points")
	if d.Holds || d.Clauses[0].Holds || d.Clauses[1].Holds || !d.Clauses[2].Holds || d.Clauses[0].Needed != 0 {
		t.Fatalf("a rule that asks too much: %s", text(d))
	}
	o := d.Clauses[0]
	if o.Limit > -39.9 || o.Limit < -40.1 || o.Short == nil || math.Abs(*o.High-o.Limit-*o.Short) > 1e-9 || !strings.Contains(o.Sentence, "and fails that by") {
		t.Errorf("the clause that fails: %+v", o)
	}
	var out strings.Builder
	if d.Write(&out); !strings.Contains(out.String(), "it does not hold; intervals of 98.3 %") || !strings.Contains(out.String(), "\n  no  error_m: -2") {
		t.Errorf("the decision reads %s", out.String())
	}
	few := good
	few.sessions = 15
	if d := decide(t, few, "error_m better"); d.Holds || !strings.HasPrefix(d.Clauses[0].Sentence, "not enough to tell: at least 10 sessions") {
		t.Errorf("of few sessions: %+v", d)
	}
	few.sessions = 60
	if d := decide(t, few, "latency_p99 not worse than 20%"); d.Holds || !strings.Contains(d.Clauses[0].Sentence, "any more") || d.Clauses[0].Needed < 50 {
		t.Errorf("a percentile that has no upper end: %+v", d.Clauses)
	}
	if d := new(Report).Decide(Rule{}); d.Holds {
		t.Error("a rule without clauses holds")
	}
	if d := new(Report).Decide(Rule{[]Clause{{Measure: "error_m"}}}); d.Holds || d.Clauses[0].Sentence == "" {
		t.Errorf("a rule about what nobody measured: %+v", d)
	}
}

// TestRuleErrors: where the arms are equal, "better" holds in 2.5 % at most; where the challenger is just as much worse as the
// margin allows, "not worse" does.
func TestRuleErrors(t *testing.T) {
	t.Parallel()
	const runs = 200
	better, notWorse := 0, 0
	for seed := range uint64(runs) {
		kind := traffic{seed: 3000 + seed, sessions: 70, size: tens, share: 50, between: 1}
		if decide(t, kind, "error_m better").Holds {
			better++
		}
		if kind.change = larger(1.1); decide(t, kind, "error_m not worse than 10%").Holds {
			notWorse++
		}
	}
	t.Logf("better %d, not worse %d of %d", better, notWorse, runs)
	if most := runs*0.025 + 3*math.Sqrt(runs*0.025); float64(better) > most || float64(notWorse) > most || better+notWorse == 0 {
		t.Errorf("of %d a wrong better held %d times and a wrong not worse %d; want at most %.0f, and some", runs, better, notWorse, most)
	}
}
