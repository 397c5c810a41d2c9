package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"foxhunt/jetstream"
)

func newLag() *cobra.Command {
	var nats natsOptions
	var once, asJSON bool
	var interval time.Duration
	cmd := &cobra.Command{
		Use:     "lag",
		Short:   "Show, subject by subject, how far the workers are behind",
		Example: "  foxhunt lag --nats nats://127.0.0.1:4222 --once",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if interval <= 0 {
				return fmt.Errorf("interval is %v; want more than 0", interval)
			}
			nats.Log = slog.New(slog.NewTextHandler(os.Stderr, nil))
			conn, err := nats.connect(cmd.Context(), "lag")
			if err != nil {
				return err
			}
			defer conn.Close()
			for first := true; ; first = false {
				if err := showLag(cmd.Context(), conn, cmd.OutOrStdout(), asJSON, !first && !asJSON); err != nil {
					return err
				}
				if once {
					return nil
				}
				select {
				case <-cmd.Context().Done():
					return nil
				case <-time.After(interval):
				}
			}
		},
	}
	nats.register(cmd.Flags())
	cmd.Flags().BoolVar(&once, "once", false, "show it once and end")
	cmd.Flags().BoolVar(&asJSON, "json", false, "one JSON value a reading")
	cmd.Flags().DurationVar(&interval, "interval", 2*time.Second, "time between readings")
	return cmd
}

func showLag(ctx context.Context, conn *jetstream.Conn, out io.Writer, asJSON, redraw bool) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	lag, err := conn.Lag(ctx, jetstream.DefaultTopology(), lagOldest)
	if err != nil {
		return err
	}
	if asJSON {
		return json.NewEncoder(out).Encode(lag)
	}
	if redraw {
		fmt.Fprint(out, "\x1b[H\x1b[2J") // home, and clear the screen
	}
	fmt.Fprintf(out, "%s  %d captures: %d waiting, %d in flight (%d again), %d dead; %d workers' pulls open\n",
		lag.Time.Format(time.TimeOnly), lag.Total, lag.Pending, lag.InFlight, lag.Redelivered, lag.Dead, lag.Waiting)
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "SUBJECT\tLAG\tOLDEST")
	for _, s := range lag.Subjects {
		oldest := "-"
		if s.OldestAge != nil {
			oldest = time.Duration(*s.OldestAge * float64(time.Second)).Round(time.Millisecond).String()
		}
		fmt.Fprintf(table, "%s\t%d\t%s\n", printable(s.Subject), s.Lag, oldest)
	}
	return table.Flush()
}

// printable quotes a subject with characters that would act on the terminal; anybody who may publish chooses it.
func printable(subject string) string {
	if quoted := strconv.Quote(subject); quoted != `"`+subject+`"` {
		return quoted
	}
	return subject
}
