package main

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/sync/errgroup"

	"foxhunt/jetstream"
	"foxhunt/metrics"
)

// exporterOptions say how the lag is read for the metrics.
type exporterOptions struct {
	interval time.Duration
	subjects int // shown by name
	oldest   int // looked at closely
}

func defaultExporterOptions() exporterOptions {
	return exporterOptions{interval: 5 * time.Second, subjects: 1000, oldest: 10}
}

func (o *exporterOptions) register(flags *pflag.FlagSet) {
	*o = defaultExporterOptions()
	flags.DurationVar(&o.interval, "interval", o.interval, "time between readings of the lag")
	flags.IntVar(&o.subjects, "subjects-max", o.subjects, "subjects shown by name; the others are summed up as other")
	flags.IntVar(&o.oldest, "oldest", o.oldest, "subjects, of those furthest behind, whose oldest capture is looked at")
}

func (o *exporterOptions) validate() error {
	switch {
	case o.interval < time.Second:
		return fmt.Errorf("interval is %v; want at least 1s", o.interval)
	case o.subjects < 1:
		return fmt.Errorf("subjects-max is %d; want at least 1", o.subjects)
	case o.oldest < 0:
		return fmt.Errorf("oldest is %d; want 0 or more", o.oldest)
	}
	return nil
}

func newExporter() *cobra.Command {
	var nats natsOptions
	var names topologyOptions
	var logs logOptions
	var options exporterOptions
	var listen string
	cmd := &cobra.Command{
		Use:   "exporter",
		Short: "Serve, for Prometheus, how far the workers are behind",
		Long: `Serve, for Prometheus, how far the workers are behind.

Any number of exporters may run, and foxhunt up is one, too: one of them leads and serves the lag, the others
stand by and serve that they do. An exporter reads; the one thing it writes is the lease by which one leads.`,
		Example: "  foxhunt exporter --nats nats://127.0.0.1:4222 --http-listen 127.0.0.1:9109",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			log, err := logs.logger()
			if err != nil {
				return err
			}
			topology, err := names.topology()
			if err != nil {
				return err
			}
			if err := options.validate(); err != nil {
				return err
			}
			nats.Log = log
			return untilStopped(cmd.Context(), serveExporter(cmd.Context(), &nats, topology, listen, options, log))
		},
	}
	nats.register(cmd.Flags())
	names.registerNames(cmd.Flags())
	names.registerProfile(cmd.Flags()) // of the lease's bucket
	logs.register(cmd.Flags())
	options.register(cmd.Flags())
	cmd.Flags().StringVar(&listen, "http-listen", "127.0.0.1:9109", "address of /metrics, /livez and /readyz")
	return cmd
}

// serveExporter waits for NATS, then exports until ctx ends.
func serveExporter(ctx context.Context, nats *natsOptions, topology jetstream.Topology, listen string, o exporterOptions, log *slog.Logger) error {
	h, err := serveHTTP(listen, log)
	if err != nil {
		return err
	}
	defer h.close()
	conn, err := nats.connect(ctx, "exporter")
	if err != nil {
		return err
	}
	defer conn.Close()
	log.Info("exporter ready", "nats", conn.Server(), "http", h.address())
	h.ready(conn.Connected)
	defer h.unready()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return runExporter(ctx, conn, topology, h.registry, o, log) })
	group.Go(func() error { return untilClosed(ctx, conn) })
	return group.Wait()
}

// runExporter reads the lag into the registry while no other exporter of the same consumer does, until ctx ends.
func runExporter(ctx context.Context, conn *jetstream.Conn, topology jetstream.Topology, registry *prometheus.Registry, o exporterOptions, log *slog.Logger) error {
	e := &exporter{conn: conn, topology: topology, collector: metrics.NewLag(registry, o.subjects), options: o, log: log}
	return conn.Lead(ctx, topology, "exporter-"+topology.Workers.Durable, hostName(), e.lead)
}

// exporter reads the lag for the metrics.
type exporter struct {
	conn      *jetstream.Conn
	topology  jetstream.Topology
	collector *metrics.LagCollector
	options   exporterOptions
	log       *slog.Logger

	tracker jetstream.LagTracker
	failing bool // the last reading failed
}

// lead reads the lag until ctx ends. What an earlier term knew is out of date.
func (e *exporter) lead(ctx context.Context) error {
	e.tracker, e.failing = jetstream.LagTracker{}, false
	e.collector.Lead()
	defer e.collector.StandBy()
	ticker := time.NewTicker(e.options.interval)
	defer ticker.Stop()
	for {
		e.poll(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// poll takes one reading, which may last as long as the pause between two.
func (e *exporter) poll(ctx context.Context) {
	began := time.Now()
	asking, cancel := context.WithTimeout(ctx, max(e.options.interval, time.Second))
	lag, err := e.conn.Lag(asking, e.topology, e.options.oldest)
	cancel()
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		if !e.failing {
			e.log.Warn("the lag cannot be read; the last values stay", "error", err)
		}
		e.failing = true
		e.collector.Failed(time.Since(began))
		return
	}
	if e.failing {
		e.log.Info("the lag is read again")
	}
	e.failing = false
	e.tracker.Add(&lag)
	e.collector.Set(lagMetrics(lag, e.topology), time.Since(began))
}

// lagMetrics is a reading in the metrics' terms.
func lagMetrics(lag jetstream.Lag, t jetstream.Topology) metrics.Lag {
	m := metrics.Lag{
		Subjects: make(map[string]metrics.SubjectLag, len(lag.Subjects)),
		Pending:  float64(lag.Pending), InFlight: float64(lag.InFlight), Redelivered: float64(lag.Redelivered), Dead: float64(lag.Dead),
		OldestAge: lag.OldestAge, Arrived: float64(lag.Arrived), Completed: float64(lag.Completed),
		Streams: []metrics.Stream{
			{Name: lag.Stream, Messages: float64(lag.Arrived - lag.Completed), Bytes: float64(lag.Stored), Limit: float64(lag.MaxBytes)},
			{Name: t.Dead.Name, Messages: float64(lag.DeadLetters.Total), Bytes: float64(lag.DeadLetters.Stored), Limit: float64(lag.DeadLetters.MaxBytes)},
		},
	}
	if lag.EventsOpen != nil {
		events := float64(*lag.EventsOpen)
		m.Companions, m.EventsOpen, m.OldestCompanionAge = float64(lag.Companions), &events, lag.OldestCompanionAge
	}
	if lag.Pace != nil {
		drain := math.Inf(1)
		if lag.Pace.Drain != nil {
			drain = *lag.Pace.Drain
		}
		m.Drain = &drain
	}
	for _, s := range lag.Subjects {
		subject := metrics.SubjectLag{Captures: float64(s.Lag), Companions: float64(s.Companions), OldestAge: s.OldestAge}
		if s.InFlight != nil {
			inFlight := float64(*s.InFlight)
			subject.InFlight = &inFlight
		}
		m.Subjects[s.Subject] = subject
	}
	for name, letters := range lag.DeadLetters.Subjects {
		subject := m.Subjects[name]
		subject.DeadLetters = float64(letters)
		m.Subjects[name] = subject
	}
	return m
}
