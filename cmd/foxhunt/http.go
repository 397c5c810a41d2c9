package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"foxhunt/metrics"
)

// httpServer serves /metrics, /livez and /readyz from the process's start to its end: a process that waits for NATS is
// alive, and not ready.
type httpServer struct {
	registry  *prometheus.Registry
	mux       *http.ServeMux
	listener  net.Listener
	server    *http.Server
	ended     chan struct{}
	connected atomic.Pointer[func() bool] // set while the process does its work
	waiting   atomic.Pointer[func() string]
}

// serveHTTP listens and answers until close.
func serveHTTP(address string, log *slog.Logger) (*httpServer, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("http-listen: %w", err)
	}
	return serveListener(listener, log), nil
}

// serveListener is serveHTTP on a listener that is there already.
func serveListener(listener net.Listener, log *slog.Logger) *httpServer {
	h := &httpServer{registry: metrics.NewRegistry(), mux: http.NewServeMux(), listener: listener, ended: make(chan struct{})}
	h.mux.Handle("GET /metrics", metrics.Handler(h.registry))
	h.mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	h.mux.HandleFunc("GET /readyz", h.readyz)
	h.server = &http.Server{Handler: h.mux, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second,
		WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug)} // what clients do wrong, such as a TLS handshake
	go func() {
		defer close(h.ended)
		if err := h.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			log.Error("the HTTP server ended", "error", err)
		}
	}()
	return h
}

func (h *httpServer) readyz(w http.ResponseWriter, _ *http.Request) {
	switch connected := h.connected.Load(); {
	case connected == nil:
		http.Error(w, h.why(), http.StatusServiceUnavailable)
	case !(*connected)():
		http.Error(w, "not connected to NATS", http.StatusServiceUnavailable)
	default:
		fmt.Fprintln(w, "ok")
	}
}

// ready says that the process does its work over a connection; unready takes it back.
func (h *httpServer) ready(connected func() bool) { h.connected.Store(&connected) }
func (h *httpServer) unready()                    { h.connected.Store(nil) }
func (h *httpServer) isReady() bool               { return h.connected.Load() != nil }

// waits names who knows what a process that is not ready waits for; "" is nothing that is known.
func (h *httpServer) waits(why func() string) { h.waiting.Store(&why) }

// why says why the process is not ready.
func (h *httpServer) why() string {
	const always = "starting, or stopping"
	if why := h.waiting.Load(); why != nil {
		if reason := (*why)(); reason != "" {
			return always + ": " + reason
		}
	}
	return always
}

func (h *httpServer) address() string { return h.listener.Addr().String() }

// close lets requests under way finish, for two seconds.
func (h *httpServer) close() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if h.server.Shutdown(ctx) != nil {
		h.server.Close()
	}
	<-h.ended
}
