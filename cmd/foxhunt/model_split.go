package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"foxhunt/rollout"
)

// percent is a flag that is given in percent, such as 30 or 2.5%.
type percent float64

func (p *percent) Set(text string) error {
	value, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(text, "%")), 64)
	if err != nil || !(value >= 0 && value <= 100) {
		return errors.New("want 0 to 100, in percent")
	}
	*p = percent(value)
	return nil
}

func (p *percent) String() string { return strconv.FormatFloat(float64(*p), 'g', -1, 64) + "%" }
func (p *percent) Type() string   { return "percent" }

// trialFlags are those of the commands that try a model beside the champion.
type trialFlags struct {
	plans
	share, errors percent
	span, lead    time.Duration
	pin, moving   bool
	asJSON        bool
}

func (t *trialFlags) register(cmd *cobra.Command) {
	t.registerArm(cmd.Flags())
	cmd.Flags().BoolVar(&t.pin, "pin", false, "pin the model to its version and digest, whatever MODEL comes to mean")
	cmd.Flags().BoolVar(&t.moving, "moving", false, "follow nats:NAME to each newer version")
	cmd.Flags().BoolVar(&t.asJSON, "json", false, "the plan before and after as one JSON value")
}

func newModelSplit() *cobra.Command {
	t := trialFlags{errors: 5}
	cmd := &cobra.Command{
		Use:   "split MODEL",
		Short: "Give a share of the captures to a challenger, for a time",
		Long: `Give a share of the captures to a challenger, for a time.

A session stays with one arm, and a capture of no session goes by its id; all workers agree. The split begins after --lead, so
that every worker has the challenger by then, and ends by itself. A capture that the challenger fails on is answered by the
champion. The same challenger again changes the share, or the time: who was of a smaller share stays of a larger one.

If more of the challenger's captures fail than --max-error-rate the split is stopped for good, and an event says so.`,
		Example: `  foxhunt model split nats:net@4 --share 30 --for 1h
  foxhunt model split models:/net@next --share 5 --for 24h --max-error-rate 1%`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if t.share < 1 || t.share > 99 {
				return fmt.Errorf("share is %s; want 1 to 99 percent", &t.share)
			}
			if t.lead < 0 || t.lead > time.Hour {
				return fmt.Errorf("lead is %v; want 0 to 1h", t.lead)
			}
			return t.start(cmd, args[0], rollout.EventSplit, func(plan *rollout.Plan, arm rollout.Arm, change rollout.Change) error {
				return plan.StartSplit(arm, rollout.SplitOptions{
					Share: float64(t.share), Since: change.At.Add(t.lead), For: t.span, MaxErrorRate: float64(t.errors) / 100,
				}, change)
			})
		},
	}
	t.register(cmd)
	cmd.Flags().Var(&t.share, "share", "how many of the captures, in percent")
	cmd.Flags().DurationVar(&t.span, "for", time.Hour, "how long")
	cmd.Flags().Var(&t.errors, "max-error-rate", "stop it when more of its captures fail; 0 never does")
	cmd.Flags().DurationVar(&t.lead, "lead", 10*time.Second, "time until it begins, in which workers load the model")
	return cmd
}

func newModelShadow() *cobra.Command {
	t := trialFlags{share: 100}
	cmd := &cobra.Command{
		Use:   "shadow MODEL",
		Short: "Have a share of the captures answered by another model as well, apart",
		Long: `Have a share of the captures answered by another model as well. Its answers are published on fixes.shadow.> and change
nothing else; foxhunt model compare --arm-b shadow holds them against the champion's.`,
		Example: "  foxhunt model shadow nats:net@4 --share 100 --for 24h",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if t.share < 1 {
				return fmt.Errorf("share is %s; want 1 to 100 percent", &t.share)
			}
			if t.span < 0 {
				return fmt.Errorf("for is %v; want more than 0, or 0 for no end", t.span)
			}
			return t.start(cmd, args[0], rollout.EventShadow, func(plan *rollout.Plan, arm rollout.Arm, change rollout.Change) error {
				return plan.StartShadow(arm, float64(t.share), change.At, t.span, change)
			})
		},
	}
	t.register(cmd)
	cmd.Flags().Var(&t.share, "share", "how many of the captures, in percent")
	cmd.Flags().DurationVar(&t.span, "for", 0, "how long; 0: until it is stopped")
	return cmd
}

// start resolves the model, has the plan changed, and says what has.
func (t *trialFlags) start(cmd *cobra.Command, text, kind string, begin func(*rollout.Plan, rollout.Arm, rollout.Change) error) error {
	if t.pin && t.moving {
		return errors.New("pin and moving are both given; want one of them")
	}
	if err := t.open(cmd); err != nil {
		return err
	}
	defer t.close()
	arm, err := t.arm(cmd.Context(), text, t.pin, t.moving)
	if err != nil {
		return err
	}
	change, err := t.change(cmd.Context())
	if err != nil {
		return err
	}
	arm.Since = change.At
	apart := ""
	if kind == rollout.EventShadow {
		apart = " as well, as a shadow"
	}
	result, err := t.update(cmd.Context(), &rollout.Event{Kind: kind, Model: arm.Model, Digest: arm.Digest,
		Sentence: fmt.Sprintf("%s has %s answer %s of the captures%s", change.By, arm, &t.share, apart)},
		func(plan *rollout.Plan) error { return begin(plan, arm, change) })
	if err != nil {
		return err
	}
	return result.print(cmd.OutOrStdout(), t.asJSON)
}

func newModelStop() *cobra.Command {
	var p plans
	var asJSON bool
	cmd := &cobra.Command{
		Use:       "stop split|shadow",
		Short:     "End a split or a shadow at once",
		Example:   `  foxhunt model stop split --note "too slow"`,
		Args:      cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs),
		ValidArgs: []string{"split", "shadow"},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := p.open(cmd); err != nil {
				return err
			}
			defer p.close()
			result, err := p.stop(cmd.Context(), args[0] == "split")
			if err != nil {
				return err
			}
			return result.print(cmd.OutOrStdout(), asJSON)
		},
	}
	p.registerChange(cmd.Flags())
	cmd.Flags().BoolVar(&asJSON, "json", false, "the plan before and after as one JSON value")
	return cmd
}

func (p *plans) stop(ctx context.Context, split bool) (changed, error) {
	change, err := p.change(ctx)
	if err != nil {
		return changed{}, err
	}
	event := rollout.Event{Kind: rollout.EventStopped}
	return p.update(ctx, &event, func(plan *rollout.Plan) error {
		if split {
			if err := plan.StopSplit(change.Note, change); err != nil {
				return err
			}
			event.Model, event.Digest = plan.Challenger.Model, plan.Challenger.Digest
			event.Sentence = fmt.Sprintf("%s stopped the split with %s", change.By, plan.Challenger.Arm)
			return nil
		}
		was := plan.Shadow
		if err := plan.StopShadow(change); err != nil {
			return err
		}
		event.Model, event.Digest = was.Model, was.Digest
		event.Sentence = fmt.Sprintf("%s stopped the shadow %s", change.By, was.Arm)
		return nil
	})
}
