package rollout_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"foxhunt/rollout"
)

// past is an entry with what it held before, the latest last.
type past struct {
	rollout.Entry
	values [][]byte
	err    error
}

func (p past) Get(context.Context) ([]byte, uint64, error) {
	if len(p.values) == 0 {
		return nil, 0, p.err
	}
	return p.values[len(p.values)-1], uint64(len(p.values)), nil
}

func (p past) History(context.Context) (latest [][]byte, err error) {
	for i := range p.values {
		latest = append(latest, p.values[len(p.values)-1-i])
	}
	return latest, p.err
}

// forgetful has no history.
type forgetful struct{ past }

func (forgetful) History() {}

// TestFollowed: the last plan that can be followed, whatever came after it; without any a worker waits, and where there never was
// one there is none.
func TestFollowed(t *testing.T) {
	t.Parallel()
	value := func(model string) []byte {
		var p rollout.Plan
		must(t, p.Promote(rollout.Arm{Model: model}, rollout.NewChange(time.Now(), "me", "")))
		value, err := p.Encode()
		must(t, err)
		return value
	}
	one, two, later := value("nats:net@1"), value("nats:net@2"), []byte(`{"v": 99}`)
	away := errors.New("away")
	for name, c := range map[string]struct {
		entry              rollout.Entry
		champion           string
		instead, errorCode string
		err                error
	}{
		"never one":             {entry: past{}},
		"one":                   {entry: past{values: [][]byte{one, two}}, champion: "nats:net@2"},
		"deleted":               {entry: past{values: [][]byte{one, two, nil}}, champion: "nats:net@2", instead: rollout.CodeDeleted},
		"a later foxhunt's":     {entry: past{values: [][]byte{one, later, nil, later}}, champion: "nats:net@1", instead: rollout.CodeNewerPlan},
		"none is known":         {entry: past{values: [][]byte{later, nil}}, errorCode: rollout.CodeDeleted},
		"no history, deleted":   {entry: forgetful{past{values: [][]byte{one, nil}}}, errorCode: rollout.CodeDeleted},
		"no history, later":     {entry: forgetful{past{values: [][]byte{one, later}}}, errorCode: rollout.CodeNewerPlan},
		"the entry is away":     {entry: past{err: away}, err: away},
		"the history cannot be": {entry: past{values: [][]byte{one, nil}, err: away}, err: away},
	} {
		plan, instead, err := rollout.NewStore(c.entry).Followed(t.Context())
		if plan.Champion.Model != c.champion || codeOf(instead) != c.instead || c.err == nil && codeOf(err) != c.errorCode || c.err != nil && !errors.Is(err, c.err) {
			t.Errorf("%s: champion %q, instead %v, error %v", name, plan.Champion.Model, instead, err)
		}
	}
}

func codeOf(err error) string {
	var e *rollout.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}
