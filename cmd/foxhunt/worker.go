package main

import (
	"context"
	"log/slog"

	"github.com/spf13/cobra"

	"foxhunt/model"
)

func newWorker() *cobra.Command {
	var nats natsOptions
	var logs logOptions
	var options workerOptions
	var listen string
	cmd := &cobra.Command{
		Use:   "worker",
		Short: "Pull captures from NATS, locate what they heard, publish the fixes",
		Long: `Pull captures from NATS, locate what they heard, publish the fixes.

Any number of workers may share the stream. SIGTERM and Ctrl-C stop a worker cleanly: it pulls no more,
finishes what it has, and gives back what it cannot finish within --grace. A second signal ends it at once.

What a capture says of its stations is believed only as far as its subject: on captures.dcf.HB9ODP station HB9ODP
may speak, and nobody else. Sources that bring several stations' recordings together, as publish --bundle and
simulate do, are named with --bundles; anything else becomes a dead letter, source_mismatch.`,
		Example: "  foxhunt worker --nats nats://127.0.0.1:4222 --redis redis://127.0.0.1:6379 --bundles dcf.dcf77 --http-listen 127.0.0.1:8081",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			log, err := logs.logger()
			if err != nil {
				return err
			}
			if err := options.settle(); err != nil {
				return err
			}
			nats.Log = log
			runtime, err := startRuntime(options.models.runtime)
			if err != nil {
				return err
			}
			defer runtime.Stop()
			return untilStopped(cmd.Context(), runWorker(cmd.Context(), &nats, runtime, listen, &options, log))
		},
	}
	nats.register(cmd.Flags())
	logs.register(cmd.Flags())
	options.register(cmd.Flags())
	cmd.Flags().StringVar(&listen, "http-listen", "127.0.0.1:8080", "address of /metrics, /livez and /readyz")
	return cmd
}

// runWorker waits for NATS, then serves captures until ctx ends.
func runWorker(ctx context.Context, nats *natsOptions, runtime *model.Runtime, listen string, o *workerOptions, log *slog.Logger) error {
	h, err := serveHTTP(listen, log)
	if err != nil {
		return err
	}
	defer h.close()
	_, endTracing, err := o.traces.startWorker(ctx, &nats.Options, o, "worker", log)
	if err != nil {
		return err
	}
	defer endTracing()
	conn, err := nats.connect(ctx, "worker "+o.Name)
	if err != nil {
		return err
	}
	defer conn.Close()
	process, err := newWorkerProcess(ctx, h, conn, runtime, o, log)
	if err != nil {
		return err
	}
	defer process.close()
	return process.run(ctx)
}
