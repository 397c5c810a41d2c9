package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/semaphore"

	"foxhunt/gateway"
	"foxhunt/jetstream"
	"foxhunt/metrics"
)

func newGateway() *cobra.Command {
	var nats natsOptions
	var topology topologyOptions
	var logs logOptions
	var listen listenOptions
	var traces traceOptions
	var options gatewayOptions
	cmd := &cobra.Command{
		Use:   "gateway",
		Short: "Answer HTTP requests for fixes, by way of NATS and the workers",
		Long: `Answer HTTP requests for fixes, by way of NATS and the workers.

The gateway publishes what a request brings as a capture and waits for its fix; it computes nothing itself. Any number
of gateways may run. GET /openapi.json describes the API.

Workers must let the gateway speak for several stations: start them with --bundles http.http, or what --network and
--bundle say here.`,
		Example: "  foxhunt gateway --nats nats://127.0.0.1:4222 --http-listen 127.0.0.1:8082",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			log, err := logs.logger()
			if err != nil {
				return err
			}
			t, err := topology.topology()
			if err != nil {
				return err
			}
			nats.Log = log
			tracing, endTracing, err := traces.start(cmd.Context(), &nats.Options, "gateway", log)
			if err != nil {
				return err
			}
			defer endTracing()
			options.tracing = tracing
			return untilStopped(cmd.Context(), runGateway(cmd.Context(), &nats, t, &listen, &options, log))
		},
	}
	nats.register(cmd.Flags())
	topology.registerNames(cmd.Flags())
	logs.register(cmd.Flags())
	listen.register(cmd.Flags())
	traces.register(cmd.Flags())
	options.register(cmd.Flags(), "")
	return cmd
}

// runGateway waits for NATS, then answers requests until ctx ends.
func runGateway(ctx context.Context, nats *natsOptions, t jetstream.Topology, l *listenOptions, o *gatewayOptions, log *slog.Logger) error {
	if err := o.settle(); err != nil {
		return err
	}
	listener, err := l.listen(o.Token != "", log)
	if err != nil {
		return err
	}
	h := serveListener(listener, log)
	defer h.close()
	api := h.serveAPI()
	conn, err := nats.connect(ctx, "gateway")
	if err != nil {
		return err
	}
	defer conn.Close()
	g, err := startGateway(api, h, conn, t, o, log)
	if err != nil {
		return err
	}
	defer g.Close()
	h.ready(conn.Connected)
	log.Info("gateway ready", "nats", conn.Server(), "http", h.address())
	select {
	case <-ctx.Done():
	case <-conn.Closed():
		return errors.New("the connection to NATS was closed for good; the log says why")
	}
	h.unready()
	finish, cancel := context.WithTimeout(context.WithoutCancel(ctx), o.Deadline+time.Second)
	defer cancel()
	_ = h.server.Shutdown(finish) // lets requests under way have their fixes; h.close cuts off what is left
	return nil
}

// startGateway begins to answer what comes to api; the caller closes it.
func startGateway(api *latePages, h *httpServer, conn *jetstream.Conn, t jetstream.Topology, o *gatewayOptions, log *slog.Logger) (*gateway.Gateway, error) {
	o.Options.Observer, o.Options.Log = metrics.NewGateway(h.registry), log
	g, err := gateway.New(&gatewayStreams{conn: conn, topology: t}, o.Options)
	if err != nil {
		return nil, err
	}
	api.set(o.tracing.Serve(g.Handler()))
	return g, nil
}

// latePages are pages that cannot be served yet when the process begins to listen, and no longer when it stops.
type latePages struct {
	handler atomic.Pointer[http.Handler]
	running *semaphore.Weighted // one for each request
}

const mostRequests = 1 << 30 // at once: more than there can be

// serveAPI adds the gateway's pages, which answer 503 until they are set.
func (h *httpServer) serveAPI() *latePages {
	late := &latePages{running: semaphore.NewWeighted(mostRequests)}
	h.mux.Handle("/api/", late)
	h.mux.Handle("/openapi.json", late)
	return late
}

func (l *latePages) set(handler http.Handler) { l.handler.Store(&handler) }

// drain has what comes from now on answered with 503, and waits for the requests under way until ctx ends.
func (l *latePages) drain(ctx context.Context) {
	l.handler.Store(nil)
	_ = l.running.Acquire(ctx, mostRequests) // an error says that they took too long
}

func (l *latePages) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !l.running.TryAcquire(1) { // drain waits
		gateway.Away(w)
		return
	}
	defer l.running.Release(1)
	if handler := l.handler.Load(); handler != nil {
		(*handler).ServeHTTP(w, r)
		return
	}
	gateway.Away(w)
}
