package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/spf13/cobra"

	"foxhunt/geo"
	"foxhunt/jetstream"
	"foxhunt/messages"
)

// watcher prints fixes as they come.
type watcher struct {
	conn    *jetstream.Conn
	streams jetstream.Topology
	filter  string
	format  string // line, json or geojson
	count   int    // fixes to print; 0: no end
	out     io.Writer
	ready   func() // called once fixes would be seen; may be nil
	log     *slog.Logger
	truths  truths
}

func newWatch() *cobra.Command {
	var nats natsOptions
	var streams topologyOptions
	var timeout time.Duration
	w := watcher{}
	cmd := &cobra.Command{
		Use:   "watch",
		Short: "Print fixes as they are published",
		Long: `Print fixes as they are published: a line for people, or one JSON or GeoJSON value a line for programs.

With --count it ends after so many fixes; if --timeout passes first, that is an error.`,
		Example: "  foxhunt watch --nats nats://127.0.0.1:4222 --count 10 --timeout 1m --format line",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if w.format != "line" && w.format != "json" && w.format != "geojson" {
				return fmt.Errorf("format is %q; want line, json or geojson", w.format)
			}
			ctx := cmd.Context()
			if timeout > 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeoutCause(ctx, timeout, errTimeout)
				defer cancel()
			}
			topology, err := streams.topology()
			if err != nil {
				return err
			}
			nats.Log = slog.New(slog.NewTextHandler(os.Stderr, nil))
			conn, err := nats.connect(ctx, "watch")
			if err != nil {
				return err
			}
			defer conn.Close()
			w.conn, w.streams, w.out, w.log = conn, topology, cmd.OutOrStdout(), nats.Log
			return w.run(ctx)
		},
	}
	nats.register(cmd.Flags())
	streams.registerPrefix(cmd.Flags())
	cmd.Flags().StringVar(&w.filter, "subject", messages.AllFixes, "subject of the fixes, with NATS wildcards; "+messages.AllShadows+" for what shadow models say")
	cmd.Flags().StringVar(&w.format, "format", "line", "line, json or geojson")
	cmd.Flags().IntVar(&w.count, "count", 0, "end after so many fixes; 0: no end")
	cmd.Flags().DurationVar(&timeout, "timeout", 0, "end after this time; 0: no end")
	return cmd
}

var errTimeout = errors.New("the time-out passed")

// run prints until the count is reached or ctx ends.
func (w *watcher) run(ctx context.Context) error {
	if w.format == "line" { // before the fixes: a truth is published ahead of its capture
		stop, err := w.conn.SubscribePlain("truth.>", func(_ string, data []byte) { w.truths.add(data) })
		if err != nil {
			return err
		}
		defer stop()
	}
	fixes, err := w.conn.Fixes(ctx, w.streams, w.filter)
	if err != nil {
		return w.ended(ctx, 0, err)
	}
	defer fixes.Stop()
	if w.ready != nil {
		w.ready()
	}
	for n := 0; w.count == 0 || n < w.count; {
		message, err := fixes.Next(ctx)
		if err != nil {
			return w.ended(ctx, n, err)
		}
		fix, err := messages.DecodeFix(message.ContentType, message.Body)
		if err != nil {
			w.log.Warn("something that is no fix was published among the fixes", "subject", message.Subject, "error", err)
			continue
		}
		if messages.IsShadow(message.Subject) {
			fix.Arm = messages.ArmShadow // whatever it says of itself
		}
		if err := w.print(fix); err != nil {
			return err
		}
		n++
	}
	return nil
}

// ended tells the end that was asked for from the one that was not.
func (w *watcher) ended(ctx context.Context, seen int, err error) error {
	switch {
	case ctx.Err() != nil && w.count > 0:
		return fmt.Errorf("%d of %d fixes came before the end: %w", seen, w.count, context.Cause(ctx))
	case ctx.Err() != nil:
		return nil
	}
	return err
}

func (w *watcher) print(fix *messages.Fix) error {
	switch w.format {
	case "json":
		return json.NewEncoder(w.out).Encode(fix)
	case "geojson":
		return w.printGeoJSON(fix)
	}
	_, err := fmt.Fprintln(w.out, fixLine(fix)+w.truths.compare(fix))
	return err
}

func (w *watcher) printGeoJSON(fix *messages.Fix) error {
	u := fix.Uncertainty
	ellipse := geo.Ellipse{SemiMajor: u.SemiMajor, SemiMinor: u.SemiMinor, Theta: u.Theta, Confidence: u.ConfidenceInterval}
	polygon, err := ellipse.Polygon(geo.Position{Latitude: fix.Position.Latitude, Longitude: fix.Position.Longitude}, geo.Vertices)
	if err != nil {
		return err
	}
	fix.GeoJSON = nil
	return json.NewEncoder(w.out).Encode(geo.NewFeature(polygon, fix))
}

// fixLine is a fix in one line.
func fixLine(fix *messages.Fix) string {
	used := 0
	out := ""
	for _, r := range fix.Receivers {
		if r.Used {
			used++
		} else {
			out += " without " + r.Station
		}
	}
	if fix.Arm != "" && fix.Arm != messages.ArmChampion {
		out += fmt.Sprintf("  %s %s %s", fix.Arm, printable(fix.Model.Name), printable(fix.Model.Version))
	}
	u := fix.Uncertainty
	return fmt.Sprintf("%s  %-20s  %9.4f MHz  %s  ±%7s x %7s at %+3.0f°  confidence %.2f  %d/%d receivers%s",
		fix.Time.Time().Format("15:04:05.0"), fix.Network+"/"+fix.Source, fix.Frequency/1e6, coordinates(fix.Position),
		metres(u.SemiMajor), metres(u.SemiMinor), u.Theta, fix.Confidence, used, len(fix.Receivers), out)
}

func coordinates(p messages.Position) string {
	ns, ew := 'N', 'E'
	if p.Latitude < 0 {
		p.Latitude, ns = -p.Latitude, 'S'
	}
	if p.Longitude < 0 {
		p.Longitude, ew = -p.Longitude, 'W'
	}
	return fmt.Sprintf("%8.5f %c %9.5f %c", p.Latitude, ns, p.Longitude, ew)
}

func metres(m float64) string {
	if m >= 10e3 {
		return fmt.Sprintf("%.1f km", m/1e3)
	}
	return fmt.Sprintf("%.0f m", m)
}
