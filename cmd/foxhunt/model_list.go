package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"foxhunt/jetstream"
	"foxhunt/rollout"
)

// listed is a model in the list, and what the plan says of it.
type listed struct {
	Ref    string           `json:"ref"`
	Digest string           `json:"digest,omitempty"`
	Roles  []string         `json:"roles,omitempty"` // champion, challenger, shadow, previous
	Stored *jetstream.Model `json:"stored,omitempty"`
}

func newModelList() *cobra.Command {
	var p plans
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the models in NATS's object store, and what the plan says of each",
		Long: `List the models in NATS's object store, the latest of each name first, and what the plan says of each. Models that the plan
names and that are elsewhere, such as grid, files and those of MLflow, come last.`,
		Example: "  foxhunt model list --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := p.open(cmd); err != nil {
				return err
			}
			defer p.close()
			models, err := p.list(cmd.Context())
			if err != nil {
				return err
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), models)
			}
			return printModels(cmd.OutOrStdout(), models)
		},
	}
	p.nats.register(cmd.Flags())
	p.names.registerPrefix(cmd.Flags())
	cmd.Flags().BoolVar(&asJSON, "json", false, "one JSON value with all models")
	return cmd
}

func (p *plans) list(ctx context.Context) ([]listed, error) {
	ctx, cancel := context.WithTimeout(ctx, planTime)
	defer cancel()
	models, err := p.conn.Models(ctx, p.topology)
	if err != nil {
		return nil, err
	}
	plan, _, err := p.store.Plan(ctx)
	if err != nil {
		return nil, err
	}
	now, err := p.now(ctx)
	if err != nil {
		return nil, err
	}
	all := []listed{} // so that JSON has an empty list
	for _, m := range models {
		all = append(all, listed{Ref: m.Ref(), Digest: m.Digest, Stored: &m})
	}
	for _, post := range posts(&plan, now) {
		all = noteRole(all, post)
	}
	return all, nil
}

// post is a model that the plan names, and for what.
type post struct {
	role string
	rollout.Arm
}

// posts are those of a plan at now, the champion first. Challengers and shadows that have ended are of none.
func posts(plan *rollout.Plan, now time.Time) (all []post) {
	if plan.V == 0 {
		return nil
	}
	all = append(all, post{"champion", plan.Champion})
	if plan.Challenger.Running(now) {
		all = append(all, post{fmt.Sprintf("challenger %g%%", plan.Challenger.Share), plan.Challenger.Arm})
	}
	if plan.Shadow.Running(now) {
		all = append(all, post{fmt.Sprintf("shadow %g%%", plan.Shadow.Share), plan.Shadow.Arm})
	}
	for _, arm := range plan.Previous {
		all = append(all, post{"previous", arm})
	}
	return all
}

// noteRole notes a post at its model: that of its digest, or, where it is pinned to none, of its reference, which may be to
// the latest of a name. A model that is not in the list is added.
func noteRole(all []listed, p post) []listed {
	i := slices.IndexFunc(all, func(l listed) bool {
		if p.Digest != "" && l.Digest != "" {
			return l.Digest == p.Digest
		}
		return l.Ref == p.Model || strings.HasPrefix(l.Ref, p.Model+"@") && strings.HasPrefix(p.Model, "nats:")
	})
	if i < 0 {
		return append(all, listed{Ref: p.Model, Digest: p.Digest, Roles: []string{p.role}})
	}
	if !slices.Contains(all[i].Roles, p.role) {
		all[i].Roles = append(all[i].Roles, p.role)
	}
	return all
}

func printModels(out io.Writer, models []listed) error {
	if len(models) == 0 {
		_, err := fmt.Fprintln(out, "no models; foxhunt model push puts one into the object store")
		return err
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "MODEL\tBYTES\tPUSHED (UTC)\tBY\tSHA-256\tROLE\tNOTE")
	for _, l := range models {
		size, pushed, by, note := "-", "-", "-", ""
		if m := l.Stored; m != nil {
			size, pushed, by, note = fmt.Sprint(m.Bytes), m.Pushed.UTC().Format(time.DateTime), brief(m.By, 40), brief(m.Note, 120)
		}
		digest := "-"
		if l.Digest != "" {
			digest = l.Digest[:12]
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", printable(l.Ref), size, pushed, by, digest, strings.Join(l.Roles, ", "), note)
	}
	return table.Flush()
}

func newModelDelete() *cobra.Command {
	var p plans
	var force bool
	cmd := &cobra.Command{
		Use:   "delete NAME@VERSION",
		Short: "Delete a version of a model from NATS's object store",
		Long: `Delete a version of a model from NATS's object store. Its number is not used again. A version that the plan names is kept,
unless --force says otherwise: then workers that start, and rollback, do without it.`,
		Example: "  foxhunt model delete net@3",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			name, version, found := strings.Cut(strings.TrimPrefix(args[0], "nats:"), "@")
			if !found || version == "" {
				return fmt.Errorf("%.80q names no version; want NAME@VERSION, such as net@3", args[0])
			}
			if err := p.open(cmd); err != nil {
				return err
			}
			defer p.close()
			if err := p.remove(cmd.Context(), name, version, force); err != nil {
				return err
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "deleted nats:%s@%s\n", name, version)
			return err
		},
	}
	p.nats.register(cmd.Flags())
	p.names.registerPrefix(cmd.Flags())
	cmd.Flags().StringVar(&p.by, "by", "", "who deletes it (default: user and host)")
	cmd.Flags().BoolVar(&force, "force", false, "also where the plan names it")
	return cmd
}

func (p *plans) remove(ctx context.Context, name, version string, force bool) error {
	ctx, cancel := context.WithTimeout(ctx, planTime)
	defer cancel()
	m, err := p.conn.FindModel(ctx, p.topology, name, version)
	if err != nil {
		return err
	}
	models, err := p.list(ctx)
	if err != nil && !force { // with a plan that cannot be read nobody knows
		return err
	}
	for _, l := range models {
		if l.Ref == m.Ref() && len(l.Roles) > 0 && !force {
			return errors.New(m.Ref() + " is in the plan as " + strings.Join(l.Roles, ", ") + "; --force deletes it all the same")
		}
	}
	change, err := p.change(ctx)
	if err != nil {
		return err
	}
	if err := p.conn.DeleteModel(ctx, p.topology, name, version); err != nil {
		return err
	}
	p.tell(ctx, rollout.Event{Kind: rollout.EventDeleted, At: change.At, By: change.By, Model: m.Ref(), Digest: m.Digest,
		Sentence: fmt.Sprintf("%s deleted %s", change.By, m.Ref())})
	return nil
}
