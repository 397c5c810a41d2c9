package doctor

import (
	"testing"
	"time"

	"foxhunt/jetstream"
	"foxhunt/rollout"
)

func TestPlan(t *testing.T) {
	t.Parallel()
	d := deploy(t, good)
	examine(t, d.options()).want(t, "model_plan", OK, "no plan", "--model")
	entry := d.conn.RolloutEntry(jetstream.DefaultTopology())
	store := rollout.NewStore(entry)
	now := time.Now()
	update := func(change func(*rollout.Plan) error) {
		t.Helper()
		if _, err := store.Update(soon(t), change); err != nil {
			t.Fatal(err)
		}
	}
	update(func(p *rollout.Plan) error {
		return p.Promote(rollout.Arm{Model: "grid"}, rollout.NewChange(now, "ops", ""))
	})
	examine(t, d.options()).want(t, "model_plan", OK, "champion is grid since 20")
	update(func(p *rollout.Plan) error {
		return p.StartSplit(rollout.Arm{Model: "nats:net@1"}, rollout.SplitOptions{Share: 30, Since: now, For: time.Hour}, rollout.NewChange(now, "ops", ""))
	})
	update(func(p *rollout.Plan) error {
		return p.StopSplit("7 % of its captures failed", rollout.NewChange(now, "worker-1", ""))
	})
	examine(t, d.options()).want(t, "model_plan", Info, "nats:net@1 was stopped by worker-1: 7 % of its captures failed")
	_, revision, err := entry.Get(soon(t))
	if err == nil {
		_, err = entry.Put(soon(t), []byte(`{"v":2}`), revision)
	}
	if err != nil {
		t.Fatal(err)
	}
	examine(t, d.options()).want(t, "model_plan", Error, "newer_plan", "foxhunt-rollout")
	if err := d.api.DeleteKeyValue(soon(t), jetstream.BucketRollout); err != nil {
		t.Fatal(err)
	}
	examine(t, d.options()).want(t, "model_plan", Unknown, "not seen")
}
