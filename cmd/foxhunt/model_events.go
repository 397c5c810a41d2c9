package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"foxhunt/jetstream"
	"foxhunt/rollout"
)

func newModelEvents() *cobra.Command {
	var nats natsOptions
	var names topologyOptions
	var follow, asJSON bool
	var last time.Duration
	cmd := &cobra.Command{
		Use:   "events",
		Short: "Show what happened to the fleet's models: pushed, promoted, loaded, refused, stopped, ...",
		Long: `Show what happened to the fleet's models, in order of time: what people had done, and what workers made of it. Events are
kept for 14 days. docs/models.md lists their kinds.`,
		Example: `  foxhunt model events --last 1h
  foxhunt model events --follow --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if last <= 0 {
				return fmt.Errorf("last is %v; want more than 0", last)
			}
			topology, err := names.topology()
			if err != nil {
				return err
			}
			nats.Log = slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), nil))
			conn, err := nats.connectSoon(cmd.Context(), "model events")
			if err != nil {
				return err
			}
			defer conn.Close()
			for e, err := range conn.Events(cmd.Context(), topology, time.Now().Add(-last), follow) {
				if err == nil {
					err = printEvent(cmd.OutOrStdout(), e, asJSON)
				}
				if err != nil {
					return untilStopped(cmd.Context(), err)
				}
			}
			return nil
		},
	}
	nats.register(cmd.Flags())
	names.registerPrefix(cmd.Flags())
	cmd.Flags().BoolVar(&follow, "follow", false, "go on with those that come, until stopped")
	cmd.Flags().DurationVar(&last, "last", 24*time.Hour, "only events of this time until now")
	cmd.Flags().BoolVar(&asJSON, "json", false, "one JSON value a line")
	return cmd
}

// printEvent shows an event. Who may publish it chose what it says.
func printEvent(out io.Writer, message jetstream.EventMessage, asJSON bool) error {
	var e rollout.Event
	if err := json.Unmarshal(message.Body, &e); err != nil {
		e = rollout.Event{Sentence: "an event that cannot be read"}
	}
	e.Kind, e.At = message.Kind, message.Stored.UTC() // which nobody else can choose
	if asJSON {
		return writeJSON(out, e)
	}
	sentence := e.Sentence
	if e.Code != "" {
		sentence += " (" + e.Code + ")"
	}
	_, err := fmt.Fprintf(out, "%s  %-11s  %s  %s\n", utc(e.At), brief(e.Kind, 40), brief(e.By, 40), brief(sentence, 400))
	return err
}
