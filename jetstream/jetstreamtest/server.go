// Package jetstreamtest gives tests a real NATS server with JetStream on disk, in their own process and folder.
package jetstreamtest

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"foxhunt/jetstream"
)

// Server is an embedded server on a free loopback port that ends with its test.
type Server struct {
	*jetstream.Embedded
	options jetstream.EmbeddedOptions
}

// Start starts a server with an empty store.
func Start(t testing.TB) *Server {
	t.Helper()
	return StartWith(t, jetstream.EmbeddedOptions{})
}

// StartWith starts a server with o; its store, its address and its log are the test's where o names none.
func StartWith(t testing.TB, o jetstream.EmbeddedOptions) *Server {
	t.Helper()
	if o.StoreDir == "" {
		o.StoreDir = t.TempDir()
	}
	if o.Listen == "" {
		o.Listen = "127.0.0.1:0"
	}
	if o.MaxStore == 0 {
		o.MaxStore = 64 << 30 // streams are as large as they are meant to be, whatever the test's machine has free
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &Server{options: o}
	s.start(t)
	t.Cleanup(func() { s.Shutdown() })
	return s
}

func (s *Server) start(t testing.TB) {
	t.Helper()
	e, err := jetstream.StartEmbedded(s.options)
	if err != nil {
		t.Fatal(err)
	}
	s.Embedded = e
	s.options.Listen = strings.TrimPrefix(e.ClientURL(), "nats://") // keep the port over restarts
}

// Restart stops the server, unless Shutdown has, and starts it again with the same store on the same port.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	s.Shutdown()
	s.start(t)
}

// Connect connects to the server over TCP and ensures the default topology.
func (s *Server) Connect(t testing.TB) *jetstream.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c, err := jetstream.Connect(ctx, jetstream.Options{URL: s.ClientURL(), Name: t.Name(), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	if _, err := c.Ensure(ctx, jetstream.DefaultTopology()); err != nil {
		t.Fatal(err)
	}
	return c
}
