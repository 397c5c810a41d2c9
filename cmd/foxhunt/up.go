package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"foxhunt/jetstream"
	"foxhunt/model"
)

type upOptions struct {
	logs     logOptions
	worker   workerOptions
	gateway  gatewayOptions
	dataDir  string
	nats     string
	http     string
	fast     bool
	demo     bool
	demoRate float64
}

func newUp() *cobra.Command {
	var o upOptions
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Everything in one process: NATS with JetStream on disk, a worker, and the HTTP API",
		Long: `Everything in one process: NATS with JetStream on disk, a worker, and the HTTP API.

With --demo it adds simulated receivers and transmitters, and prints the fixes as they come.`,
		Example: "  foxhunt up --data-dir data --nats-listen 127.0.0.1:4222 --http-listen 127.0.0.1:8080 --demo",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	o.logs.register(cmd.Flags())
	o.gateway.register(cmd.Flags(), "gateway-")
	o.worker.register(cmd.Flags(), "*.*") // its NATS server asks nobody who they are, so subjects prove nothing
	cmd.Flags().StringVar(&o.dataDir, "data-dir", "data", "folder for JetStream's files")
	cmd.Flags().StringVar(&o.nats, "nats-listen", "127.0.0.1:4222", "address of the NATS server, on this machine: it asks for no credentials")
	cmd.Flags().StringVar(&o.http, "http-listen", "127.0.0.1:8080", "address of the HTTP API, /metrics, /livez and /readyz")
	cmd.Flags().BoolVar(&o.fast, "no-sync", false, "let the disk's cache hold what is acknowledged: faster, but a power cut may lose the last seconds")
	cmd.Flags().BoolVar(&o.demo, "demo", false, "add simulated receivers and transmitters, and print the fixes")
	cmd.Flags().Float64Var(&o.demoRate, "demo-rate", 2, "simulated captures a second")
	return cmd
}

func (o *upOptions) run(cmd *cobra.Command) error {
	if o.demo && !cmd.Flags().Changed("log-level") {
		o.logs.level = "warn" // the terminal belongs to the fixes
	}
	log, err := o.logs.logger()
	if err != nil {
		return err
	}
	if err := errors.Join(o.worker.settle(), o.gateway.settle()); err != nil {
		return err
	}
	o.worker.reloadToken = o.gateway.Token
	if profile := o.worker.topology.profile; profile != profileSingle {
		return fmt.Errorf("up is one server, and profile %s needs three: run nats-servers (deploy/nats), and foxhunt worker beside them", profile)
	}
	runtime, err := startRuntime(o.worker.models.runtime)
	if err != nil {
		return err
	}
	defer runtime.Stop()
	return untilStopped(cmd.Context(), o.serve(cmd.Context(), runtime, cmd.OutOrStdout(), log))
}

// serve runs everything until ctx ends.
func (o *upOptions) serve(ctx context.Context, runtime *model.Runtime, out io.Writer, log *slog.Logger) error {
	h, err := serveHTTP(o.http, log)
	if err != nil {
		return err
	}
	defer h.close()
	api := o.api(h, log)
	server, err := jetstream.StartEmbedded(jetstream.EmbeddedOptions{
		StoreDir: filepath.Join(o.dataDir, "jetstream"), Listen: o.nats, SyncAlways: !o.fast, Log: log,
	})
	if err != nil {
		return err
	}
	defer server.Shutdown()
	if isLoopback(h.listener.Addr()) {
		h.mux.HandleFunc("GET /varz", server.ServeVarz) // for foxhunt doctor --nats-monitor
	}
	inProcess := jetstream.Options{Embedded: server, Name: "foxhunt up", Log: log}
	tracing, endTracing, err := o.worker.traces.startWorker(ctx, &inProcess, &o.worker, "up", log)
	if err != nil {
		return err
	}
	defer endTracing()
	o.gateway.tracing = tracing
	conn, err := jetstream.Connect(ctx, inProcess)
	if err != nil {
		return err
	}
	defer conn.Close()
	process, err := newWorkerProcess(ctx, h, conn, runtime, &o.worker, log)
	if err != nil {
		return err
	}
	defer process.close()
	if api != nil {
		o.gateway.Cache = process.cacheAvailable
		g, err := startGateway(api, h, conn, process.topology, &o.gateway, log)
		if err != nil {
			return err
		}
		defer g.Close()
	}

	if o.demo {
		introduce(out, server.ClientURL(), h.address())
	}
	return o.work(ctx, process, api, out)
}

// work runs the worker and what is beside it until ctx ends; then requests under way have their fixes before the worker
// stops, and new ones are refused.
func (o *upOptions) work(ctx context.Context, process *workerProcess, api *latePages, out io.Writer) error {
	h, conn, log := process.http, process.conn, process.log
	working, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	group, working := errgroup.WithContext(working)
	group.Go(func() error { return process.run(working) })
	group.Go(func() error {
		return runExporter(working, conn, process.topology, h.registry, defaultExporterOptions(), log)
	})
	if o.demo {
		group.Go(func() error { return runDemo(working, conn, process.topology, o.demoRate, out, log) })
	}
	group.Go(func() error {
		defer stop()
		select {
		case <-ctx.Done():
		case <-working.Done():
			return nil
		}
		h.unready()
		if api != nil {
			finish, cancel := context.WithTimeout(working, o.gateway.Deadline+time.Second)
			defer cancel()
			api.drain(finish)
		}
		return nil
	})
	return group.Wait()
}

// api adds the pages of the HTTP API, unless other machines would reach them without a token.
func (o *upOptions) api(h *httpServer, log *slog.Logger) *latePages {
	if o.gateway.Token == "" && !isLoopback(h.listener.Addr()) {
		log.Warn("the HTTP API is off: other machines reach http-listen; --gateway-token-file switches it on")
		return nil
	}
	if !isLoopback(h.listener.Addr()) {
		log.Warn("the token goes over the network in the clear; let a proxy do TLS, or use foxhunt gateway with --http-cert and --http-key")
	}
	return h.serveAPI()
}

// introduce says what is running and where to look further.
func introduce(out io.Writer, nats, http string) {
	fmt.Fprintf(out, `foxhunt: seven simulated receivers in north-west Italy hear several transmitters, one of them moving.
Every capture goes through NATS JetStream, the built-in ONNX model and back. Ctrl-C stops it.

  fixes as JSON     foxhunt watch --nats %[1]s --format json
  lag by subject    foxhunt lag --nats %[1]s
  metrics           curl http://%[2]s/metrics
  your recordings   foxhunt publish --help

`, nats, http)
}

// runDemo publishes simulated captures and prints their fixes until ctx ends.
func runDemo(ctx context.Context, conn *jetstream.Conn, streams jetstream.Topology, rate float64, out io.Writer, log *slog.Logger) error {
	watcher := watcher{conn: conn, streams: streams, filter: "fixes.demo.>", format: "line", out: out, log: log}
	ready := make(chan struct{})
	watcher.ready = func() { close(ready) }
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return watcher.run(ctx) })
	group.Go(func() error {
		select {
		case <-ready:
		case <-ctx.Done():
			return nil
		}
		s := simulation{network: "demo", rate: rate, seed: uint64(time.Now().UnixNano())}
		return s.run(ctx, conn, log)
	})
	return group.Wait()
}
