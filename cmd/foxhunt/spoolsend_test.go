package main

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"

	"foxhunt/jetstream"
	"foxhunt/jetstream/jetstreamtest"
	"foxhunt/messages"
	"foxhunt/station/spool"
)

// spoolOver is a spool that sends to a server until the test ends.
func spoolOver(t *testing.T, url string, topology jetstream.Topology) *spool.Spool {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	conn, err := jetstream.Connect(ctx, jetstream.Options{URL: url, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Ensure(ctx, topology); err != nil {
		t.Fatal(err)
	}
	s, err := spool.Open(spool.Options{Dir: t.TempDir(), Network: "net", Station: "A", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx, sendSpooled(conn)) }()
	t.Cleanup(func() {
		cancel()
		<-ended
		conn.Close()
		s.Close()
	})
	return s
}

func spoolCapture(t *testing.T, s *spool.Spool, samples int) {
	t.Helper()
	if _, err := s.Put(&messages.Capture{Version: 1, Frequency: 1e6, Cache: true, Receivers: []messages.Receiver{{
		Station: "A", Latitude: 45, Longitude: 7, StartTime: time.Now().UnixNano(), SampleRate: 12e3, Format: messages.CU8, IQ: make([]byte, 2*samples),
	}}}); err != nil {
		t.Fatal(err)
	}
}

// What the server never takes is set aside, and the others go on.
func TestSpoolTooLarge(t *testing.T) {
	t.Parallel()
	server := jetstreamtest.StartWith(t, jetstream.EmbeddedOptions{MaxPayload: 64 << 10})
	s := spoolOver(t, server.ClientURL(), jetstream.DefaultTopology())
	spoolCapture(t, s, 100_000)
	spoolCapture(t, s, 100)
	waitFor(t, "one set aside, one sent", func() bool { st := s.Stats(); return st.Aside == 1 && st.Refused == 1 && st.Sent == 1 })
}

// A subject that is full is waited for.
func TestSpoolFullSubject(t *testing.T) {
	t.Parallel()
	server := jetstreamtest.Start(t)
	topology := jetstream.DefaultTopology()
	topology.Captures.MaxMsgsPerSubject = 2
	s := spoolOver(t, server.ClientURL(), topology)
	for range 4 {
		spoolCapture(t, s, 100)
	}
	waitFor(t, "two sent and a refusal", func() bool { st := s.Stats(); return st.Sent == 2 && st.Failed >= 2 })
	if st := s.Stats(); !strings.HasPrefix(st.LastError, jetstream.CodeStationOverLimit) || st.Waiting+st.InFlight != 2 || st.Aside != 0 {
		t.Errorf("statistics %+v; want two that wait, as the subject is full", st)
	}
	nc, err := nats.Connect(server.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := natsjs.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := js.Stream(t.Context(), jetstream.StreamCaptures)
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Purge(t.Context()); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "all sent", func() bool { return s.Stats().Sent == 4 })
}

// What the server's permissions forbid stays, as somebody may grant it.
func TestSpoolNotPermitted(t *testing.T) {
	t.Parallel()
	deny := &server.Permissions{Publish: &server.SubjectPermission{Deny: []string{"captures.net.A"}}}
	n, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: -1, JetStream: true, StoreDir: t.TempDir(), NoSigs: true, NoLog: true,
		Users: []*server.User{{Username: "u", Password: "p", Permissions: deny}}})
	if err != nil {
		t.Fatal(err)
	}
	n.Start()
	t.Cleanup(func() { n.Shutdown(); n.WaitForShutdown() })
	if !n.ReadyForConnections(patience) {
		t.Fatal("the server does not start")
	}
	s := spoolOver(t, strings.Replace(n.ClientURL(), "nats://", "nats://u:p@", 1), jetstream.DefaultTopology())
	spoolCapture(t, s, 100)
	waitFor(t, "a refusal", func() bool { return s.Stats().Failed >= 1 })
	if st := s.Stats(); !strings.HasPrefix(st.LastError, jetstream.CodeRefused) || st.Waiting != 1 || st.Aside != 0 {
		t.Errorf("statistics %+v; want one that waits for the right", st)
	}
}
