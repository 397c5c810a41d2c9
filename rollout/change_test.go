package rollout_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"foxhunt/rollout"
)

// noon is when everything in these tests happens.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func by(who string) rollout.Change { return rollout.NewChange(noon, who, "because") }

func code(err error) string {
	var e *rollout.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return fmt.Sprint(err)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// promoted is a plan in which these were champion, the last of them now.
func promoted(t testing.TB, models ...string) *rollout.Plan {
	t.Helper()
	p := &rollout.Plan{}
	for _, model := range models {
		must(t, p.Promote(rollout.Arm{Model: model}, by("ops")))
	}
	return p
}

func hour(share float64) rollout.SplitOptions {
	return rollout.SplitOptions{Share: share, Since: noon.Add(10 * time.Second), For: time.Hour, MaxErrorRate: 0.05}
}

func TestPromoteAndRollback(t *testing.T) {
	t.Parallel()
	p := promoted(t, "grid", "nats:a@1", "nats:b@1")
	if p.Champion.Model != "nats:b@1" || !p.Champion.Since.Equal(noon) || len(p.Previous) != 2 || p.Previous[0].Model != "nats:a@1" {
		t.Fatalf("the plan is %+v", p)
	}
	if p.Changed.By != "ops" || p.Changed.Note != "because" || !p.Changed.At.Equal(noon) {
		t.Errorf("changed by %+v", p.Changed)
	}
	if err := p.Promote(rollout.Arm{Model: "nats:b@1"}, by("x")); code(err) != rollout.CodeAlreadyChampion {
		t.Errorf("promoting the champion: %v", err)
	}
	for _, want := range []string{"nats:a@1", "grid"} {
		must(t, p.Rollback(by("ops")))
		if p.Champion.Model != want {
			t.Errorf("champion is %s, want %s", p.Champion, want)
		}
	}
	if err := p.Rollback(by("x")); code(err) != rollout.CodeNoPrevious {
		t.Errorf("nothing to go back to: %v", err)
	}
	if err := (&rollout.Plan{}).Rollback(by("x")); code(err) != rollout.CodeNoChampion {
		t.Errorf("nothing promoted: %v", err)
	}
}

// The same model under another name, or pinned later, is none to go back to.
func TestRollbackToWhatDiffers(t *testing.T) {
	t.Parallel()
	p := promoted(t, "grid")
	digest := fmt.Sprintf("%064d", 7)
	must(t, p.Promote(rollout.Arm{Model: "nats:a@1", Digest: digest}, by("ops")))
	must(t, p.Promote(rollout.Arm{Model: "models:/a/1", Digest: digest}, by("ops")))
	must(t, p.Rollback(by("ops")))
	if p.Champion.Model != "grid" {
		t.Errorf("champion is %s", p.Champion)
	}
}

func TestPreviousIsBounded(t *testing.T) {
	t.Parallel()
	p := promoted(t, "grid")
	for i := range 2 * rollout.MostPrevious {
		must(t, p.Promote(rollout.Arm{Model: fmt.Sprintf("nats:a@%d", i)}, by("ops")))
	}
	if len(p.Previous) != rollout.MostPrevious || p.Previous[0].Model != fmt.Sprintf("nats:a@%d", 2*rollout.MostPrevious-2) {
		t.Errorf("%d are remembered, the latest %s", len(p.Previous), p.Previous[0])
	}
}

func TestSplit(t *testing.T) {
	t.Parallel()
	a, b := rollout.Arm{Model: "nats:a@1"}, rollout.Arm{Model: "nats:b@1"}
	if err := (&rollout.Plan{}).StartSplit(a, hour(30), by("x")); code(err) != rollout.CodeNoChampion {
		t.Errorf("without a champion: %v", err)
	}
	p := promoted(t, "grid")
	if err := p.StopSplit("", by("x")); code(err) != rollout.CodeNoSplit {
		t.Errorf("stopping none: %v", err)
	}
	if err := p.StartSplit(rollout.Arm{Model: "grid"}, hour(30), by("x")); code(err) != rollout.CodeAlreadyChampion {
		t.Errorf("with the champion: %v", err)
	}
	must(t, p.StartSplit(a, hour(30), by("ops")))
	s := *p.Challenger
	if s.Model != a.Model || s.Share != 30 || s.MaxErrorRate != 0.05 || s.Until.Sub(s.Since) != time.Hour || s.ID == "" {
		t.Errorf("the split is %+v", s)
	}
	for what, err := range map[string]error{
		"another split":     p.StartSplit(b, hour(30), by("x")),
		"another promotion": p.Promote(b, by("x")),
	} {
		if code(err) != rollout.CodeSplitRunning {
			t.Errorf("%s: %v", what, err)
		}
	}
	must(t, p.StopSplit("it errs\x1b[2J", by("ops")))
	if stopped := p.Challenger.Stopped; stopped == nil || stopped.Reason != "it errs [2J" || stopped.By != "ops" || s.Stopped != nil {
		t.Errorf("stopped: %+v", stopped)
	}
	must(t, p.StartSplit(b, hour(10), by("ops")))
	if p.Challenger.ID == s.ID {
		t.Error("another experiment has the same id")
	}
	must(t, p.Promote(b, by("ops"))) // the challenger wins
	if p.Challenger != nil || p.Champion.Model != b.Model {
		t.Errorf("after its promotion: %+v", p)
	}
	must(t, p.StartSplit(a, hour(10), by("ops")))
	must(t, p.Rollback(by("ops")))
	if p.Champion.Model != "grid" || p.Challenger.Running(noon) {
		t.Errorf("after a rollback: %+v", p)
	}
}

func TestSplitEndsByItself(t *testing.T) {
	t.Parallel()
	p := promoted(t, "grid")
	must(t, p.StartSplit(rollout.Arm{Model: "nats:a@1"}, hour(30), by("ops")))
	later := rollout.NewChange(noon.Add(2*time.Hour), "ops", "")
	if p.Challenger.Running(later.At) || !p.Challenger.Running(noon) {
		t.Error("it should run at noon, and not two hours later")
	}
	if err := p.StopSplit("", later); code(err) != rollout.CodeNoSplit {
		t.Errorf("stopping what has ended: %v", err)
	}
	must(t, p.Promote(rollout.Arm{Model: "nats:b@1"}, later))
}

func TestShadow(t *testing.T) {
	t.Parallel()
	a := rollout.Arm{Model: "nats:a@1"}
	if err := (&rollout.Plan{}).StartShadow(a, 100, noon, 0, by("x")); code(err) != rollout.CodeNoChampion {
		t.Errorf("without a champion: %v", err)
	}
	p := promoted(t, "grid")
	if err := p.StopShadow(by("x")); code(err) != rollout.CodeNoShadow {
		t.Errorf("stopping none: %v", err)
	}
	if err := p.StartShadow(rollout.Arm{Model: "grid"}, 100, noon, 0, by("x")); code(err) != rollout.CodeAlreadyChampion {
		t.Errorf("with the champion: %v", err)
	}
	must(t, p.StartShadow(a, 10, noon, 0, by("ops")))
	id := p.Shadow.ID
	must(t, p.StartShadow(a, 50, noon, time.Hour, by("ops")))
	if p.Shadow.ID != id || p.Shadow.Share != 50 || !p.Shadow.Until.Equal(noon.Add(time.Hour)) {
		t.Errorf("the shadow is %+v", p.Shadow)
	}
	if !p.Shadowed("", "x", noon) && !p.Shadowed("", "y", noon) && !p.Shadowed("", "z", noon) && !p.Shadowed("", "zz", noon) {
		t.Error("of four captures none is shadowed")
	}
	if p.Shadowed("", "x", noon.Add(-1)) || p.Shadowed("", "x", noon.Add(time.Hour)) {
		t.Error("shadowed before, or after its time")
	}
	must(t, p.StopShadow(by("ops")))
	if p.Shadow != nil || p.Shadowed("", "x", noon) {
		t.Error("it was stopped")
	}
	must(t, p.StartShadow(a, 100, noon, 0, by("ops")))
	must(t, p.Promote(a, by("ops")))
	if p.Shadow != nil {
		t.Error("the champion is its own shadow")
	}
	must(t, p.StartShadow(rollout.Arm{Model: "grid"}, 100, noon, 0, by("ops")))
	must(t, p.Rollback(by("ops")))
	if p.Shadow != nil {
		t.Error("the champion is its own shadow after a rollback")
	}
}

// A change that cannot be leaves the store's plan as it was.
func TestUpdateRefuses(t *testing.T) {
	t.Parallel()
	entry := &memory{}
	store := rollout.NewStore(entry)
	_, err := store.Update(t.Context(), func(p *rollout.Plan) error { return p.Promote(rollout.Arm{Model: "grid"}, by("ops")) })
	must(t, err)
	before := string(entry.value)
	for share, want := range map[float64]string{0: rollout.CodeBadShare, 99.5: rollout.CodeBadShare, -1: rollout.CodeBadShare} {
		_, err := store.Update(t.Context(), func(p *rollout.Plan) error { return p.StartSplit(rollout.Arm{Model: "x.onnx"}, hour(share), by("x")) })
		if code(err) != want {
			t.Errorf("a share of %v: %v", share, err)
		}
	}
	_, err = store.Update(t.Context(), func(p *rollout.Plan) error { p.V = 7; return nil })
	if code(err) != rollout.CodeBadPlan || string(entry.value) != before {
		t.Errorf("a plan that cannot be: %v; the entry holds %s", err, entry.value)
	}
	entry.busy = true
	if _, err = store.Update(t.Context(), func(*rollout.Plan) error { return nil }); code(err) != rollout.CodeBusy {
		t.Errorf("with others always first: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err = store.Update(ctx, func(*rollout.Plan) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("given up: %v", err)
	}
}

// memory is an entry that can be busy at will.
type memory struct {
	value    []byte
	revision uint64
	busy     bool
}

func (m *memory) Get(context.Context) ([]byte, uint64, error) { return m.value, m.revision, nil }

func (m *memory) Put(_ context.Context, value []byte, revision uint64) (uint64, error) {
	if m.busy || revision != m.revision {
		return 0, rollout.ErrConflict
	}
	m.value, m.revision = value, m.revision+1
	return m.revision, nil
}

func (m *memory) Watch(context.Context, func([]byte)) error { return nil }
