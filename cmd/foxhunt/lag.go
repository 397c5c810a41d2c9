package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math"
	"slices"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"foxhunt/jetstream"
)

// lagView shows the lag again and again, or once.
type lagView struct {
	conn     *jetstream.Conn
	topology jetstream.Topology
	out      io.Writer
	log      *slog.Logger

	once, asJSON bool
	interval     time.Duration
	limit        int // subjects in the table

	tracker jetstream.LagTracker
	seen    map[string]struct{} // subjects of earlier readings
	failing bool                // the last reading failed
	shown   bool                // something is on the screen
}

func newLag() *cobra.Command {
	var nats natsOptions
	var names topologyOptions
	var v lagView
	cmd := &cobra.Command{
		Use:   "lag",
		Short: "Show, subject by subject, how far the workers are behind",
		Long: `Show, subject by subject, how far the workers are behind.

LAG counts the captures of a subject that have no fix yet. COMPANIONS are those of them that wait for the captures of other
stations, and for no worker. IN FLIGHT are those that workers were given, the former among them; OLDEST is the age of the
first, DEAD LETTERS counts what is kept of captures that could not be located (see foxhunt dead).
A - is a figure that was not asked for, as the subject is not one of the --limit furthest behind or its captures are
large; and the age of the oldest capture where none is left.

A subject stays in the table, with 0, once it was seen or while it has dead letters. Letters of captures whose subject
was none are counted under captures.invalid.`,
		Example: "  foxhunt lag --nats nats://127.0.0.1:4222 --once",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if v.interval <= 0 {
				return fmt.Errorf("interval is %v; want more than 0", v.interval)
			}
			if v.limit < 1 || v.limit > 1000 {
				return fmt.Errorf("limit is %d; want 1 to 1000", v.limit)
			}
			if v.topology, err = names.topology(); err != nil {
				return err
			}
			v.out, v.log = cmd.OutOrStdout(), slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), nil))
			nats.Log = v.log
			connect := nats.connect
			if v.once {
				connect = nats.connectSoon
			}
			if v.conn, err = connect(cmd.Context(), "lag"); err != nil {
				return err
			}
			defer v.conn.Close()
			return v.run(cmd.Context())
		},
	}
	nats.register(cmd.Flags())
	names.registerNames(cmd.Flags())
	cmd.Flags().BoolVar(&v.once, "once", false, "show it once and end")
	cmd.Flags().BoolVar(&v.asJSON, "json", false, "one JSON value a reading, with all subjects")
	cmd.Flags().DurationVar(&v.interval, "interval", 2*time.Second, "time between readings")
	cmd.Flags().IntVar(&v.limit, "limit", 20, "subjects shown, those furthest behind; only their captures are looked at")
	return cmd
}

// run shows readings until ctx ends. What may pass, as a lost connection, is told and waited for.
func (v *lagView) run(ctx context.Context) error {
	for {
		err := v.show(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case v.once || err != nil && !isPassing(err):
			return err
		case err != nil && !v.failing:
			v.log.Warn("the lag cannot be read, trying again", "error", err)
		}
		v.failing = err != nil
		select {
		case <-ctx.Done():
			return nil
		case <-v.conn.Closed():
			return untilClosed(ctx, v.conn)
		case <-time.After(v.interval):
		}
	}
}

// readingTime is how long a reading may take.
const readingTime = 10 * time.Second

// show takes and shows one reading.
func (v *lagView) show(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readingTime)
	defer cancel()
	lag, err := v.conn.Lag(ctx, v.topology, v.limit)
	if err != nil {
		return err
	}
	if !v.once { // a single reading is shown as it is
		v.tracker.Add(&lag)
	}
	v.keep(&lag)
	if v.asJSON {
		return json.NewEncoder(v.out).Encode(lag)
	}
	if v.shown && isTerminal(v.out) {
		fmt.Fprint(v.out, "\x1b[H\x1b[2J") // home, and clear the screen
	}
	v.shown = true
	return printLag(v.out, lag, v.limit)
}

// mostSeen bounds the subjects that are remembered: anybody who may publish chooses them.
const mostSeen = 10_000

// keep adds rows of 0 for subjects that had captures in an earlier reading, and for those with dead letters: that nothing
// waits any more is worth seeing. Those with the most letters come first.
func (v *lagView) keep(lag *jetstream.Lag) {
	if v.seen == nil {
		v.seen = map[string]struct{}{}
	}
	behind := map[string]struct{}{}
	for _, s := range lag.Subjects {
		behind[s.Subject] = struct{}{}
		if len(v.seen) < mostSeen {
			v.seen[s.Subject] = struct{}{}
		}
	}
	drained := map[string]struct{}{}
	maps.Copy(drained, v.seen)
	for subject := range lag.DeadLetters.Subjects {
		drained[subject] = struct{}{}
	}
	letters := lag.DeadLetters.Subjects
	for _, subject := range slices.SortedFunc(maps.Keys(drained), func(a, b string) int {
		return cmp.Or(cmp.Compare(letters[b], letters[a]), cmp.Compare(a, b))
	}) {
		if _, twice := behind[subject]; !twice {
			none := uint64(0)
			lag.Subjects = append(lag.Subjects, jetstream.SubjectLag{Subject: subject, InFlight: &none})
		}
	}
}

func printLag(out io.Writer, lag jetstream.Lag, limit int) error {
	fmt.Fprintf(out, "%s  %d captures: %d waiting, %d in flight (%d again), %d dead; %d dead letters; %s\n",
		lag.Time.Format(time.TimeOnly), lag.Total, lag.Pending, lag.InFlight, lag.Redelivered, lag.Dead, lag.DeadLetters.Total, pullsText(lag.Waiting))
	if lag.EventsOpen != nil && *lag.EventsOpen > 0 {
		fmt.Fprintf(out, "          %d events open, for which %d of the captures in flight wait for companions\n", *lag.EventsOpen, lag.Companions)
	}
	if p := lag.Pace; p != nil {
		fmt.Fprintf(out, "          %.1f/s come, %.1f/s go; %s\n", p.Arriving, p.Completing, drainText(lag.Total-min(lag.Companions, lag.Total), p))
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "SUBJECT\tLAG\tCOMPANIONS\tIN FLIGHT\tOLDEST\tDEAD LETTERS")
	for _, s := range lag.Subjects[:min(limit, len(lag.Subjects))] {
		inFlight, oldest := "-", "-"
		if s.InFlight != nil {
			inFlight = strconv.FormatUint(*s.InFlight, 10)
		}
		if s.OldestAge != nil {
			oldest = duration(*s.OldestAge)
		}
		fmt.Fprintf(table, "%s\t%d\t%d\t%s\t%s\t%d\n", printable(s.Subject), s.Lag, s.Companions, inFlight, oldest, lag.DeadLetters.Subjects[s.Subject])
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if more := len(lag.Subjects) - limit; more > 0 {
		fmt.Fprintf(out, "... and %d more\n", more)
	}
	return nil
}

// pullsText: a worker that is busy pulls nothing either.
func pullsText(open int) string {
	if open == 0 {
		return "no pull open: workers are busy or absent"
	}
	return fmt.Sprintf("%d workers' pulls open", open)
}

// drainText: a backlog of less than a second's work is what workers who keep up have always before them.
func drainText(total uint64, p *jetstream.Pace) string {
	switch {
	case total == 0:
		return "none waits"
	case p.Drain != nil:
		return "drained in " + duration(*p.Drain)
	case float64(total) <= p.Completing:
		return "less than a second's work waits"
	}
	return "they do not get fewer"
}

// duration writes seconds as precisely as anybody wants to read them.
func duration(seconds float64) string {
	const most = math.MaxInt64 / float64(time.Second) / 2
	d := time.Duration(min(seconds, most) * float64(time.Second))
	if d >= time.Minute {
		return d.Round(time.Second).String()
	}
	return d.Round(time.Millisecond).String()
}

// printable quotes a subject with characters that would act on the terminal; anybody who may publish chooses it.
func printable(subject string) string {
	if quoted := strconv.Quote(subject); quoted != `"`+subject+`"` {
		return quoted
	}
	return subject
}
