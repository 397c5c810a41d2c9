package jetstream_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"foxhunt/jetstream"
	"foxhunt/jetstream/jetstreamtest"
)

// patience is how long anything that must happen may take on a loaded machine: it bounds a hang, and is no measure.
const patience = time.Minute

// waitFor polls until done; for what the server does in its own time.
func waitFor(t testing.TB, what string, done func() bool) {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s did not happen within %v", what, patience)
		}
	}
}

func within(t testing.TB, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// code is the stable code of err.
func code(err error) string {
	var e *jetstream.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return fmt.Sprintf("%v", err)
}

// logBuffer collects a log for a test to look at.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (l *logBuffer) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func connect(t testing.TB, o jetstream.Options) *jetstream.Conn {
	t.Helper()
	if o.Log == nil {
		o.Log = quiet()
	}
	c, err := jetstream.Connect(within(t, patience), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// startServer starts a plain nats-server with users or TLS, which the embedded one does not have.
func startServer(t testing.TB, o *server.Options) string {
	t.Helper()
	o.Host, o.Port, o.NoSigs, o.NoLog = "127.0.0.1", server.RANDOM_PORT, true, true
	o.JetStream, o.StoreDir = true, t.TempDir()
	if o.JetStreamMaxStore == 0 {
		o.JetStreamMaxStore = 64 << 30 // not what the machine has free
	}
	s, err := server.NewServer(o)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(patience) {
		t.Fatal("nats-server did not come up")
	}
	return s.ClientURL()
}

// publish stores n captures of size bytes on subject, the first bytes of which are its number.
func publish(t testing.TB, c *jetstream.Conn, subject string, n, size int) {
	t.Helper()
	p := c.NewPublisher(0)
	for i := range n {
		data := make([]byte, max(size, 8))
		copy(data, fmt.Sprintf("%08d", i))
		err := p.Publish(t.Context(), subject, fmt.Sprintf("%s/%d/%d", subject, i, time.Now().UnixNano()), data, func(_ jetstream.Stored, err error) {
			if err != nil {
				t.Errorf("publish: %v", err)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	p.Wait()
}

func newSource(t testing.TB, c *jetstream.Conn, topo jetstream.Topology, o jetstream.SourceOptions) *jetstream.Source {
	t.Helper()
	s, err := c.NewSource(within(t, patience), topo, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func next(t testing.TB, s *jetstream.Source) *jetstream.Delivery {
	t.Helper()
	d, err := s.Next(within(t, patience))
	if err != nil {
		t.Fatalf("Next: %v", err)
	}
	return d
}

func ack(t testing.TB, d *jetstream.Delivery) {
	t.Helper()
	if err := d.Ack(within(t, patience)); err != nil {
		t.Fatalf("Ack: %v", err)
	}
}

func mustLag(t testing.TB, c *jetstream.Conn) jetstream.Lag {
	t.Helper()
	lag, err := c.Lag(within(t, patience), jetstream.DefaultTopology(), 3)
	if err != nil {
		t.Fatal(err)
	}
	return lag
}

func start(t testing.TB) (*jetstreamtest.Server, *jetstream.Conn) {
	t.Helper()
	s := jetstreamtest.Start(t)
	return s, s.Connect(t)
}
