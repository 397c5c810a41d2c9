package compare

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"foxhunt/messages"
)

// TestSampleIsBounded: of many captures the same ones stay whatever their order, and they are like the others.
func TestSampleIsBounded(t *testing.T) {
	t.Parallel()
	kind := traffic{seed: 4, sessions: 1500, size: tens, share: 20, between: 0.5, change: larger(0.8)}
	var fixes []*messages.Fix
	kind.each(func(fix *messages.Fix) { fixes = append(fixes, fix) })
	o := Options{A: messages.ArmChampion, B: messages.ArmChallenger, Experiment: experiment, Share: 20, sample: 2000}
	in := New(o)
	for _, fix := range fixes {
		in.Add(fix, false)
	}
	r := rand.New(rand.NewPCG(1, 1))
	r.Shuffle(len(fixes), func(i, j int) { fixes[i], fixes[j] = fixes[j], fixes[i] })
	shuffled := New(o)
	for _, fix := range fixes {
		shuffled.Add(fix, false)
		shuffled.Add(fix, false) // again, as after a redelivery
	}
	a, b := report(t, in), report(t, shuffled)
	if a.A.Sampled != 2000 || a.A.Fixes < 8000 || 2*a.A.Fixes != b.A.Fixes || !warned(a, WarnSampled) || warned(a, WarnDuplicates) || !warned(b, WarnDuplicates) {
		t.Errorf("the arms are %+v and %+v, warnings %+v and %+v", a.A, b.A, a.Warnings, b.Warnings)
	}
	if a.Split.Mismatch || a.Split.P == nil {
		t.Errorf("the split of a sample is %+v", a.Split)
	}
	if !reflect.DeepEqual(find(t, a, "error_p90"), find(t, b, "error_p90")) {
		t.Error("the order of the fixes matters")
	}
	if c := find(t, a, "error_m"); c.Verdict != Better || *c.Low > -20 || *c.High < -20 {
		t.Errorf("errors of 20 %% less are %+v", c)
	}
}

func TestArmsOfFixes(t *testing.T) {
	for name, c := range map[string]struct {
		fix    messages.Fix
		shadow bool
		want   string
	}{
		"an old program's":        {messages.Fix{}, false, messages.ArmChampion},
		"a challenger's":          {messages.Fix{Arm: messages.ArmChallenger}, false, messages.ArmChallenger},
		"in place of one":         {messages.Fix{Arm: messages.ArmChampion, Fallback: &messages.Fallback{}}, false, messages.ArmChallenger},
		"on a shadow's subject":   {messages.Fix{Arm: messages.ArmChampion}, true, messages.ArmShadow},
		"a shadow's on another":   {messages.Fix{Arm: messages.ArmShadow}, false, ""},
		"of an arm of the future": {messages.Fix{Arm: "judge"}, false, "judge"},
	} {
		if got := armOf(&c.fix, c.shadow); got != c.want {
			t.Errorf("a fix %s is of arm %q; want %q", name, got, c.want)
		}
	}
}

func TestVersionsAndStrangers(t *testing.T) {
	kind := traffic{seed: 2, sessions: 60, size: tens, share: 50}
	c := kind.collect(Options{})
	r := rand.New(rand.NewPCG(1, 1))
	for i := range 40 { // of other models, another experiment, no arm, and captures that found no challenger
		fix := newFix(r, fmt.Sprint("other-", i), 0)
		switch {
		case i < 20:
			fix.Arm, fix.Model.Digest, fix.Model.Name = messages.ArmChallenger, digest(byte('a'+i)), "\x1b[2J"
		case i < 25:
			fix.Experiment = "another"
		case i < 30:
			fix.Fallback = &messages.Fallback{Code: notLoaded}
		default:
			fix.Arm = "judge"
		}
		c.Add(fix, false)
	}
	for i := range 50 {
		c.Dead(fmt.Sprint("reason-", i))
	}
	report := report(t, c)
	if len(report.B.Others) != mostVersions+1 || report.B.Failures[notLoaded] != 5 || !warned(report, WarnUnasked) || report.A.Fixes == 0 || report.B.Model.Name != "net" {
		t.Errorf("the challenger is %+v", report.B)
	}
	if !warned(report, WarnVersions) || !warned(report, WarnElsewhere) || c.foreign != 10 || c.elsewhere != 5 {
		t.Errorf("warnings %+v, %d foreign, %d elsewhere", report.Warnings, c.foreign, c.elsewhere)
	}
	if total(report.DeadLetters) != 50 || len(report.DeadLetters) > mostCodes+1 {
		t.Errorf("dead letters %v", report.DeadLetters)
	}
	var out strings.Builder
	if err := report.WriteTable(&out); err != nil || strings.Contains(out.String(), "\x1b") || !strings.Contains(out.String(), "50 dead letters") {
		t.Errorf("the table reads %q, %v", out.String(), err)
	}
}

func TestNoFixes(t *testing.T) {
	var none *NoFixes
	c := New(Options{A: messages.ArmChampion, B: messages.ArmChallenger, DigestB: digest('z')})
	if _, err := c.Report(); !errors.As(err, &none) || none.Arm != messages.ArmChampion {
		t.Errorf("without fixes: %v", err)
	}
	traffic{seed: 1, sessions: 30, size: tens, share: 50}.each(func(fix *messages.Fix) { c.Add(fix, false) })
	if _, err := c.Report(); !errors.As(err, &none) || !strings.Contains(err.Error(), "challenger with digest zzzzzzzzzzzz") {
		t.Errorf("without fixes of the model asked for: %v", err)
	}
	unasked := New(Options{A: messages.ArmChampion, B: messages.ArmChallenger})
	for i := range 4 {
		fix := newFix(rand.New(rand.NewPCG(1, 1)), fmt.Sprint(i), 0)
		if i%2 == 0 {
			fix.Fallback = &messages.Fallback{Code: notLoaded}
		}
		unasked.Add(fix, false)
	}
	if _, err := unasked.Report(); !errors.As(err, &none) || !strings.Contains(err.Error(), "not loaded the challenger; 2 captures") {
		t.Errorf("of a challenger that nobody loaded: %v", err)
	}
	pair := New(Options{A: messages.ArmChampion, B: messages.ArmShadow})
	r := rand.New(rand.NewPCG(1, 1))
	pair.Add(newFix(r, "one", 0), false)
	pair.Add(newFix(r, "another", 0), true)
	if _, err := pair.Report(); !errors.As(err, &none) || !strings.Contains(err.Error(), "none of the captures") {
		t.Errorf("without a common capture: %v", err)
	}
}

// TestSplitMismatch: sessions that never came back are noticed, as are those that changed arms.
func TestSplitMismatch(t *testing.T) {
	kind := traffic{seed: 8, sessions: 1000, size: tens, share: 50}
	c := New(Options{A: messages.ArmChampion, B: messages.ArmChallenger, Experiment: experiment, Share: 50})
	r := rand.New(rand.NewPCG(3, 3))
	lost := map[string]bool{}
	kind.each(func(fix *messages.Fix) {
		if _, known := lost[fix.Session]; !known {
			lost[fix.Session] = fix.Arm == messages.ArmChallenger && r.IntN(4) == 0
		}
		if !lost[fix.Session] {
			c.Add(fix, false)
		}
	})
	fix := newFix(r, "late", 0)
	fix.Session, fix.Arm, fix.Model.Digest = "session-8-0", messages.ArmChallenger, digest('b')
	other := *fix
	other.CaptureID, other.Arm, other.Model.Digest = "later", messages.ArmChampion, digest('a')
	c.Add(fix, false)
	c.Add(&other, false)
	got := report(t, c)
	if !got.Split.Mismatch || got.Split.InBoth != 1 || !warned(got, WarnMismatch) || !warned(got, WarnInBoth) {
		t.Errorf("the split is %+v, warnings %+v", got.Split, got.Warnings)
	}
	if d := got.Decide(Rule{[]Clause{{Measure: "area_m2", Margin: 50}}}); d.Holds || len(d.Refused) != 1 {
		t.Errorf("a promotion rests on a broken split: %+v", d)
	}
	got.Warn(WarnRunning, "it runs")
	if !warned(got, WarnRunning) {
		t.Error("the caller's warning is not there")
	}
	c = kind.collect(Options{A: messages.ArmChampion, B: messages.ArmChallenger})
	if r := report(t, c); !warned(r, WarnNotRandom) || r.Split.P != nil {
		t.Errorf("arms without an experiment: %+v", r.Split)
	}
}

func TestFewOfEverything(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	c := New(Options{A: messages.ArmChampion, B: messages.ArmChallenger})
	for i := range 8 {
		fix := newFix(r, fmt.Sprint(i), 0)
		if fix.Truth = nil; i%2 == 0 {
			fix.Arm = messages.ArmChallenger
		}
		fix.Timestamp = messages.InstantOf(began.Add(-time.Duration(i) * time.Second))
		c.Add(fix, false)
	}
	report := report(t, c)
	for _, m := range report.Measures {
		if m.Verdict != Unknown || m.Needed != leastClusters || !m.AtLeast || m.P != nil {
			t.Errorf("of four fixes an arm: %+v", m)
		}
		if strings.HasPrefix(m.Name, "error_") {
			t.Errorf("%s without a truth", m.Name)
		}
	}
	if report.Unit != "captures" || !warned(report, WarnNoSessions) || !report.From.Before(report.To) {
		t.Errorf("the report is %+v", report)
	}
	var out strings.Builder
	if err := report.WriteTable(&out); err != nil || !strings.Contains(out.String(), "at least 10 captures an arm") {
		t.Errorf("the table reads %q, %v", out.String(), err)
	}
}

// FuzzReport: whatever numbers fixes have, as far as they are fixes, the report can be written.
func FuzzReport(f *testing.F) {
	f.Add(1.0, 1.0, 0.95, 1.0, 1.0, 1.0, uint8(3))
	f.Add(math.MaxFloat64, math.MaxFloat64, 1e-300, math.MaxFloat64, math.MaxFloat64, 0.0, uint8(1))
	f.Add(0.0, 0.0, 0.999999, 0.0, 0.0, 1.0, uint8(50))
	f.Fuzz(func(t *testing.T, major, minor, interval, latency, distance, confidence float64, every uint8) {
		r := rand.New(rand.NewPCG(1, 1))
		c := New(Options{A: messages.ArmChampion, B: messages.ArmChallenger, Experiment: experiment, Share: 50})
		for i := range 60 {
			fix := newFix(r, fmt.Sprint(i), 0)
			if i%2 == 0 {
				fix.Arm = messages.ArmChallenger
			}
			if i%(int(every)+1) == 0 {
				fix.Uncertainty.SemiMajor, fix.Uncertainty.SemiMinor, fix.Uncertainty.ConfidenceInterval = major, minor, interval
				fix.Inference, fix.Truth.Error, fix.Truth.D2, fix.Confidence = latency, distance, distance, confidence
			}
			if fix.Validate() == nil {
				c.Add(fix, false)
			}
		}
		report, err := c.Report()
		if err != nil {
			return
		}
		if _, err := json.Marshal(report); err != nil {
			t.Error(err)
		}
		rule, _ := ParseRule("error_m better, area_m2 not worse, latency_p50 not worse, inside_95 not worse")
		if _, err := json.Marshal(report.Decide(rule)); err != nil {
			t.Error(err)
		}
		if err := report.WriteTable(io.Discard); err != nil {
			t.Error(err)
		}
	})
}

// TestFailuresAreOfThoseAsked: what the challenger was not given it did not fail on.
func TestFailuresAreOfThoseAsked(t *testing.T) {
	c := New(Options{A: messages.ArmChampion, B: messages.ArmChallenger})
	traffic{seed: 1, sessions: 30, size: tens, share: 50}.each(func(fix *messages.Fix) { c.Add(fix, false) })
	add := func(code string) {
		fix := newFix(rand.New(rand.NewPCG(1, 1)), "again "+code, 0)
		fix.Fallback = &messages.Fallback{Model: messages.Model{Name: "net", Digest: digest('b')}, Code: code}
		c.Add(fix, false)
	}
	add(suspect)
	if r := report(t, c); r.B.Failures[suspect] != 1 || *find(t, r, "errors").B.Value > 0 || warned(r, WarnLeftOut) {
		t.Errorf("a capture that was delivered before: failures %v, errors %+v", r.B.Failures, find(t, r, "errors").B)
	}
	add("bad_output")
	if r := report(t, c); !(*find(t, r, "errors").B.Value > 0) || !warned(r, WarnLeftOut) {
		t.Errorf("a failure: %+v", find(t, r, "errors").B)
	}
}
