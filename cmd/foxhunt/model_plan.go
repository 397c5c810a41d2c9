package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/user"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"foxhunt/jetstream"
	"foxhunt/rollout"
)

// plans is what every command about the roll-out needs: where the plan is, and who gives the command.
type plans struct {
	nats     natsOptions
	names    topologyOptions
	mlflow   mlflowOptions
	file     string
	by, note string

	unchecked bool // put a model into the plan without trying it

	topology jetstream.Topology
	conn     *jetstream.Conn // nil with a file
	store    *rollout.Store
	log      *slog.Logger
}

func (p *plans) register(flags *pflag.FlagSet) {
	p.nats.register(flags)
	p.names.registerPrefix(flags)
	flags.StringVar(&p.file, "rollout-file", "", "the plan is in this file, for a single machine, and not in NATS")
}

// registerChange adds the flags of commands that change the plan.
func (p *plans) registerChange(flags *pflag.FlagSet) {
	p.register(flags)
	flags.StringVar(&p.by, "by", "", "who gives this command, for the plan's record (default: user and host)")
	flags.StringVar(&p.note, "note", "", "why, for the plan's record")
}

// registerArm adds the flags of commands that give a model a post.
func (p *plans) registerArm(flags *pflag.FlagSet) {
	p.registerChange(flags)
	p.mlflow.register(flags)
	flags.BoolVar(&p.unchecked, "unchecked", false, "put the model into the plan without trying first whether it may serve")
}

// open connects, unless the plan is in a file. What is said besides the output goes to standard error.
func (p *plans) open(cmd *cobra.Command) (err error) {
	if p.topology, err = p.names.topology(); err != nil {
		return err
	}
	p.log = slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), nil))
	if p.file != "" {
		p.store = rollout.NewStore(rollout.FileEntry(p.file))
		return nil
	}
	if err := p.connect(cmd.Context()); err != nil {
		return err
	}
	p.store = rollout.NewStore(p.conn.RolloutEntry(p.topology))
	return nil
}

func (p *plans) connect(ctx context.Context) (err error) {
	p.nats.Log = p.log
	p.conn, err = p.nats.connectSoon(ctx, "model")
	return err
}

func (p *plans) close() {
	if p.conn != nil {
		p.conn.Close()
	}
}

// now is the time by which the plan is followed: captures carry the server's.
func (p *plans) now(ctx context.Context) (time.Time, error) {
	if p.file != "" {
		return time.Now(), nil
	}
	return p.conn.ServerTime(ctx, p.topology)
}

// change is who changes the plan now.
func (p *plans) change(ctx context.Context) (rollout.Change, error) {
	now, err := p.now(ctx)
	return rollout.NewChange(now, cmp.Or(p.by, userAtHost()), p.note), err
}

// userAtHost is who gives a command that names nobody.
func userAtHost() string {
	name := "somebody"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	if host, err := os.Hostname(); err == nil {
		name += "@" + host
	}
	return name
}

// changed is a change of the plan as the commands report it.
type changed struct {
	Before *rollout.Plan `json:"before,omitempty"` // none before the first
	Plan   rollout.Plan  `json:"plan"`
}

// update changes the plan, and tells the fleet's listeners with an event, which change may fill in.
func (p *plans) update(ctx context.Context, event *rollout.Event, change func(*rollout.Plan) error) (result changed, err error) {
	ctx, cancel := context.WithTimeout(ctx, planTime)
	defer cancel()
	result.Plan, err = p.store.Update(ctx, func(plan *rollout.Plan) error {
		result.Before = nil
		if plan.V != 0 {
			before := *plan
			result.Before = &before
		}
		return change(plan)
	})
	if err != nil {
		return result, err
	}
	event.At, event.By = result.Plan.Changed.At, result.Plan.Changed.By
	p.tell(ctx, *event)
	return result, nil
}

// print says what has changed from what to what.
func (c *changed) print(out io.Writer, asJSON bool) error {
	if asJSON {
		return writeJSON(out, c)
	}
	before := rollout.Plan{}
	if c.Before != nil {
		before = *c.Before
	}
	at := c.Plan.Changed.At
	for _, post := range []struct{ name, was, is string }{
		{"champion", championText(&before), championText(&c.Plan)},
		{"challenger", challengerText(&before, at), challengerText(&c.Plan, at)},
		{"shadow", shadowOf(&before, at), shadowOf(&c.Plan, at)},
	} {
		if post.was != post.is {
			if _, err := fmt.Fprintf(out, "%s: %s -> %s\n", post.name, post.was, post.is); err != nil {
				return err
			}
		}
	}
	return nil
}

func championText(plan *rollout.Plan) string {
	if plan.V == 0 {
		return "what each worker's --model says"
	}
	return plan.Champion.String()
}

func challengerText(plan *rollout.Plan, now time.Time) string {
	if s := plan.Challenger; s.Running(now) {
		return s.Arm.String() + ", " + splitText(s, s.Since)
	}
	return "none"
}

func shadowOf(plan *rollout.Plan, now time.Time) string {
	if s := plan.Shadow; s.Running(now) {
		return s.Arm.String() + ", " + shadowText(s, now)
	}
	return "none"
}

// planTime is how long reading or changing the plan may take.
const planTime = 30 * time.Second

// tell publishes an event. The change has been made whatever becomes of that.
func (p *plans) tell(ctx context.Context, event rollout.Event) {
	if p.conn == nil {
		return
	}
	event.V = 1
	body, err := json.Marshal(event)
	if err == nil {
		ctx, cancel := context.WithTimeout(ctx, connectTime)
		defer cancel()
		err = p.conn.PublishEvent(ctx, event.Kind, body)
	}
	if err != nil {
		p.log.Warn("the change was made, and could not be told as an event", "error", err)
	}
}

func newModelPlan() *cobra.Command {
	var p plans
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "Show which models serve: champion, challenger, shadow, and who changed it last",
		Example: `  foxhunt model plan
  foxhunt model plan --rollout-file rollout.json --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := p.open(cmd); err != nil {
				return err
			}
			defer p.close()
			ctx, cancel := context.WithTimeout(cmd.Context(), planTime)
			defer cancel()
			plan, instead, err := p.store.Followed(ctx)
			switch {
			case err != nil:
				return err
			case instead != nil:
				return fmt.Errorf("%w; until then workers go on with the last one before, whose champion is %s", instead, plan.Champion)
			case plan.V == 0:
				return errors.New("nothing was promoted yet, so each worker serves what its --model says; foxhunt model promote begins a plan")
			}
			now, err := p.now(ctx)
			if err != nil {
				return err
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), plan)
			}
			return printPlan(cmd.OutOrStdout(), &plan, now)
		},
	}
	p.register(cmd.Flags())
	cmd.Flags().BoolVar(&asJSON, "json", false, "the plan as one JSON value")
	return cmd
}

// printPlan shows a plan as it is at now. What it holds was checked to be printable.
func printPlan(out io.Writer, plan *rollout.Plan, now time.Time) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "champion\t%s\tsince %s\n", plan.Champion, utc(plan.Champion.Since))
	if s := plan.Challenger; s != nil {
		fmt.Fprintf(table, "challenger\t%s\t%s\n", s.Arm, splitText(s, now))
	}
	if s := plan.Shadow; s != nil {
		fmt.Fprintf(table, "shadow\t%s\t%s\n", s.Arm, shadowText(s, now))
	}
	for _, arm := range plan.Previous {
		fmt.Fprintf(table, "before\t%s\tsince %s\n", arm, utc(arm.Since))
	}
	fmt.Fprintf(table, "changed\t%s\tby %s\n", utc(plan.Changed.At), plan.Changed.By)
	if plan.Changed.Note != "" {
		fmt.Fprintf(table, "note\t%s\t\n", plan.Changed.Note)
	}
	return table.Flush()
}

func utc(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

// splitText says how a split stands.
func splitText(s *rollout.Split, now time.Time) string {
	text := fmt.Sprintf("%g %% from %s until %s", s.Share, utc(s.Since), utc(s.Until))
	if s.MaxErrorRate > 0 {
		text += fmt.Sprintf(", unless more than %g %% fail", s.MaxErrorRate*100)
	}
	switch {
	case s.Stopped != nil:
		return fmt.Sprintf("stopped %s by %s: %s (was %s)", utc(s.Stopped.At), s.Stopped.By, s.Stopped.Reason, text)
	case !s.Running(now):
		return "ended: " + text
	case now.Before(s.Since):
		return "begins: " + text
	}
	return text
}

func shadowText(s *rollout.Shadow, now time.Time) string {
	text := fmt.Sprintf("%g %% from %s", s.Share, utc(s.Since))
	if !s.Until.IsZero() {
		text += " until " + utc(s.Until)
	}
	if !s.Running(now) {
		return "ended: " + text
	}
	return text
}
