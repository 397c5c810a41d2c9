package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"foxhunt/jetstream"
)

func newDeadPurge() *cobra.Command {
	var stream deadStream
	var choice deadChoice
	var dryRun bool
	cmd := &cobra.Command{
		Use:   "purge [NUMBER...]",
		Short: "Delete dead letters for good",
		Long: `Delete dead letters for good, with the captures in them: those of these numbers, or those that the filters choose.
All of them only with --all.`,
		Example: `  foxhunt dead purge --reason truncated --older 24h --dry-run
  foxhunt dead purge 12`,
		RunE: func(cmd *cobra.Command, args []string) error {
			sequences, filter, err := choice.settle(args)
			if err != nil {
				return err
			}
			if err := stream.open(cmd); err != nil {
				return err
			}
			defer stream.conn.Close()
			if dryRun {
				return stream.wouldPurge(cmd.Context(), sequences, filter, cmd.OutOrStdout())
			}
			return stream.purge(cmd.Context(), sequences, filter, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	stream.register(cmd.Flags())
	choice.register(cmd.Flags())
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "list what would be deleted and delete nothing")
	return cmd
}

func (s *deadStream) wouldPurge(ctx context.Context, sequences []uint64, filter jetstream.DeadFilter, out io.Writer) error {
	table := newDeadTable(out)
	for d, err := range s.chosen(ctx, sequences, filter) {
		if err == nil {
			err = table.add(d)
		}
		if err != nil {
			return err
		}
	}
	return table.end("dead letters would be deleted")
}

// purge goes on where one of the numbers is not there.
func (s *deadStream) purge(ctx context.Context, sequences []uint64, filter jetstream.DeadFilter, out, log io.Writer) (err error) {
	table := newDeadTable(out)
	missing := 0
	if len(sequences) == 0 {
		err = s.conn.PurgeDead(ctx, s.topology, filter, table.count)
	}
	for _, sequence := range sequences {
		var d jetstream.Dead
		if d, err = s.conn.DeadLetter(ctx, s.topology, sequence); err == nil {
			err = s.conn.DeleteDead(ctx, s.topology, sequence)
		}
		switch {
		case err == nil:
			table.count(d)
		case concernsOne(err):
			missing++
			fmt.Fprintln(log, err)
			err = nil
		default:
			return err
		}
	}
	if shown := table.end("dead letters were deleted"); err == nil {
		err = shown
	}
	if err == nil && missing > 0 {
		err = fmt.Errorf("%d of %d dead letters are not there", missing, len(sequences))
	}
	return err
}
