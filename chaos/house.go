package chaos

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	js "github.com/nats-io/nats.go/jetstream"

	"foxhunt/jetstream"
	"foxhunt/messages"
	"foxhunt/model/modeltest"
)

// House is a NATS server or a cluster of them with foxhunt's streams, a publisher, a reader, and the ledger of both.
// Workers are a [Crew].
type House struct {
	Servers []*NATS
	Conn    *jetstream.Conn
	Ledger  *Ledger

	t        testing.TB
	books    books // where all is entered: the ledger, unless captures meet
	programs *Programs
	topology jetstream.Topology
	plain    string // file of the small model
	env      []string
	nats     *nats.Conn
	js       js.JetStream
	retries  sync.Map // ids of captures that were published more than once
	crews    []*Crew
	measure  func() // called when the ledger is complete; nil: nothing to measure
}

// books are what a house enters captures and their ends in: a [Ledger], or an [EventLedger] where captures meet.
type books interface {
	Attempt(id, subject string, want Fate)
	Acked(id string)
	Refused(id, code string)
	FixPublished(subject string, fix *messages.Fix)
	FixStored(subject string, fix *messages.Fix, at time.Time)
	DeadStored(id, code, sentence string)
}

// ackWait is short, so that redelivery happens within a short test.
const ackWait = 2 * time.Second

// topology is the default with bounds for a test's disk.
func topology(replicas int) jetstream.Topology {
	t := jetstream.DefaultTopology()
	t.Captures.MaxBytes, t.Fixes.MaxBytes, t.Dead.MaxBytes, t.Advisories.MaxBytes = 2<<30, 1<<30, 1<<30, 64<<20
	t.Models.MaxBytes = 64 << 20
	t.Workers.AckWait = ackWait
	return t.WithReplicas(replicas)
}

// newHouse starts one server with the streams of the topology.
func newHouse(t testing.TB, programs *Programs, topology jetstream.Topology) *House {
	t.Helper()
	env := environment(t) // may skip: before anything is started
	return furnish(t, programs, env, topology, newNATS(t, programs, "nats", natsOptions{}))
}

// furnish makes a house of servers that run.
func furnish(t testing.TB, programs *Programs, env []string, topology jetstream.Topology, servers ...*NATS) *House {
	t.Helper()
	h := &House{Servers: servers, Ledger: NewLedger(), t: t, programs: programs, topology: topology, env: env}
	h.books = h.Ledger
	h.plain = filepath.Join(t.TempDir(), "plain.onnx")
	if err := os.WriteFile(h.plain, modeltest.Plain(t), 0o600); err != nil {
		t.Fatal(err)
	}
	var err error
	quiet := slog.New(slog.DiscardHandler)
	if h.Conn, err = jetstream.Connect(t.Context(), jetstream.Options{URL: h.URL(), Name: "chaos", Log: quiet}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Conn.Close)
	waitFor(t, "the streams", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		_, err := h.Conn.Apply(ctx, topology)
		return err == nil
	})
	h.listen(t)
	return h
}

// URL is where clients connect, several with commas.
func (h *House) URL() string { return urls(h.Servers) }

// listen hears every fix that a worker publishes, those that the stream drops as duplicates included. It misses what is
// published while its connection is down; the streams are read when all is done.
func (h *House) listen(t testing.TB) {
	t.Helper()
	var err error
	h.nats, err = nats.Connect(h.URL(), nats.Timeout(patience), nats.MaxReconnects(-1), nats.ReconnectWait(50*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.nats.Close)
	if h.js, err = js.New(h.nats); err != nil {
		t.Fatal(err)
	}
	if _, err := h.nats.Subscribe(messages.AllFixes, func(m *nats.Msg) {
		if fix := h.decode(m.Header.Get("Content-Type"), m.Data); fix != nil {
			h.books.FixPublished(m.Subject, fix)
		}
	}); err != nil {
		t.Fatal(err)
	}
}

func (h *House) decode(contentType string, body []byte) *messages.Fix {
	fix, err := messages.DecodeFix(contentType, body)
	if err != nil {
		h.t.Errorf("a fix that cannot be read: %v", err)
		return nil
	}
	return fix
}

// Settle waits until no capture is left in the work queue, and fails the test where some are after so long.
func (h *House) Settle(most time.Duration) {
	h.t.Helper()
	deadline := time.Now().Add(most)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for left := h.left(); left != 0; left = h.left() {
		if time.Now().After(deadline) {
			h.t.Errorf("%d captures (-1: unknown) are left in the work queue after %v:\n%s", left, most, h.describeLeft())
			return
		}
		<-tick.C
	}
}

// left is how many captures are in the work queue, -1 if the server does not say.
func (h *House) left() int {
	ctx, cancel := context.WithTimeout(h.t.Context(), 2*time.Second)
	defer cancel()
	stream, err := h.js.Stream(ctx, h.topology.Captures.Name)
	if err != nil {
		return -1
	}
	return int(stream.CachedInfo().State.Msgs)
}

// Deliveries is how often captures were delivered to workers in all.
func (h *House) Deliveries() int {
	h.t.Helper()
	var n int
	h.ask("the consumer", func(ctx context.Context) error {
		consumer, err := h.js.Consumer(ctx, h.topology.Captures.Name, h.topology.Workers.Durable)
		if err == nil {
			n = int(consumer.CachedInfo().Delivered.Consumer)
		}
		return err
	})
	return n
}

// ask repeats a question to the server until it is answered.
func (h *House) ask(what string, question func(ctx context.Context) error) {
	h.t.Helper()
	var err error
	for end := time.Now().Add(patience); time.Now().Before(end); {
		ctx, cancel := context.WithTimeout(h.t.Context(), 5*time.Second)
		err = question(ctx)
		cancel()
		if err == nil || errors.Is(err, context.Canceled) {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	h.t.Fatalf("%s: %v", what, err)
}
