package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"foxhunt/jetstream"
)

func newDead() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "dead",
		Short: "List, show, replay and purge dead letters: captures that could not be located",
		Long: `List, show, replay and purge dead letters: captures that could not be located, each with the reason.

They are kept for 14 days. What the reasons mean is in docs/messages.md.`,
		Example: "  foxhunt dead ls --reason bad_rate --newer 24h",
		Args:    cobra.NoArgs, // so that a subcommand misspelt is an error
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newDeadLs(), newDeadShow(), newDeadReplay(), newDeadPurge())
	return cmd
}

// deadStream is what every command about dead letters needs: a connection, and which stream they are in.
type deadStream struct {
	nats     natsOptions
	names    topologyOptions
	conn     *jetstream.Conn
	topology jetstream.Topology
}

func (s *deadStream) register(flags *pflag.FlagSet) {
	s.nats.register(flags)
	s.names.registerPrefix(flags)
}

// open connects. What is said besides the output goes to standard error.
func (s *deadStream) open(cmd *cobra.Command) (err error) {
	if s.topology, err = s.names.topology(); err != nil {
		return err
	}
	s.nats.Log = slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), nil))
	s.conn, err = s.nats.connectSoon(cmd.Context(), "dead")
	return err
}

// deadFilter is the flags that choose dead letters.
type deadFilter struct {
	jetstream.DeadFilter
	older, newer time.Duration
}

func (f *deadFilter) register(flags *pflag.FlagSet) {
	flags.StringVar(&f.Reason, "reason", "", "only those of this reason, such as bad_rate")
	flags.StringVar(&f.Subject, "subject", "", "only those of this original subject, with NATS wildcards, such as captures.dcf.*")
	flags.StringVar(&f.Station, "station", "", "only captures that this station heard, as far as they can be read, or whose subject names it")
	flags.DurationVar(&f.older, "older", 0, "only those that are in the stream for longer than this")
	flags.DurationVar(&f.newer, "newer", 0, "only those that are in the stream for no longer than this")
}

// at is the filter with ages as times, counted from now.
func (f *deadFilter) at(now time.Time) (jetstream.DeadFilter, error) {
	chosen := f.DeadFilter
	switch {
	case f.older < 0 || f.newer < 0:
		return chosen, errors.New("older and newer are times of 0 or more")
	case f.older > 0 && f.newer > 0 && f.older >= f.newer:
		return chosen, fmt.Errorf("nothing is older than %v and newer than %v", f.older, f.newer)
	}
	if f.older > 0 {
		chosen.Before = now.Add(-f.older)
	}
	if f.newer > 0 {
		chosen.After = now.Add(-f.newer)
	}
	return chosen, nil
}

// deadChoice is the dead letters that a command is to change: their numbers, or a filter, or all.
type deadChoice struct {
	filter deadFilter
	all    bool
}

func (c *deadChoice) register(flags *pflag.FlagSet) {
	c.filter.register(flags)
	flags.BoolVar(&c.all, "all", false, "all of them, where no filter is given")
}

// settle reads the arguments and refuses a choice that is none, before anything is opened.
func (c *deadChoice) settle(args []string) ([]uint64, jetstream.DeadFilter, error) {
	filter, err := c.filter.at(time.Now())
	if err != nil {
		return nil, filter, err
	}
	switch {
	case len(args) > 0 && (c.all || !filter.All()):
		return nil, filter, errors.New("numbers and filters are both given; want one of them")
	case len(args) == 0 && !c.all && filter.All():
		return nil, filter, errors.New("no dead letters are chosen; want their numbers, a filter such as --reason bad_rate, or --all")
	}
	var sequences []uint64
	for _, arg := range args {
		sequence, err := deadNumber(arg)
		if err != nil {
			return nil, filter, err
		}
		sequences = append(sequences, sequence)
	}
	return sequences, filter, nil
}

func deadNumber(arg string) (uint64, error) {
	sequence, err := strconv.ParseUint(arg, 10, 64)
	if err != nil || sequence == 0 {
		return 0, fmt.Errorf("%.40q is no dead letter's number; foxhunt dead ls shows them", arg)
	}
	return sequence, nil
}

// chosen are the letters of these numbers, or if there are none those that the filter chooses. An error does not end them
// where a number is not there.
func (s *deadStream) chosen(ctx context.Context, sequences []uint64, filter jetstream.DeadFilter) iter.Seq2[jetstream.Dead, error] {
	if len(sequences) == 0 {
		return s.conn.DeadLetters(ctx, s.topology, filter)
	}
	return func(yield func(jetstream.Dead, error) bool) {
		for _, sequence := range sequences {
			if !yield(s.conn.DeadLetter(ctx, s.topology, sequence)) {
				return
			}
		}
	}
}

// concernsOne reports whether an error is about a single dead letter, so that others are worth an attempt.
func concernsOne(err error) bool {
	var e *jetstream.Error
	if !errors.As(err, &e) {
		return false
	}
	switch e.Code {
	case jetstream.CodeNoLetter, jetstream.CodeNoCapture, jetstream.CodeNotReplayable, jetstream.CodeStationOverLimit, jetstream.CodeTooLarge:
		return true
	}
	return false
}
