package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"foxhunt/jetstream"
)

// deadReplay puts captures back and says what became of each.
type deadReplay struct {
	deadStream
	dryRun, keep bool
	out, log     io.Writer
	done, failed int
}

func newDeadReplay() *cobra.Command {
	var r deadReplay
	var choice deadChoice
	cmd := &cobra.Command{
		Use:   "replay [NUMBER...]",
		Short: "Put captures back, for workers to try again",
		Long: `Put captures back, for workers to try again: the dead letters of these numbers, or those that the filters choose.

A capture goes back to its subject with its bytes and headers, under a fresh message id, and with headers that tell of
its history. Once the server has confirmed it the dead letter is deleted, unless --keep is given. If it dies again, that
is a new dead letter. One that its subject has no room for stays, and so does one on a subject that is no capture's.

It is harmless if a crash leaves a dead letter whose capture was put back: the fix has the same id as before.`,
		Example: `  foxhunt dead replay 12 13
  foxhunt dead replay --reason too_few_receivers --newer 24h --dry-run`,
		RunE: func(cmd *cobra.Command, args []string) error {
			sequences, filter, err := choice.settle(args)
			if err != nil {
				return err
			}
			if err := r.open(cmd); err != nil {
				return err
			}
			defer r.conn.Close()
			r.out, r.log = cmd.OutOrStdout(), cmd.ErrOrStderr()
			return r.run(cmd.Context(), sequences, filter)
		},
	}
	r.register(cmd.Flags())
	choice.register(cmd.Flags())
	cmd.Flags().BoolVar(&r.dryRun, "dry-run", false, "say what would be done and do nothing")
	cmd.Flags().BoolVar(&r.keep, "keep", false, "keep the dead letters")
	return cmd
}

func (r *deadReplay) run(ctx context.Context, sequences []uint64, filter jetstream.DeadFilter) error {
	for d, err := range r.chosen(ctx, sequences, filter) {
		if err == nil {
			err = r.one(ctx, d)
		}
		if err == nil {
			r.done++
			continue
		}
		r.failed++
		if !concernsOne(err) {
			return fmt.Errorf("%s: %w", r.summary(), err)
		}
		fmt.Fprintln(r.log, err)
	}
	if r.failed > 0 {
		return fmt.Errorf("%s, %d were not", r.summary(), r.failed)
	}
	_, err := fmt.Fprintln(r.out, r.summary())
	return err
}

func (r *deadReplay) one(ctx context.Context, d jetstream.Dead) error {
	if err := d.CanReplay(); err != nil {
		return err
	}
	what := fmt.Sprintf("%d  %s  %s", d.Sequence, d.Letter.Subject, brief(d.Letter.Reason, 32))
	if n := d.Letter.LeftOut; n > 0 {
		what += fmt.Sprintf("  without %d headers of the original, which were not kept", n)
	}
	if r.dryRun {
		_, err := fmt.Fprintln(r.out, what)
		return err
	}
	stored, err := r.conn.Replay(ctx, r.topology, d.Sequence, r.keep)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(r.out, "%s  stored as %d of %s\n", what, stored.Sequence, stored.Stream)
	return err
}

func (r *deadReplay) summary() string {
	if r.dryRun {
		return fmt.Sprintf("%d dead letters would be replayed", r.done)
	}
	return fmt.Sprintf("%d dead letters were replayed", r.done)
}
