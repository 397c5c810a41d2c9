package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"foxhunt/jetstream"
	"foxhunt/messages"
)

func newDeadLs() *cobra.Command {
	var stream deadStream
	var flags deadFilter
	var limit int
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "ls",
		Short: "List dead letters in order of time",
		Long: `List dead letters in order of time, the oldest first, and count them by reason.

NUMBER is what show, replay and purge want. With --json there is one JSON value a line, and no count. Where the stream
is so full that it discards the oldest letters, a warning says so.`,
		Example: `  foxhunt dead ls
  foxhunt dead ls --station HB9ODP --reason no_overlap --newer 24h --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			filter, err := flags.at(time.Now())
			if err != nil {
				return err
			}
			if limit < 0 {
				return fmt.Errorf("limit is %d; want 0, which is none, or more", limit)
			}
			if err := stream.open(cmd); err != nil {
				return err
			}
			defer stream.conn.Close()
			return stream.list(cmd, filter, limit, asJSON)
		},
	}
	stream.register(cmd.Flags())
	flags.register(cmd.Flags())
	cmd.Flags().IntVar(&limit, "limit", 0, "list no more than so many, the oldest, and count no others by reason; 0: all")
	cmd.Flags().BoolVar(&asJSON, "json", false, "one JSON value a line")
	return cmd
}

func (s *deadStream) list(cmd *cobra.Command, filter jetstream.DeadFilter, limit int, asJSON bool) error {
	out := cmd.OutOrStdout()
	table := newDeadTable(out)
	for d, err := range s.conn.DeadLetters(cmd.Context(), s.topology, filter) {
		if err != nil {
			return err
		}
		if asJSON {
			table.count(d)
			err = writeJSON(out, newDeadValue(d))
		} else {
			err = table.add(d)
		}
		if err != nil {
			return err
		}
		if table.total == limit {
			break
		}
	}
	room, err := s.conn.DeadRoom(cmd.Context(), s.topology)
	if !asJSON {
		if shown := table.endOf(limit, filter.All(), room.Letters); shown != nil {
			return shown
		}
	}
	for _, warning := range room.Warnings() {
		fmt.Fprintf(cmd.ErrOrStderr(), "warning: %s: %s\n", s.topology.Dead.Name, warning)
	}
	return err
}

// deadTable shows dead letters, one a line, as they come, and counts them by reason.
type deadTable struct {
	out     io.Writer
	columns *tabwriter.Writer
	total   int
	reasons map[string]int
}

func newDeadTable(out io.Writer) *deadTable {
	return &deadTable{out: out, columns: tabwriter.NewWriter(out, 0, 0, 2, ' ', 0), reasons: map[string]int{}}
}

const (
	deadBlock   = 500 // rows that share the widths of their columns; all would have to be kept until the last
	deadReasons = 100 // that are counted by name: a stranger may invent as many as there are letters
)

func (t *deadTable) add(d jetstream.Dead) error {
	if t.total%deadBlock == 0 {
		if err := t.columns.Flush(); err != nil {
			return err
		}
		fmt.Fprintln(t.columns, "NUMBER\tSTORED (UTC)\tREASON\tSUBJECT\tBYTES\tDELIVERED\tREPLAYED\tSENTENCE")
	}
	t.count(d)
	l := d.Letter
	_, err := fmt.Fprintf(t.columns, "%d\t%s\t%s\t%s\t%d\t%d\t%d\t%s\n", d.Sequence, d.Stored.UTC().Format(time.DateTime),
		brief(l.Reason, 32), brief(l.Subject, 80), d.Size, l.Deliveries, messages.ReplayOf(l.Headers).Count, brief(l.Sentence, 120))
	return err
}

func (t *deadTable) count(d jetstream.Dead) {
	t.total++
	reason := d.Letter.Reason
	if _, known := t.reasons[reason]; !known && len(t.reasons) >= deadReasons {
		reason = "others"
	}
	t.reasons[reason]++
}

// endOf shows the count. Where the limit ended the list it says of how many; of a filter's, only reading all would tell.
func (t *deadTable) endOf(limit int, unfiltered bool, letters uint64) error {
	switch {
	case t.total == 0 || t.total != limit:
		return t.end("dead letters")
	case !unfiltered:
		return t.end("dead letters, as many as --limit allows")
	case letters > uint64(t.total):
		return t.end(fmt.Sprintf("of %d dead letters", letters))
	}
	return t.end("dead letters")
}

// end shows the count.
func (t *deadTable) end(what string) error {
	if err := t.columns.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintln(t.out, t.summary(what))
	return err
}

// summary is "3 dead letters: 2 bad_rate, 1 truncated", the most frequent reason first.
func (t *deadTable) summary(what string) string {
	if t.total == 0 {
		return "no " + what
	}
	byName := slices.Sorted(maps.Keys(t.reasons))
	slices.SortStableFunc(byName, func(a, b string) int { return t.reasons[b] - t.reasons[a] })
	var parts []string
	for _, reason := range byName {
		parts = append(parts, fmt.Sprintf("%d %s", t.reasons[reason], brief(reason, 32)))
	}
	return fmt.Sprintf("%d %s: %s", t.total, what, strings.Join(parts, ", "))
}

// brief is a stranger's text for one column of a terminal.
func brief(s string, most int) string {
	s = strings.ToValidUTF8(s, "�")
	if runes := []rune(s); len(runes) > most {
		s = string(runes[:most-1]) + "…"
	}
	return printable(s)
}
