package jetstream_test

import (
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"foxhunt/jetstream"
)

// While a consumer is without a leader nobody takes acknowledgements. They are sent again.
func TestAckOutlastsALeaderlessMoment(t *testing.T) {
	t.Parallel()
	srv, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true, JetStream: true, StoreDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	srv.Start()
	t.Cleanup(func() { srv.Shutdown(); srv.WaitForShutdown() })
	if !srv.ReadyForConnections(10 * time.Second) {
		t.Fatal("nats-server did not come up")
	}
	c := connect(t, jetstream.Options{URL: srv.ClientURL()})
	s := newSource(t, c, jetstream.DefaultTopology(), jetstream.SourceOptions{})
	publish(t, c, "captures.net.a", 1, 8)
	d := next(t, s)
	const acks = "$JS.ACK.CAPTURES.>"
	if err := srv.GlobalAccount().AddMapping(acks, "nobody.>"); err != nil { // as if the consumer took none
		t.Fatal(err)
	}
	var confirmed error
	acked := make(chan struct{})
	go func() { confirmed = d.Ack(within(t, 15*time.Second)); close(acked) }()
	select {
	case <-acked:
		t.Fatalf("Ack returned with nobody there: %v", confirmed)
	case <-time.After(200 * time.Millisecond): // several attempts
	}
	if !srv.GlobalAccount().RemoveMapping(acks) {
		t.Fatal("the acknowledgements were not diverted")
	}
	if <-acked; confirmed != nil {
		t.Errorf("Ack: %v", confirmed)
	}
	if lag := mustLag(t, c); lag.Total != 0 {
		t.Errorf("%d captures are left", lag.Total)
	}
}

// What is answered while the connection is down is not sent when it is back: by then another worker may have the capture.
func TestNothingIsAnsweredLate(t *testing.T) {
	t.Parallel()
	srv, c := start(t)
	publish(t, c, "captures.net.a", 2, 8)
	s := newSource(t, c, jetstream.DefaultTopology(), jetstream.SourceOptions{Concurrency: 2})
	first, second := next(t, s), next(t, s)
	srv.Shutdown()
	waitFor(t, "the connection's loss", func() bool { return !c.Connected() })
	for what, err := range map[string]error{"Nak": first.Nak(0), "InProgress": second.InProgress(), "Term": second.Term("x")} {
		if code(err) != jetstream.CodeNotConnected {
			t.Errorf("%s: %v, want %s", what, err, jetstream.CodeNotConnected)
		}
	}
	srv.Restart(t)
	waitFor(t, "the connection's return", c.Connected)
	if lag := mustLag(t, c); lag.InFlight != 2 || lag.Redelivered != 0 {
		t.Errorf("%d are in flight and %d redelivered, want 2 as before and none", lag.InFlight, lag.Redelivered)
	}
}

// Where the permissions allow no claims everything is served in turn, which is said once, and nobody waits for answers that
// cannot come.
func TestClaimsRefused(t *testing.T) {
	t.Parallel()
	url := startServer(t, &server.Options{Users: []*server.User{
		{Username: "all", Password: "x"},
		{Username: "worker", Password: "x", Permissions: &server.Permissions{Publish: &server.SubjectPermission{
			Deny: []string{"$KV.foxhunt-claims.>", "$JS.API.DIRECT.GET.KV_foxhunt-claims.>"}}}},
	}})
	login := func(user string) string { return strings.Replace(url, "//", "//"+user+":x@", 1) }
	c := connect(t, jetstream.Options{URL: login("all")})
	if _, err := c.Ensure(t.Context(), jetstream.DefaultTopology()); err != nil {
		t.Fatal(err)
	}
	publish(t, c, flooder, 20, 8)
	publish(t, c, quietStation, 2, 8)
	var log logBuffer
	s := newSource(t, connect(t, jetstream.Options{URL: login("worker"), Log: log.logger()}), jetstream.DefaultTopology(), jetstream.SourceOptions{})
	s.Observe(time.Second)
	waitFor(t, "the warning", func() bool { return strings.Contains(log.String(), "cannot be taken out of turn") })
	if err := next(t, s).Nak(0); err != nil {
		t.Fatal(err)
	}
	for again := false; !again; {
		d := next(t, s)
		if d.NumDelivered() > 1 {
			again = true
			before := time.Now()
			if begin(t, d); time.Since(before) > time.Second {
				t.Errorf("what cannot be noted took %v", time.Since(before))
			}
		}
		ack(t, d)
	}
	if n := strings.Count(log.String(), "cannot be taken out of turn"); n != 1 || s.Stats().Overtaken != 0 {
		t.Errorf("%d warnings, %d taken out of turn:\n%s", n, s.Stats().Overtaken, log.String())
	}
}

// A source that is bounded too narrowly to take captures out of turn says so.
func TestNoRoomOutOfTurn(t *testing.T) {
	t.Parallel()
	srv, _ := start(t)
	var log logBuffer
	logged := connect(t, jetstream.Options{URL: srv.ClientURL(), Log: log.logger()})
	newSource(t, logged, jetstream.DefaultTopology(), jetstream.SourceOptions{})
	if strings.Contains(log.String(), "no room") {
		t.Errorf("the default is too narrow:\n%s", log.String())
	}
	newSource(t, logged, jetstream.DefaultTopology(), jetstream.SourceOptions{MaxBytes: 9 << 20})
	if !strings.Contains(log.String(), "no room to take captures out of turn") {
		t.Errorf("nothing is said of it:\n%s", log.String())
	}
}
