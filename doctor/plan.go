package doctor

import (
	"context"
	"errors"
	"time"

	"foxhunt/jetstream"
	"foxhunt/rollout"
)

// gatherPlan reads the plan of which model serves; a zero one where there is none.
func gatherPlan(ctx context.Context, conn *jetstream.Conn, topology jetstream.Topology) (rollout.Plan, error) {
	plan, _, err := rollout.NewStore(conn.RolloutEntry(topology)).Plan(ctx)
	return plan, err
}

// checkPlan judges whether the plan can be followed, and tells of a challenger that was stopped.
func checkPlan(f *Facts) []Finding {
	const code = "model_plan"
	plan := f.Plan.Value
	var bad *rollout.Error
	switch {
	case errors.As(f.Plan.Err, &bad):
		return []Finding{finding(code, Error, "bucket %s holds no plan that can be followed: %v", f.Topology.Rollout.Bucket, bad)}
	case !f.Plan.seen():
		return []Finding{unknown(code, f.Plan.Err, "allow this user to read the bucket %s: foxhunt model plan needs the same", f.Topology.Rollout.Bucket)}
	case plan.V == 0:
		return []Finding{finding(code, OK, "no plan: each worker serves what its --model says")}
	}
	if s := plan.Challenger; s != nil && s.Stopped != nil {
		return []Finding{finding(code, Info, "champion is %s; the split with %s was stopped by %s: %s", plan.Champion, s.Arm, s.Stopped.By, s.Stopped.Reason).
			mend("foxhunt model events shows what failed; foxhunt model split tries another")}
	}
	return []Finding{finding(code, OK, "champion is %s since %s", plan.Champion, plan.Champion.Since.UTC().Format(time.RFC3339))}
}
