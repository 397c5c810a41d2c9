package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"foxhunt/compare"
	"foxhunt/jetstream"
	"foxhunt/messages"
	"foxhunt/rollout"
	"foxhunt/worker"
)

// onTrial is a plan in which one model challenges another, and another is its shadow.
func (h *house) onTrial(t *testing.T, span time.Duration) (store *rollout.Store, plan rollout.Plan) {
	t.Helper()
	store = rollout.NewStore(h.conn.RolloutEntry(jetstream.DefaultTopology()))
	began := rollout.NewChange(time.Now().Add(-time.Hour), "somebody", "a trial")
	plan, err := store.Update(t.Context(), func(p *rollout.Plan) error {
		if err := p.Promote(rollout.Arm{Model: "nats:net@1", Digest: strings.Repeat("a", 64)}, began); err != nil {
			return err
		}
		if err := p.StartShadow(rollout.Arm{Model: "nats:net@3", Digest: strings.Repeat("c", 64)}, 100, began.At, 0, began); err != nil {
			return err
		}
		err := p.StartSplit(rollout.Arm{Model: "nats:net@2", Digest: strings.Repeat("b", 64)}, rollout.SplitOptions{Share: 40, Since: began.At, For: span}, began)
		if err == nil {
			p.Challenger.ID = "trial" // so that the same sessions are the challenger's in every run
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return store, plan
}

// answer publishes the fixes of many sessions as workers that follow the plan would: the challenger's errors are the
// champion's times better, the shadow's times worse.
func (h *house) answer(t *testing.T, plan *rollout.Plan, sessions int, better, worse float64) {
	t.Helper()
	r := rand.New(rand.NewPCG(11, 11))
	for s := range sessions {
		session := fmt.Sprintf("s%d", s)
		effect := 0.5 * r.NormFloat64()
		for range 1 + r.IntN(6) {
			id := messages.NewCaptureID()
			fix := armFix(r, id, session, plan.Challenger.ID, effect)
			shadow := armFix(r, id, session, plan.Challenger.ID, effect)
			if plan.Challenged(session, id, time.Now()) {
				fix.Arm, fix.Model = messages.ArmChallenger, messages.Model{Name: "net", Version: "2", Digest: plan.Challenger.Digest}
				fix.Truth.Error *= better
			} else {
				shadow.Truth.Error = worse * fix.Truth.Error * math.Exp(0.1*r.NormFloat64())
				shadow.Arm, shadow.Model = messages.ArmShadow, messages.Model{Name: "net", Version: "3", Digest: plan.Shadow.Digest}
				h.publishFix(t, "fixes.shadow.net.st", shadow)
			}
			h.publishFix(t, "fixes.net.st", fix)
		}
	}
}

func armFix(r *rand.Rand, id, session, experiment string, effect float64) *messages.Fix {
	spread := 300 * math.Exp(effect)
	x, y := r.NormFloat64(), r.NormFloat64()
	k := math.Sqrt(-2 * math.Log(0.05))
	return &messages.Fix{
		Version: messages.FixVersion, CaptureID: id, Session: session, Network: "net", Source: "st", Arm: messages.ArmChampion, Experiment: experiment,
		Model:     messages.Model{Name: "net", Version: "1", Digest: strings.Repeat("a", 64)},
		Inference: 10 * math.Exp(0.2*r.NormFloat64()), Confidence: 0.9, Timestamp: messages.InstantOf(time.Now()),
		Uncertainty: messages.Uncertainty{SigmaX: spread, SigmaY: spread, ConfidenceInterval: 0.95, SemiMajor: k * spread, SemiMinor: k * spread, Area: math.Pi * k * k * spread * spread},
		Truth:       &messages.FixTruth{Latitude: 45, Longitude: 8, Error: spread * math.Hypot(x, y), D2: x*x + y*y},
	}
}

func (h *house) publishFix(t *testing.T, subject string, fix *messages.Fix) {
	t.Helper()
	body, err := fix.Encode("")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.js.PublishAsync(subject, body); err != nil { // all are awaited before they are read
		t.Fatal(err)
	}
}

// awaitStored waits until the stream has all that was published.
func (h *house) awaitStored(t *testing.T) {
	t.Helper()
	select {
	case <-h.js.PublishAsyncComplete():
	case <-time.After(patience):
		t.Fatal("the fixes were not stored")
	}
}

// compareJSON runs the command and reads its report.
func (h *house) compareJSON(t *testing.T, flags ...string) (result compared, err error) {
	t.Helper()
	h.awaitStored(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	out, err := command(ctx, append([]string{"model", "compare", "--nats", h.server.ClientURL(), "--json"}, flags...)...)
	if out != "" {
		if e := json.Unmarshal([]byte(out), &result); e != nil {
			t.Fatalf("%v: %s", e, out)
		}
	}
	return result, err
}

func measured(t *testing.T, result compared, name string) compare.Comparison {
	t.Helper()
	for _, m := range result.Measures {
		if m.Name == name {
			return m
		}
	}
	t.Fatalf("the report has no %s", name)
	return compare.Comparison{}
}

// TestModelCompare: a challenger that is a third better is found better, and promoted only by a rule that its figures bear.
func TestModelCompare(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	store, plan := h.onTrial(t, 3*time.Hour)
	h.answer(t, &plan, 700, 0.67, 1.3)
	letter := messages.DeadLetter{Subject: "captures.net.st", Reason: "bad_rate", Deliveries: 1, Time: time.Now()}
	if _, err := h.conn.PublishDead(t.Context(), 1, &letter); err != nil {
		t.Fatal(err)
	}

	result, err := h.compareJSON(t)
	if err != nil {
		t.Fatal(err)
	}
	if c := measured(t, result, "error_m"); c.Verdict != compare.Better || *c.Low > -33 || *c.High < -33 || *c.PHolm > 0.001 {
		t.Errorf("a third better is %+v", c)
	}
	if s := result.Split; s.Asked != 40 || s.Mismatch || s.InBoth != 0 || s.Sessions != 700 || result.Unit != "sessions" || result.Paired {
		t.Errorf("the split is %+v of %s", s, result.Unit)
	}
	if result.DeadLetters["bad_rate"] != 1 || result.A.Fixes+result.B.Fixes < 1500 || result.Warnings[len(result.Warnings)-1].Code != compare.WarnRunning {
		t.Errorf("the report is %+v", result.Report)
	}
	table := must(t, "model", "compare", "--nats", h.server.ClientURL(), "--network", "net", "--last", "30m")
	for _, want := range []string{"CHAMPION ", "CHALLENGER ", "error_m ", "better, p < 0.0001", "went to the challenger; 40.0 % were asked for", "1 dead letters, of neither arm (1 bad_rate)", "the experiment has not ended"} {
		if !strings.Contains(table, want) {
			t.Errorf("the table lacks %q:\n%s", want, table)
		}
	}

	result, err = h.compareJSON(t, "--promote-when", "error_m better by 50%, latency_p50 not worse than 20%")
	if exitCode(err) != 1 || result.Decision == nil || result.Decision.Clauses[0].Holds || !result.Decision.Clauses[1].Holds || result.Decision.Clauses[0].Short == nil || result.Promoted != nil {
		t.Fatalf("a rule that the figures do not bear: %v, %+v", err, result.Decision)
	}
	if now, _, err := store.Plan(t.Context()); err != nil || now.Champion.Model != "nats:net@1" {
		t.Fatalf("the plan has %s for champion, %v", now.Champion, err)
	}
	result, err = h.compareJSON(t, "--promote-when", "error_m better by 10%, latency_p50 not worse than 20%", "--by", "a test")
	if err != nil || !result.Decision.Holds || result.Promoted == nil {
		t.Fatalf("a rule that the figures bear: %v, %+v", err, result.Decision)
	}
	now, _, err := store.Plan(t.Context())
	if err != nil || now.Champion.Model != "nats:net@2" || now.Challenger != nil || now.Previous[0].Model != "nats:net@1" {
		t.Fatalf("the plan is %+v, %v", now, err)
	}
	if note := now.Changed.Note; now.Changed.By != "a test" || !strings.Contains(note, "error_m -27.2 %") || !strings.Contains(note, "must stay below -10.0 %") {
		t.Errorf("the note is %q by %s", note, now.Changed.By)
	}
	told := false
	for e, err := range h.conn.Events(t.Context(), jetstream.DefaultTopology(), time.Time{}, false) {
		told = told || err == nil && e.Kind == rollout.EventPromoted && strings.Contains(string(e.Body), "by rule")
	}
	if !told {
		t.Error("no event tells of the promotion")
	}
	if _, err := h.compareJSON(t, "--promote-when", "error_m better"); err == nil || !strings.Contains(err.Error(), "no challenger") {
		t.Errorf("a promotion of what is champion: %v", err)
	}
	result, err = h.compareJSON(t, "--last", "1h", "--experiment", plan.Challenger.ID)
	if err != nil || result.Experiment != plan.Challenger.ID || measured(t, result, "error_m").Verdict != compare.Better {
		t.Errorf("an experiment of the past: %v", err)
	}
	result, err = h.compareJSON(t, "--since", time.Now().Add(-time.Hour).Format(time.RFC3339))
	if err != nil || !result.Warnings[0].Fatal || result.Warnings[0].Code != compare.WarnNotRandom {
		t.Errorf("without an experiment: %v, %+v", err, result.Warnings)
	}
}

func TestModelCompareShadow(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	store, plan := h.onTrial(t, 3*time.Hour)
	h.answer(t, &plan, 120, 1, 0.9)
	result, err := h.compareJSON(t, "--arm-b", "shadow")
	if err != nil {
		t.Fatal(err)
	}
	if c := measured(t, result, "error_m"); !result.Paired || c.Verdict != compare.Better || *c.Low > -10 || *c.High < -10 || c.A.Fixes != c.B.Fixes {
		t.Errorf("a tenth better is %+v", c)
	}
	if result, err = h.compareJSON(t, "--arm-b", "shadow", "--promote-when", "latency_p95 better"); exitCode(err) != 1 || result.Decision.Clauses[0].Holds {
		t.Errorf("a rule about a shadow's time: %v", err)
	}
	if _, err = h.compareJSON(t, "--arm-b", "shadow", "--promote-when", "error_m better", "--wait"); err == nil || !strings.Contains(err.Error(), "no end") {
		t.Errorf("waiting for the end of what has none: %v", err)
	}
	if _, err = h.compareJSON(t, "--arm-b", "shadow", "--promote-when", "error_m better"); err == nil || !strings.Contains(err.Error(), "split_running") {
		t.Errorf("a promotion beside a running split: %v", err)
	}
	change := rollout.NewChange(time.Now(), "somebody", "")
	if _, err := store.Update(t.Context(), func(p *rollout.Plan) error { return p.StopSplit("in the way", change) }); err != nil {
		t.Fatal(err)
	}
	if result, err = h.compareJSON(t, "--arm-b", "shadow", "--promote-when", "error_m better"); err != nil || result.Promoted.Champion.Model != "nats:net@3" {
		t.Errorf("a shadow that is better: %v", err)
	}
}

// TestModelCompareWaits: the rule is held against the figures once, when the experiment is over.
func TestModelCompareWaits(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	_, plan := h.onTrial(t, time.Hour+3*time.Second)
	h.answer(t, &plan, 300, 0.6, 1)
	store := rollout.NewStore(h.conn.RolloutEntry(jetstream.DefaultTopology()))
	c := comparison{plans: plans{conn: h.conn, store: store, topology: jetstream.DefaultTopology(), log: quietLog()}, armA: messages.ArmChampion, armB: messages.ArmChallenger}
	found, err := c.trial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ended, err := c.awaitEnd(t.Context(), found)
	if err != nil || time.Now().Before(plan.Challenger.Until) || ended.id != plan.Challenger.ID {
		t.Errorf("the end was awaited until %v, before %v: %v", time.Now(), plan.Challenger.Until, err)
	}
	h.awaitStored(t)
	report, err := c.read(t.Context(), ended)
	if err != nil || ended.running(time.Now()) || report.B.Fixes == 0 {
		t.Errorf("after the end: %v", err)
	}
	found.id = "another"
	if _, err := c.awaitEnd(t.Context(), found); err == nil || !strings.Contains(err.Error(), "before its time") {
		t.Errorf("an experiment that gave way: %v", err)
	}
}

func TestModelCompareRefuses(t *testing.T) {
	t.Parallel()
	for flags, want := range map[string]string{
		"--arm-a shadow": "arm-a", "--arm-b champion": "arm-b", "--arm-a challenger --arm-b challenger": "arm-b", "--last 1h --since 2026-01-01T00:00:00Z": "one of them",
		"--last -1h": "more than 0", "--network a.b": "network", "--promote-when faster": "promote-when", "--arm-a challenger --arm-b shadow --promote-when error_m#better": "champion for arm-a",
	} {
		args := []string{"model", "compare", "--nats", "nats://127.0.0.1:1"}
		for arg := range strings.FieldsSeq(flags) {
			args = append(args, strings.ReplaceAll(arg, "#", " "))
		}
		if _, err := command(t.Context(), args...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", flags, err, want)
		}
	}
	h := newHouse(t)
	if _, err := h.compareJSON(t); err == nil || !strings.Contains(err.Error(), "--since or --last") {
		t.Errorf("without a plan: %v", err)
	}
	if _, err := h.compareJSON(t, "--since", "yesterday"); err == nil || !strings.Contains(err.Error(), "yesterday") {
		t.Errorf("since yesterday: %v", err)
	}
	h.publish(t, "fixes.net.st", []byte("no fix"))
	_, err := h.compareJSON(t, "--last", "1h")
	var none *compare.NoFixes
	if exitCode(err) != exitPassing || !errors.As(err, &none) {
		t.Errorf("without fixes: %v", err)
	}
}

// TestModelCompareSimulated is what docs/models.md shows: simulated captures that know their truth, shared between two models by
// real workers, here of the same model under two names.
func TestModelCompareSimulated(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.startWorker(t, "--models-dir", t.TempDir(), "--model-cache", "")
	nats, file := h.server.ClientURL(), t.TempDir()+"/grid.onnx"
	must(t, "model", "build", "--out", file)
	must(t, "model", "push", file, "--nats", nats, "--name", "next")
	must(t, "model", "promote", "grid", "--nats", nats)
	must(t, "model", "split", "nats:next", "--nats", nats, "--share", "50", "--for", "1h", "--lead", "0s")

	var result compared
	seed := 0
	answered := func(least int) func() bool {
		return func() (done bool) {
			seed += 100
			must(t, "simulate", "--nats", nats, "--rate", "100", "--count", "8", "--truth", "--seed", fmt.Sprint(seed))
			h.waitUntilEmpty(t)
			var err error
			if result, err = h.compareJSON(t); err != nil && exitCode(err) != exitPassing {
				t.Fatal(err)
			}
			return err == nil && result.A.Truths >= least && result.B.Truths >= least
		}
	}
	waitFor(t, "a challenger that was loaded", answered(1))
	waitFor(t, "fixes of both arms", answered(10))
	if result.A.Truths != result.A.Fixes || result.B.Truths != result.B.Fixes-result.B.Failures[worker.CodeNotLoaded] || result.A.Model.Digest != result.B.Model.Digest {
		t.Errorf("the arms are %+v and %+v", result.A, result.B)
	}
	if c := measured(t, result, "error_p50"); !(*c.A.Value > 50 && *c.A.Value < 5000 && *c.B.Value > 50 && *c.B.Value < 5000) {
		t.Errorf("the errors are %g and %g m", *c.A.Value, *c.B.Value)
	}
	if c := measured(t, result, "inside_95"); *c.A.Value < 60 || *c.B.Value < 60 {
		t.Errorf("of the 95 %% ellipses %g and %g %% hold", *c.A.Value, *c.B.Value)
	}
}

// TestModelComparePromotesWhatWasCompared: a plan that is another one by then, or a reference that meant several models, is left
// alone.
func TestModelComparePromotesWhatWasCompared(t *testing.T) {
	t.Parallel()
	began := rollout.NewChange(time.Now().Add(-time.Hour), "somebody", "")
	for name, c := range map[string]struct {
		meanwhile func(*rollout.Plan, rollout.Change) error
		digest    string
		want      string
	}{
		"nothing else happened": {func(*rollout.Plan, rollout.Change) error { return nil }, "", ""},
		"it was stopped":        {func(p *rollout.Plan, c rollout.Change) error { return p.StopSplit("too slow", c) }, strings.Repeat("b", 64), "too slow"},
		"it was promoted": {func(p *rollout.Plan, c rollout.Change) error { return p.Promote(p.Challenger.Arm, c) }, strings.Repeat("b", 64),
			"the plan was changed"},
		"its reference moved": {func(*rollout.Plan, rollout.Change) error { return nil }, "moved", "came to mean another model"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := rollout.NewStore(rollout.FileEntry(t.TempDir() + "/plan.json"))
			challenger := rollout.Arm{Model: "models:/net@next", Digest: strings.TrimPrefix(c.digest, "moved")}
			plan, err := store.Update(t.Context(), func(p *rollout.Plan) error {
				if err := p.Promote(rollout.Arm{Model: "grid"}, began); err != nil {
					return err
				}
				return p.StartSplit(challenger, rollout.SplitOptions{Share: 40, Since: began.At, For: 2 * time.Hour}, began)
			})
			if err != nil {
				t.Fatal(err)
			}
			cmp := comparison{plans: plans{file: "plan.json", store: store, log: quietLog()}, armA: messages.ArmChampion, armB: messages.ArmChallenger}
			compared := compared{Report: &compare.Report{}, Decision: &compare.Decision{Holds: true}}
			if c.digest == "moved" {
				compared.B.Others = []compare.Version{{Fixes: 3}}
			}
			trial := cmp.planned(&plan)
			if _, err := store.Update(t.Context(), func(p *rollout.Plan) error { return c.meanwhile(p, rollout.NewChange(time.Now(), "another", "")) }); err != nil {
				t.Fatal(err)
			}
			now, err := cmp.promote(t.Context(), &compared, trial)
			if c.want == "" && (err != nil || now.Champion.Model != challenger.Model || !strings.HasPrefix(now.Changed.Note, "by rule")) {
				t.Errorf("the champion is %s: %v", now.Champion, err)
			}
			if c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("promoted with %v; want %q", err, c.want)
			}
		})
	}
}

// TestModelCompareAfterAShareChanged: what was stored before is of another share, and of sessions that changed arms.
func TestModelCompareAfterAShareChanged(t *testing.T) {
	began := rollout.NewChange(time.Now().Add(-time.Hour), "somebody", "")
	raised := rollout.NewChange(began.At.Add(20*time.Minute), "somebody", "")
	var plan rollout.Plan
	for _, err := range []error{
		plan.Promote(rollout.Arm{Model: "grid"}, began),
		plan.StartSplit(rollout.Arm{Model: "nats:net@2"}, rollout.SplitOptions{Share: 10, Since: began.At, For: 2 * time.Hour}, began),
		plan.StartSplit(rollout.Arm{Model: "nats:net@2"}, rollout.SplitOptions{Share: 50, Since: raised.At, For: 2 * time.Hour}, raised),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	c := comparison{armA: messages.ArmChampion, armB: messages.ArmChallenger}
	if got := c.planned(&plan); !got.from.Equal(raised.At) || got.share != 50 || !got.running(raised.At) || got.running(raised.At.Add(3*time.Hour)) {
		t.Errorf("to be compared: %+v, since %v", got, raised.At)
	}
	c.experiment = "another"
	if got := c.planned(&plan); got.id != "" {
		t.Errorf("the plan knows another experiment: %+v", got)
	}
	c = comparison{armA: messages.ArmChallenger, armB: messages.ArmShadow}
	if err := plan.StartShadow(rollout.Arm{Model: "nats:net@3"}, 100, raised.At, 0, raised); err != nil {
		t.Fatal(err)
	}
	if got := c.planned(&plan); got.champion.Model != "nats:net@2" || got.challenger.Model != "nats:net@3" || !got.running(time.Now()) {
		t.Errorf("the challenger and its shadow: %+v", got)
	}
}

// TestModelCompareBorders: what is located within an experiment and was stored before it is of none, and no reason for a warning.
func TestModelCompareBorders(t *testing.T) {
	t.Parallel()
	began := time.Now().Add(-time.Hour)
	now := trial{id: "x", from: began, until: began.Add(30 * time.Minute)}
	r := rand.New(rand.NewPCG(1, 1))
	for name, c := range map[string]struct {
		at         time.Duration
		experiment string
		warned     bool
	}{
		"stored before": {settleTime / 2, "", false}, "stored after": {30*time.Minute + settleTime, "", false},
		"of none": {10 * time.Minute, "", true}, "of another": {settleTime / 2, "y", true},
	} {
		for _, arm := range []string{messages.ArmChallenger, messages.ArmShadow} {
			command := comparison{armA: messages.ArmChampion, armB: arm, settle: settleTime}
			collector := compare.New(compare.Options{A: messages.ArmChampion, B: messages.ArmChallenger, Experiment: "x"})
			for _, experiment := range []string{"x", c.experiment} {
				fix := armFix(r, messages.NewCaptureID(), "s", experiment, 0)
				challenged := *fix
				challenged.Arm, challenged.Experiment = messages.ArmChallenger, "x"
				for _, f := range []*messages.Fix{fix, &challenged} {
					body, err := f.Encode("")
					if err != nil {
						t.Fatal(err)
					}
					command.add(collector, now, jetstream.FixMessage{Subject: "fixes.net.st", Body: body, Timestamp: began.Add(c.at)})
				}
			}
			report, err := collector.Report()
			if err != nil {
				t.Fatal(err)
			}
			warned := slices.ContainsFunc(report.Warnings, func(w compare.Warning) bool { return w.Code == compare.WarnElsewhere })
			if want := c.warned || name == "stored before" && arm == messages.ArmShadow; warned != want {
				t.Errorf("%s, %s: warned %v, want %v", name, arm, warned, want)
			}
		}
	}
}
