package main

import (
	"github.com/spf13/cobra"
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

Any number of workers may share the stream. SIGTERM and Ctrl-C stop a worker cleanly: it finishes what it
has in hand and gives back the rest.`,
		Example: "  foxhunt worker --nats nats://127.0.0.1:4222 --redis redis://127.0.0.1:6379 --http-listen 127.0.0.1:8081",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			log, err := logs.logger()
			if err != nil {
				return err
			}
			nats.Log = log
			conn, err := nats.connect(cmd.Context(), "worker "+options.Name)
			if err != nil {
				return err
			}
			defer conn.Close()
			runtime, err := startRuntime(options.runtime)
			if err != nil {
				return err
			}
			defer runtime.Stop()
			process, err := newWorkerProcess(cmd.Context(), conn, runtime, listen, &options, log)
			if err != nil {
				return err
			}
			defer process.close()
			return process.run(cmd.Context())
		},
	}
	nats.register(cmd.Flags())
	logs.register(cmd.Flags())
	options.register(cmd.Flags())
	cmd.Flags().StringVar(&listen, "http-listen", "127.0.0.1:8080", "address of /metrics, /livez and /readyz")
	return cmd
}
