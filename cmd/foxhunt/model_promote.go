package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"foxhunt/rollout"
)

func newModelPromote() *cobra.Command {
	var p plans
	var pin, moving, asJSON bool
	cmd := &cobra.Command{
		Use:   "promote MODEL",
		Short: "Make a model champion: it answers every capture from now on",
		Long: `Make a model champion: it answers every capture from now on. The champion before is remembered, for rollback.

MODEL is grid, a file, nats:NAME[@VERSION] of the object store, or models:/NAME@ALIAS or models:/NAME/VERSION of MLflow
(--mlflow). nats:NAME is pinned to the version that was pushed last, and to its digest; with --moving workers go on to
each newer version by themselves, as they follow an alias of MLflow and a file, unless --pin pins those, too.

Workers load a model beside the old one, try it, and then switch; one that does not pass leaves the old one in place. Whether
they have is told by foxhunt model events. A running split ends where its challenger is promoted, and stands in the way of
any other.`,
		Example: `  foxhunt model promote nats:net@3 --note "a third fewer outliers"
  foxhunt model promote models:/net@champion
  foxhunt model promote grid --rollout-file rollout.json`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if pin && moving {
				return fmt.Errorf("pin and moving are both given; want one of them")
			}
			if err := p.open(cmd); err != nil {
				return err
			}
			defer p.close()
			arm, err := p.arm(cmd.Context(), args[0], pin, moving)
			if err != nil {
				return err
			}
			change, err := p.change(cmd.Context())
			if err != nil {
				return err
			}
			result, err := p.update(cmd.Context(), &rollout.Event{Kind: rollout.EventPromoted, Model: arm.Model, Digest: arm.Digest,
				Sentence: fmt.Sprintf("%s made %s champion", change.By, arm)},
				func(plan *rollout.Plan) error { return plan.Promote(arm, change) })
			if err != nil {
				return err
			}
			return result.print(cmd.OutOrStdout(), asJSON)
		},
	}
	p.registerArm(cmd.Flags())
	cmd.Flags().BoolVar(&pin, "pin", false, "pin the model to its version and digest, whatever MODEL comes to mean")
	cmd.Flags().BoolVar(&moving, "moving", false, "follow nats:NAME to each newer version")
	cmd.Flags().BoolVar(&asJSON, "json", false, "the plan before and after as one JSON value")
	return cmd
}

func newModelRollback() *cobra.Command {
	var p plans
	var from string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "rollback",
		Short: "Make the champion before champion again",
		Long: `Make the champion before champion again: the latest that differs from the one that serves. Once more goes back further:
of two people who do so at once one is refused, and --from names the champion that you want to be rid of, so that nothing happens
where somebody was quicker. A running split is stopped.`,
		Example: `  foxhunt model rollback --note "fixes jump about"
  foxhunt model rollback --from nats:net@3`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := p.open(cmd); err != nil {
				return err
			}
			defer p.close()
			change, err := p.change(cmd.Context())
			if err != nil {
				return err
			}
			seen, _, err := p.store.Plan(cmd.Context())
			if err != nil {
				return err
			}
			if from != "" && seen.Champion.Model != from {
				return fmt.Errorf("the champion is %s, not %.200q; nothing was changed", championText(&seen), from)
			}
			result, err := p.rollback(cmd.Context(), seen.Champion, change)
			if err != nil {
				return err
			}
			return result.print(cmd.OutOrStdout(), asJSON)
		},
	}
	p.registerChange(cmd.Flags())
	cmd.Flags().StringVar(&from, "from", "", "only if this model is champion, as foxhunt model plan shows it")
	cmd.Flags().BoolVar(&asJSON, "json", false, "the plan before and after as one JSON value")
	return cmd
}

// rollback takes back the champion that was seen, and no other: of several people who do so at once one does.
func (p *plans) rollback(ctx context.Context, seen rollout.Arm, change rollout.Change) (changed, error) {
	event := rollout.Event{Kind: rollout.EventRolledBack}
	return p.update(ctx, &event, func(plan *rollout.Plan) error {
		from := plan.Champion
		if !from.Same(seen) {
			return fmt.Errorf("%s was made champion meanwhile, by %s; roll back again if that is to go, too", from, plan.Changed.By)
		}
		if err := plan.Rollback(change); err != nil {
			return err
		}
		event.Model, event.Digest = plan.Champion.Model, plan.Champion.Digest
		event.Sentence = fmt.Sprintf("%s went back from %s to %s", change.By, from, plan.Champion)
		return nil
	})
}
