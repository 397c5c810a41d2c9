package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"strconv"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"foxhunt/jetstream"
	"foxhunt/messages"
)

// fetchOptions is which captures are fetched, and where they go.
type fetchOptions struct {
	deadStream
	choice  deadChoice
	dead    bool
	last    int
	folder  string
	archive bool
	force   bool
	asJSON  bool
}

func newFetch() *cobra.Command {
	var o fetchOptions
	cmd := &cobra.Command{
		Use:   "fetch [NUMBER...]",
		Short: "Write captures off the stream, or dead letters, as SigMF files",
		Long: `Write captures off the stream, or dead letters, as SigMF files, which any SigMF tool opens.

Captures that wait for workers are chosen by the numbers under which they were stored, which publish shows, by --subject, by
--last or with --all. They are copied: workers do not miss them, and may finish some meanwhile. With --dead it is dead
letters, by the numbers that foxhunt dead ls shows, or by its filters; what of a broken capture makes no sense is left out.

Each receiver of a capture becomes a recording of its own, CAPTURE-ID_STATION.sigmf-meta and .sigmf-data, or one .sigmf with
--archive. Nothing is overwritten without --force. foxhunt publish puts a capture together again from its recordings.

It needs the rights of an operator, as foxhunt dead does. docs/sigmf.md tells what the files say.`,
		Example: `  foxhunt fetch --subject 'captures.dcf.*' --last 10 --out recordings
  foxhunt fetch 4711 --archive
  foxhunt fetch --dead --reason no_overlap --newer 24h --out broken`,
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd, args) },
	}
	o.register(cmd.Flags())
	return cmd
}

func (o *fetchOptions) register(flags *pflag.FlagSet) {
	o.deadStream.register(flags)
	o.choice.register(flags)
	flags.BoolVar(&o.dead, "dead", false, "fetch dead letters in place of captures that wait")
	flags.IntVar(&o.last, "last", 0, "only the last so many of those chosen")
	flags.StringVar(&o.folder, "out", ".", "folder for the files, made if it is not there")
	flags.BoolVar(&o.archive, "archive", false, "one archive (.sigmf) a receiver in place of two files")
	flags.BoolVar(&o.force, "force", false, "overwrite files that are there")
	flags.BoolVar(&o.asJSON, "json", false, "one JSON value a line")
}

// settle refuses a choice that is none before anything is opened.
func (o *fetchOptions) settle(args []string) ([]uint64, jetstream.DeadFilter, error) {
	f := o.choice.filter
	switch {
	case o.last < 0:
		return nil, f.DeadFilter, fmt.Errorf("last is %d; want 1 or more", o.last)
	case o.last > 0 && len(args) > 0:
		return nil, f.DeadFilter, errors.New("numbers and --last are both given; want one of them")
	case o.dead:
		o.choice.all = o.choice.all || o.last > 0 && f == (deadFilter{})
		return o.choice.settle(args)
	case f.Reason != "" || f.Station != "" || f.older != 0 || f.newer != 0:
		return nil, f.DeadFilter, errors.New("reason, station, older and newer choose dead letters; add --dead, or choose by --subject or --last")
	case len(args) > 0 && (o.choice.all || f.Subject != ""):
		return nil, f.DeadFilter, errors.New("numbers and --subject or --all are both given; want one of them")
	case len(args) == 0 && !o.choice.all && f.Subject == "" && o.last == 0:
		return nil, f.DeadFilter, errors.New("no captures are chosen; want their numbers, --subject, --last or --all, or --dead and what dead letters")
	}
	var sequences []uint64
	for _, arg := range args {
		sequence, err := strconv.ParseUint(arg, 10, 64)
		if err != nil || sequence == 0 {
			return nil, f.DeadFilter, fmt.Errorf("%.40q is no capture's number; foxhunt publish shows it as \"stored as\"", arg)
		}
		sequences = append(sequences, sequence)
	}
	return sequences, f.DeadFilter, nil
}

// fetchedCapture is a capture on its way to files.
type fetchedCapture struct {
	number  uint64
	subject string
	body    []byte
	letter  *messages.DeadLetter // nil for one that waits
}

func (o *fetchOptions) run(cmd *cobra.Command, args []string) error {
	sequences, filter, err := o.settle(args)
	if err != nil {
		return err
	}
	if err := o.open(cmd); err != nil {
		return err
	}
	defer o.conn.Close()
	if err := os.MkdirAll(o.folder, 0o755); err != nil {
		return err
	}
	w := newFetchWriter(o, cmd.OutOrStdout(), cmd.ErrOrStderr())
	for f, err := range o.captures(cmd.Context(), sequences, filter) {
		if err == nil {
			err = w.write(f)
		}
		if err == nil {
			continue
		}
		if !concernsOne(err) {
			return errors.Join(w.flush(), fmt.Errorf("%s: %w", w.summary(), err))
		}
		w.fail(err)
	}
	return w.end()
}

// captures are those that are chosen. One that went meanwhile is no error unless it was named.
func (o *fetchOptions) captures(ctx context.Context, sequences []uint64, filter jetstream.DeadFilter) iter.Seq2[fetchedCapture, error] {
	return func(yield func(fetchedCapture, error) bool) {
		named := len(sequences) > 0
		if o.last > 0 {
			var err error
			if sequences, err = o.lastOnes(ctx, filter); err != nil {
				yield(fetchedCapture{}, err)
				return
			}
			if len(sequences) == 0 {
				return
			}
		}
		for f, err := range o.each(ctx, sequences, filter) {
			if err != nil && !named && isGone(err) {
				continue
			}
			if !yield(f, err) {
				return
			}
		}
	}
}

func isGone(err error) bool {
	var e *jetstream.Error
	return errors.As(err, &e) && (e.Code == jetstream.CodeNoCapture || e.Code == jetstream.CodeNoLetter)
}

// lastOnes are the numbers of the last of those that the filter chooses.
func (o *fetchOptions) lastOnes(ctx context.Context, filter jetstream.DeadFilter) (numbers []uint64, err error) {
	if !o.dead {
		return o.conn.LastCaptures(ctx, o.topology, filter.Subject, o.last)
	}
	for d, err := range o.conn.DeadLetters(ctx, o.topology, filter) {
		if err != nil {
			return nil, err
		}
		numbers = append(numbers, d.Sequence)
	}
	return numbers[max(0, len(numbers)-o.last):], nil
}

// each reads the captures of these numbers, or if there are none those that the filter chooses.
func (o *fetchOptions) each(ctx context.Context, sequences []uint64, filter jetstream.DeadFilter) iter.Seq2[fetchedCapture, error] {
	return func(yield func(fetchedCapture, error) bool) {
		if o.dead {
			for d, err := range o.chosen(ctx, sequences, filter) {
				if err == nil && d.Letter.Body == nil { // listed without
					d, err = o.conn.DeadLetter(ctx, o.topology, d.Sequence)
				}
				f := fetchedCapture{number: d.Sequence}
				if err == nil {
					f.subject, f.body, f.letter = d.Letter.Subject, d.Letter.Body, d.Letter
				}
				if !yield(f, err) {
					return
				}
			}
			return
		}
		for m, err := range o.waiting(ctx, sequences, filter.Subject) {
			if !yield(fetchedCapture{number: m.Sequence, subject: m.Subject, body: m.Data}, err) {
				return
			}
		}
	}
}

func (o *fetchOptions) waiting(ctx context.Context, sequences []uint64, subject string) iter.Seq2[jetstream.StreamMessage, error] {
	if len(sequences) == 0 {
		return o.conn.StoredCaptures(ctx, o.topology, subject)
	}
	return func(yield func(jetstream.StreamMessage, error) bool) {
		for _, sequence := range sequences {
			if !yield(o.conn.StoredCapture(ctx, o.topology, sequence)) {
				return
			}
		}
	}
}
