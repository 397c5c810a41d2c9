package golden_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"foxhunt/model"
	"foxhunt/model/golden"
	"foxhunt/model/grid"
	"foxhunt/model/modeltest"
)

func load(t testing.TB, data []byte) *model.Model {
	t.Helper()
	m, err := modeltest.Runtime(t).Load(data, model.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

func TestGoodModelsKeepEveryRule(t *testing.T) {
	for name, data := range map[string][]byte{"grid": grid.File(), "plain": modeltest.Plain(t)} {
		for _, finding := range golden.Examine(t.Context(), load(t, data)) {
			t.Logf("%s: %s: %v, %v", name, finding.Rule, finding.Refusal, finding.Took.Round(time.Millisecond))
			if finding.Refusal != nil || finding.Skipped {
				t.Errorf("%s is refused: %s: %v", name, finding.Rule, finding.Refusal)
			}
		}
	}
}

func wantCode(t *testing.T, err error, code string) {
	t.Helper()
	var refused *model.Error
	if !errors.As(err, &refused) || refused.Code != code || refused.Reason == "" {
		t.Errorf("%v; want %s and a sentence", err, code)
	}
}

// TestWarmUp runs a good model, and says why one that cannot run does not.
func TestWarmUp(t *testing.T) {
	m := load(t, grid.File())
	if err := golden.WarmUp(t.Context(), m); err != nil {
		t.Errorf("grid: %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	wantCode(t, golden.WarmUp(ended, m), golden.CheckCancelled)
}

func TestACheckEndsWithItsContext(t *testing.T) {
	m := load(t, modeltest.Plain(t))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	wantCode(t, golden.Check(ctx, m), golden.CheckCancelled)
	ctx, cancel = context.WithDeadline(t.Context(), time.Now())
	defer cancel()
	wantCode(t, golden.Check(ctx, m), golden.ModelTooSlow)
}
