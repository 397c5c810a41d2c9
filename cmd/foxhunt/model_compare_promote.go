package main

import (
	"context"
	"fmt"
	"strings"

	"foxhunt/rollout"
)

// promote makes the model that was compared champion, if the plan still is the one that was compared.
func (c *comparison) promote(ctx context.Context, result *compared, t trial) (rollout.Plan, error) {
	if t.challenger.Digest == "" && len(result.B.Others) > 0 {
		return rollout.Plan{}, fmt.Errorf("%s came to mean another model meanwhile, and which of them is good is not known; try one with --pin", t.challenger)
	}
	c.note = promotionNote(result)
	change, err := c.change(ctx)
	if err != nil {
		return rollout.Plan{}, err
	}
	event := rollout.Event{Kind: rollout.EventPromoted, Model: t.challenger.Model, Digest: t.challenger.Digest,
		Sentence: fmt.Sprintf("%s made %s champion, %s", change.By, t.challenger, change.Note)}
	done, err := c.update(ctx, &event, func(p *rollout.Plan) error {
		now := c.planned(p)
		switch {
		case now.id != t.id || !now.champion.Same(t.champion) || !now.challenger.Same(t.challenger):
			return fmt.Errorf("the plan was changed at %s by %s while the arms were compared; compare again", utc(p.Changed.At), p.Changed.By)
		case now.stopped != nil:
			return fmt.Errorf("the experiment was stopped at %s by %s: %s", utc(now.stopped.At), now.stopped.By, now.stopped.Reason)
		}
		return p.Promote(now.challenger, change)
	})
	return done.Plan, err
}

// promotionNote says on which figures a promotion rests.
func promotionNote(result *compared) string {
	var parts []string
	for _, o := range result.Decision.Clauses {
		parts = append(parts, o.Measure+" "+o.Sentence)
	}
	return fmt.Sprintf("by rule %q, on %d and %d captures: %s", result.Decision.Rule, result.A.Sampled, result.B.Sampled, strings.Join(parts, "; "))
}
