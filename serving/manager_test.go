package serving

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"foxhunt/model"
	"foxhunt/model/registry"
	"foxhunt/rollout"
)

var (
	a, bb, c, d = strings.Repeat("a", 64), strings.Repeat("b", 64), strings.Repeat("c", 64), strings.Repeat("d", 64)
	away        = &registry.Error{Code: registry.Away, Reason: "the server does not answer"}
	none        = &registry.Error{Code: registry.NoModel, Reason: "no such alias"}
	bad         = &model.Error{Code: model.BadModel, Reason: "it is none"}
)

// TestNoPlan: the default model serves until there is a plan, and is then the first to stand in.
func TestNoPlan(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil).run(t)
	b.serves(t, Champion, "grid")
	b.until(t, "the plan followed", func() bool { return b.follows })
	b.promote(t, b.has("nats:fox@1", "1", "a"))
	b.serves(t, Champion, a)
	b.until(t, "grid closed", func() bool { return slices.Equal(b.closed, []string{"grid"}) })
	b.with(func() {
		if !slices.Equal(b.beside, []bool{false, true}) {
			t.Errorf("loaded beside others: %v; the first had nobody to disturb", b.beside)
		}
		if !slices.Equal(b.checked, b.loads) {
			t.Errorf("checked %v, loaded %v", b.checked, b.loads)
		}
	})
	s := b.m.Status()
	if len(s.Posts) != 1 || s.Posts[0].Ref != "nats:fox@1" || s.Posts[0].Info.Version != "1" || s.Plan == nil || s.Waiting() {
		t.Errorf("status %+v", s)
	}
}

// Waiting reports whether anything is not as it should be.
func (s Status) Waiting() bool { return s.Trouble != nil || s.Posts[0].Trouble != nil }

// TestNoPlanStore is a worker that has none.
func TestNoPlanStore(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(_ *bench, o *Options) { o.Plans = nil }).run(t)
	b.serves(t, Champion, "grid")
}

// TestBadDefault ends the start: somebody is there to read it.
func TestBadDefault(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(b *bench, _ *Options) { b.bad["grid"] = bad })
	err := b.m.Start(t.Context())
	if e := (*Error)(nil); !errors.As(err, &e) || e.Code != model.BadModel || !strings.Contains(e.Reason, "grid") {
		t.Errorf("Start: %v", err)
	}
}

// TestStartWaits for a source that is away, says so, and ends when it is told to.
func TestStartWaits(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.promote(t, b.has("models:/fox/1", "1", "a"))
	b.with(func() { b.troubles["models:/fox/1"] = away })
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- b.m.Start(ctx) }()
	b.until(t, "a reason", func() bool { return strings.Contains(b.m.Waiting(), "does not answer") })
	if s := b.m.Status(); s.Posts[0].Ref != "" || s.Posts[0].Trouble == nil || !s.Posts[0].Trouble.Passing {
		t.Errorf("while it waits: %+v", s)
	}
	stop()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("stopped: %v", err)
	}
	b.with(func() { delete(b.troubles, "models:/fox/1") })
	b.run(t).serves(t, Champion, a)
}

// TestPlanUnknown: a worker that cannot read the plan serves nothing, rather than something else than the fleet.
func TestPlanUnknown(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.promote(t, b.has("nats:fox@1", "1", "a"))
	b.entry.setAway(&rollout.Error{Code: "refused", Reason: "no right to the bucket"})
	ended := make(chan error, 1)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	go func() { ended <- b.m.Start(ctx) }()
	b.until(t, "a reason", func() bool { return strings.Contains(b.m.Waiting(), "no right") })
	b.with(func() {
		if len(b.sets) != 0 {
			t.Errorf("it serves %+v", b.sets)
		}
	})
	b.entry.setAway(nil)
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	b.run(t).serves(t, Champion, a)
}

// TestPromotion hands the challenger's post over: it is in memory, and no capture is without it for a moment.
func TestPromotion(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil).run(t)
	b.promote(t, b.has("nats:fox@1", "1", "a"))
	b.serves(t, Champion, a)
	challenger := b.has("nats:fox@2", "2", "b")
	b.update(t, func(p *rollout.Plan, c rollout.Change) error {
		return p.StartSplit(challenger, rollout.SplitOptions{Share: 30, Since: c.At, For: time.Hour}, c)
	})
	b.serves(t, Challenger, bb)
	b.update(t, func(p *rollout.Plan, c rollout.Change) error { // another share: the worker must be told
		return p.StartSplit(challenger, rollout.SplitOptions{Share: 50, Since: c.At, For: time.Hour}, c)
	})
	b.until(t, "the new share", func() bool { return b.sets[len(b.sets)-1].Plan.Challenger.Share == 50 })
	b.with(func() { b.troubles["nats:fox@2"] = away })
	b.promote(t, challenger)
	b.serves(t, Champion, bb)
	b.serves(t, Challenger, "")
	b.until(t, "the old champion closed", func() bool { return slices.Contains(b.closed, a) })
	b.with(func() {
		if n := len(b.loads); n != 3 {
			t.Errorf("%d loads of three models: %v", n, b.loads)
		}
		last := b.sets[len(b.sets)-1]
		if last.Champion.Info().Digest != bb || last.Challenger != nil {
			t.Errorf("the last set is %+v", last)
		}
	})
	b.update(t, func(p *rollout.Plan, c rollout.Change) error { return p.Rollback(c) })
	b.serves(t, Champion, a)
}

// TestMovingReference follows an alias, tells the fleet of what is refused once, and serves on.
func TestMovingReference(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.has("models:/fox@champion", "1", "a")
	b.promote(t, rollout.Arm{Model: "models:/fox@champion"})
	b.run(t).serves(t, Champion, a)
	b.has("models:/fox@champion", "2", "b")
	b.serves(t, Champion, bb)
	b.with(func() { b.bad[c] = bad })
	b.has("models:/fox@champion", "3", "c")
	b.until(t, "a refusal", func() bool { return b.told(rollout.EventRefused) > 0 && !b.follows })
	b.with(func() { b.troubles["models:/fox@champion"] = away })
	b.until(t, "a source that is away", func() bool { return slices.Contains(b.failures, registry.Away) })
	b.with(func() { delete(b.troubles, "models:/fox@champion") })
	before := len(b.m.Status().Posts)
	if report := b.reload(t); before != 1 || report.Posts[0].Outcome != Refused || report.Posts[0].Trouble.Code != model.BadModel || !report.Failed() || report.Posts[0].Digest != bb {
		t.Errorf("a reload says %+v", report)
	}
	b.has("models:/fox@champion", "4", "d")
	b.serves(t, Champion, d)
	b.until(t, "the plan followed", func() bool { return b.follows })
	b.with(func() {
		if n := b.told(rollout.EventRefused); n != 1 {
			t.Errorf("%d events of one bad model: %+v", n, b.events)
		}
		if n := b.told(rollout.EventReloaded); n != 2 {
			t.Errorf("%d events of two reloads: %+v", n, b.events)
		}
		checks := 0
		for _, digest := range b.checked {
			if digest == c {
				checks++
			}
		}
		if checks != 2 { // and once more on the reload
			t.Errorf("a model that was refused was tried %d times", checks)
		}
	})
	if report := b.reload(t); report.Posts[0].Outcome != Unchanged || report.Failed() {
		t.Errorf("a reload of nothing says %+v", report)
	}
	b.with(func() { b.troubles["models:/fox@champion"] = none })
	b.until(t, "an alias that is gone", func() bool { return !b.follows && slices.Contains(b.failures, registry.NoModel) })
	b.serves(t, Champion, d)
}

func (b *bench) reload(t *testing.T) Report {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	report, err := b.m.Reload(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// TestReloadSwitches says what it did, before the next look is due.
func TestReloadSwitches(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(b *bench, o *Options) {
		o.Poll = time.Hour
		b.has("models:/fox@champion", "1", "a")
		o.Default = registry.Ref{Kind: registry.KindMLflow, Name: "fox", Alias: "champion"}
	}).run(t)
	b.has("models:/fox@champion", "2", "b")
	report := b.reload(t)
	if p := report.Posts[0]; p.Outcome != Switched || p.Version != "2" || p.Digest != bb || p.Model != "models:/fox@champion" {
		t.Errorf("the reload says %+v", report)
	}
	b.with(func() { b.troubles["models:/fox@champion"] = away })
	if p := b.reload(t).Posts[0]; p.Outcome != Waits || p.Digest != bb {
		t.Errorf("a reload without the server says %+v", p)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.m.Reload(ctx); !errors.Is(err, context.Canceled) && err != nil {
		t.Errorf("a reload that nobody waits for: %v", err)
	}
}

// TestPinned: the plan's digest decides, whatever the reference has come to mean, and whether its source answers or not.
func TestPinned(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	arm := b.has("nats:fox@1", "1", "a")
	b.promote(t, arm)
	b.run(t).serves(t, Champion, a)
	b.promote(t, b.has("nats:fox@2", "2", "b"))
	b.serves(t, Champion, bb)
	b.with(func() { b.troubles["nats:fox@1"] = away })
	b.update(t, func(p *rollout.Plan, c rollout.Change) error { return p.Rollback(c) })
	b.serves(t, Champion, a) // from the disk
	b.has("nats:fox@3", "3", "c")
	b.promote(t, rollout.Arm{Model: "nats:fox@3", Digest: d})
	b.until(t, "a refusal", func() bool { return slices.Contains(b.failures, registry.DigestMismatch) })
	b.serves(t, Champion, a)
}

// TestStartFromTheDisk: the server is away, and others serve what its alias meant last. It may be outdated, and so it is said.
func TestStartFromTheDisk(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.has("models:/fox@champion", "1", "a")
	b.promote(t, rollout.Arm{Model: "models:/fox@champion"})
	ref, _ := registry.ParseRef("models:/fox@champion")
	b.with(func() {
		b.kept = []registry.Artifact{{Ref: ref, Name: "fox", Version: "1", Digest: a}}
		b.troubles["models:/fox@champion"] = away
	})
	b.run(t).serves(t, Champion, a)
	if s := b.m.Status(); s.Followed || s.Posts[0].Trouble == nil || s.Posts[0].Trouble.Code != registry.Away {
		t.Errorf("status %+v", s)
	}
	b.with(func() { delete(b.troubles, "models:/fox@champion") })
	b.until(t, "the plan followed", func() bool { return b.follows })
	b.with(func() {
		if len(b.loads) != 1 {
			t.Errorf("loads %v of one model", b.loads)
		}
	})
}

// TestStandIn: a worker that starts serves what the others serve, when the plan's champion is refused.
func TestStandIn(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.promote(t, b.has("nats:fox@1", "1", "a"))
	b.promote(t, b.has("nats:fox@2", "2", "b"))
	b.promote(t, b.has("nats:fox@3", "3", "c"))
	b.with(func() { b.bad[c], b.bad[bb] = bad, bad })
	b.run(t).serves(t, Champion, a)
	b.until(t, "the plan not followed", func() bool { return !b.follows })
	s := b.m.Status().Posts[0]
	if s.Ref != "nats:fox@1" || s.Wanted != "nats:fox@3" || s.Trouble == nil || s.Trouble.Code != model.BadModel {
		t.Errorf("status %+v", s)
	}
	b.with(func() { b.bad = map[string]error{} })
	b.reload(t)
	b.serves(t, Champion, c)
}

// TestNobodyStandsIn until somebody promotes what can serve.
func TestNobodyStandsIn(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.promote(t, b.has("nats:fox@1", "1", "a"))
	b.with(func() { b.bad[a], b.bad["grid"] = bad, bad })
	ended := make(chan error, 1)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	go func() { ended <- b.m.Start(ctx) }()
	b.until(t, "all tried", func() bool { return slices.Contains(b.checked, "grid") })
	b.promote(t, b.has("nats:fox@2", "2", "b"))
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	b.run(t).serves(t, Champion, bb)
}

// TestOvertaken: a newer plan ends a load that it does not want, and a stop ends any.
func TestOvertaken(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil).run(t)
	b.with(func() { b.hold, b.holding = make(chan struct{}), make(chan struct{}, 10) })
	b.promote(t, b.has("nats:fox@1", "1", "a"))
	<-b.holding
	if s := b.m.Status(); s.Loading != "nats:fox@1" {
		t.Errorf("loading %q", s.Loading)
	}
	b.promote(t, b.has("nats:fox@2", "2", "b"))
	<-b.holding // the first one's load has ended
	b.with(func() { close(b.hold) })
	b.serves(t, Champion, bb)
	b.with(func() {
		if slices.Contains(b.loads, a) || len(b.failures) != 0 {
			t.Errorf("loads %v, failures %v; the first was overtaken", b.loads, b.failures)
		}
		b.hold = make(chan struct{})
	})
	b.promote(t, b.has("nats:fox@3", "3", "c"))
	<-b.holding // the end of the test stops it
}

// TestWorkerRefuses a set: the one before stays, and the model is freed.
func TestWorkerRefuses(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil).run(t)
	b.with(func() { b.refuses = errors.New("no runner") })
	b.promote(t, b.has("nats:fox@1", "1", "a"))
	b.until(t, "a refusal", func() bool { return slices.Contains(b.failures, "cannot_serve") && slices.Contains(b.closed, a) })
	b.with(func() { b.refuses = nil })
	b.reload(t)
	b.serves(t, Champion, a)
}

// TestBadPlan: the one before holds, and the fleet hears of it.
func TestBadPlan(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.promote(t, b.has("nats:fox@1", "1", "a"))
	b.run(t).serves(t, Champion, a)
	if _, err := b.entry.Put(t.Context(), []byte(`{"v": 99}`), b.entry.revision); err != nil {
		t.Fatal(err)
	}
	b.until(t, "a refusal", func() bool { return b.told(rollout.EventRefused) == 1 && !b.follows })
	if report := b.reload(t); report.Plan == nil || report.Plan.Code != rollout.CodeNewerPlan || !report.Failed() {
		t.Errorf("a reload says %+v", report)
	}
	b.serves(t, Champion, a)
}

// TestPinnedFromTheDisk: a worker that starts serves the pinned model that it has, whatever its source says, and asks it nothing.
func TestPinnedFromTheDisk(t *testing.T) {
	t.Parallel()
	for _, code := range []string{registry.Away, registry.Unauthorized, registry.BadAnswer, registry.NoModel} {
		b := newBench(t, nil)
		b.promote(t, b.has("models:/fox@champion", "1", "a"))
		ref, _ := registry.ParseRef("models:/fox@champion")
		b.with(func() {
			b.kept = []registry.Artifact{{Ref: ref, Name: "fox", Version: "1", Digest: a}}
			b.troubles["models:/fox@champion"] = &registry.Error{Code: code, Reason: "no"}
		})
		b.run(t).serves(t, Champion, a)
		b.until(t, "the plan followed", func() bool { return b.follows })
		b.with(func() {
			if len(b.failures) != 0 || b.asked != 0 {
				t.Errorf("%s: failures %v, asked %d times", code, b.failures, b.asked)
			}
		})
	}
}

// TestSourceSaysNo: another model stands in only until the source gives the plan's; a moving reference is served as it was last.
func TestSourceSaysNo(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		arm   rollout.Arm
		kept  string
		first string
	}{
		{arm: rollout.Arm{Model: "models:/fox/1", Digest: a}, first: "grid"},
		{arm: rollout.Arm{Model: "models:/fox@champion"}, first: "grid"},
		{arm: rollout.Arm{Model: "models:/fox@champion"}, kept: a, first: a},
	} {
		b := newBench(t, nil)
		b.has(c.arm.Model, "1", "a")
		b.promote(t, c.arm)
		ref, _ := registry.ParseRef(c.arm.Model)
		b.with(func() {
			b.troubles[c.arm.Model] = &registry.Error{Code: registry.Unauthorized, Reason: "no"}
			if c.kept != "" {
				b.kept = []registry.Artifact{{Ref: ref, Name: "fox", Version: "1", Digest: c.kept}}
			}
		})
		b.run(t).serves(t, Champion, c.first)
		b.until(t, "a plan that is not followed", func() bool { return !b.follows })
		b.with(func() { delete(b.troubles, c.arm.Model) }) // nobody touches the plan, or reloads
		b.serves(t, Champion, a)
		b.until(t, "the plan followed", func() bool { return b.follows })
	}
}

// TestBadPlanIsToldOnce, though Run watches anew what Start did; and again when it comes again.
func TestBadPlanIsToldOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.run(t)
	refused := &rollout.Error{Code: rollout.CodeBadPlan, Reason: "it is none"}
	b.m.planRefused(refused)
	b.m.planRefused(refused)
	b.promote(t, b.has("nats:fox@1", "1", "a"))
	b.serves(t, Champion, a)
	b.m.planRefused(refused)
	b.promote(t, b.has("nats:fox@2", "2", "b"))
	b.serves(t, Champion, bb)
	b.until(t, "the last event", func() bool { return b.told(rollout.EventLoaded) == 3 })
	b.with(func() {
		if n := b.told(rollout.EventRefused); n != 2 {
			t.Errorf("%d events of a plan that was refused twice", n)
		}
	})
}

// TestStartWithoutAPlan: where the plan was deleted, or a later foxhunt wrote it, a worker that starts serves what those that run
// hold on to, and says that something is wrong; the next plan mends it.
func TestStartWithoutAPlan(t *testing.T) {
	t.Parallel()
	for code, value := range map[string][]byte{rollout.CodeDeleted: nil, rollout.CodeNewerPlan: []byte(`{"v": 99}`)} {
		b := newBench(t, nil)
		b.promote(t, b.has("nats:fox@1", "1", "a"))
		if _, err := b.entry.Put(t.Context(), value, b.entry.revision); err != nil {
			t.Fatal(err)
		}
		b.run(t).serves(t, Champion, a)
		if s := b.m.Status(); s.Followed || s.Trouble == nil || s.Trouble.Code != code {
			t.Errorf("%s: status %+v", code, s)
		}
		if _, err := b.entry.Put(t.Context(), b.entry.held[0], b.entry.revision); err != nil {
			t.Fatal(err)
		}
		b.until(t, "the plan followed", func() bool { return b.follows })
	}
}
