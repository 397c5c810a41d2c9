package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"foxhunt/compare"
	"foxhunt/messages"
	"foxhunt/rollout"
)

// comparison is what foxhunt model compare was asked for.
type comparison struct {
	plans
	armA, armB string
	network    string
	experiment string
	since      string
	last       time.Duration
	asJSON     bool

	promoteWhen string
	wait        bool

	settle time.Duration // after an experiment's end, for the last of its captures to be located
}

// settleTime is as long as a capture may wait for a worker whose predecessor died with it.
const settleTime = 30 * time.Second

func newModelCompare() *cobra.Command {
	c := comparison{settle: settleTime}
	cmd := &cobra.Command{
		Use:   "compare",
		Short: "Hold two arms against each other, and promote the challenger if a rule holds",
		Long: `Hold the champion and its challenger, or its shadow, against each other: what each answered, how fast, how sure,
and, of captures that say where their emitter was, how well. Each difference has its 95 % interval and a verdict: whether it
is more than chance, too small to matter, or not to be told from so few. docs/models.md says what each figure means, and
when not to trust it.

Without --since and --last it is about the experiment that runs, or ran last, from its beginning. Time is that of the stream
of fixes.

--promote-when takes a rule: clauses separated by commas, each a measure that must be "better", or "better by" so much, or
"not worse than" so much. If every clause holds with 95 % confidence for all together, the challenger becomes champion; if
not, the exit code is 1, and each clause that fails is told. Looking again and again until a rule holds makes it mean
nothing: with --wait it is looked at once, after the experiment's end.

Measures: ` + strings.Join(compare.Measures(), ", ") + `.`,
		Example: `  foxhunt model compare
  foxhunt model compare --arm-b shadow --last 6h --json
  foxhunt model compare --wait --promote-when 'error_m better, latency_p95 not worse than 10%, errors not worse'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			rule, err := c.settleFlags()
			if err != nil {
				return err
			}
			if err := c.open(cmd); err != nil {
				return err
			}
			defer c.close()
			if c.conn == nil { // with the plan in a file
				if err := c.connect(cmd.Context()); err != nil {
					return err
				}
			}
			return c.run(cmd, rule)
		},
	}
	c.register(cmd.Flags())
	flags := cmd.Flags()
	flags.StringVar(&c.armA, "arm-a", messages.ArmChampion, "the arm that is compared with")
	flags.StringVar(&c.armB, "arm-b", messages.ArmChallenger, "the arm that is compared: challenger or shadow")
	flags.StringVar(&c.network, "network", "", "only fixes of this network")
	flags.StringVar(&c.experiment, "experiment", "", "only fixes of this experiment (default: the latest of the plan)")
	flags.StringVar(&c.since, "since", "", "only fixes stored since this time, such as 2026-03-01T12:00:00Z")
	flags.DurationVar(&c.last, "last", 0, "only fixes stored in this time until now, such as 1h")
	flags.BoolVar(&c.asJSON, "json", false, "the report as one JSON value")
	flags.StringVar(&c.promoteWhen, "promote-when", "", "promote the challenger if this rule holds")
	flags.BoolVar(&c.wait, "wait", false, "wait for the experiment's end first")
	flags.StringVar(&c.by, "by", "", "who promotes, for the plan's record (default: the user's name)")
	return cmd
}

// settleFlags refuses what makes no sense before anything is opened.
func (c *comparison) settleFlags() (rule compare.Rule, err error) {
	switch {
	case c.armA != messages.ArmChampion && c.armA != messages.ArmChallenger:
		return rule, fmt.Errorf("arm-a is %.40q; want champion or challenger", c.armA)
	case c.armB != messages.ArmChallenger && c.armB != messages.ArmShadow || c.armA == c.armB:
		return rule, fmt.Errorf("arm-b is %.40q; want challenger or shadow, and another than arm-a", c.armB)
	case c.since != "" && c.last != 0:
		return rule, errors.New("since and last are both given; want one of them")
	case c.last < 0:
		return rule, fmt.Errorf("last is %v; want a time of more than 0", c.last)
	case c.network != "" && messages.ValidateToken("network", c.network) != nil:
		return rule, messages.ValidateToken("network", c.network)
	case c.promoteWhen == "":
		return rule, nil
	case c.armA != messages.ArmChampion:
		return rule, errors.New("promote-when wants the champion for arm-a")
	}
	if rule, err = compare.ParseRule(c.promoteWhen); err != nil {
		return rule, fmt.Errorf("promote-when: %w", err)
	}
	return rule, nil
}

// compared is the output of the command.
type compared struct {
	*compare.Report
	Decision *compare.Decision `json:"decision,omitempty"`
	Promoted *rollout.Plan     `json:"promoted,omitempty"` // the plan since
}

func (c *comparison) run(cmd *cobra.Command, rule compare.Rule) error {
	ctx := cmd.Context()
	trial, err := c.trial(ctx)
	if err != nil {
		return err
	}
	if c.wait {
		if trial, err = c.awaitEnd(ctx, trial); err != nil {
			return err
		}
	}
	report, err := c.read(ctx, trial)
	var none *compare.NoFixes
	if errors.As(err, &none) {
		return &exitError{exitPassing, err}
	}
	if err != nil {
		return err
	}
	now, err := c.now(ctx)
	if err != nil {
		return err
	}
	if trial.running(now) {
		report.Warn(compare.WarnRunning, "the experiment has not ended: whoever looks again and again, and stops when the difference is large, finds ones that are not there")
	}
	result := compared{Report: report}
	refused := c.decide(ctx, &result, trial, rule)
	return errors.Join(c.print(cmd, &result), refused)
}

// decide holds the rule against the report, if there is one, and promotes if it holds. What keeps it from that is an error.
func (c *comparison) decide(ctx context.Context, result *compared, trial trial, rule compare.Rule) error {
	if len(rule.Clauses) == 0 {
		return nil
	}
	decision := result.Decide(rule)
	result.Decision = &decision
	if !decision.Holds {
		return errors.New("not promoted: the rule does not hold")
	}
	plan, err := c.promote(ctx, result, trial)
	if err != nil {
		return fmt.Errorf("the rule holds, and nothing was promoted: %w", err)
	}
	result.Promoted = &plan
	return nil
}

func (c *comparison) print(cmd *cobra.Command, result *compared) error {
	out := cmd.OutOrStdout()
	if c.asJSON {
		return writeJSON(out, result)
	}
	if err := result.WriteTable(out); err != nil {
		return err
	}
	if result.Decision != nil {
		result.Decision.Write(out)
	}
	if result.Promoted != nil {
		fmt.Fprintf(out, "promoted: %s\n", result.Promoted.Champion)
	}
	return nil
}
