package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"foxhunt/metrics"
)

// httpServer serves /metrics, /livez and /readyz.
type httpServer struct {
	listener net.Listener
	server   *http.Server
	serving  atomic.Bool // a worker is pulling
}

// listenHTTP opens the address at once, so that a taken port is an error at the start; serve answers.
func listenHTTP(address string, registry *prometheus.Registry, connected func() bool) (*httpServer, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("http-listen: %w", err)
	}
	h := &httpServer{listener: listener}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", metrics.Handler(registry))
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		switch {
		case !h.serving.Load():
			http.Error(w, "no worker is pulling", http.StatusServiceUnavailable)
		case !connected():
			http.Error(w, "not connected to NATS", http.StatusServiceUnavailable)
		default:
			fmt.Fprintln(w, "ok")
		}
	})
	h.server = &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second,
		WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10}
	return h, nil
}

// close ends the server, also one that never came to serve.
func (h *httpServer) close() error {
	err := h.server.Close()
	if closing := h.listener.Close(); !errors.Is(closing, net.ErrClosed) {
		err = errors.Join(err, closing)
	}
	return err
}

func (h *httpServer) address() string { return h.listener.Addr().String() }

// serve answers until ctx ends.
func (h *httpServer) serve(ctx context.Context) error {
	defer context.AfterFunc(ctx, func() {
		closing, cancel := within(2 * time.Second)
		defer cancel()
		_ = h.server.Shutdown(closing)
	})()
	if err := h.server.Serve(h.listener); err != http.ErrServerClosed {
		return err
	}
	return nil
}
