package jetstream_test

import (
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"foxhunt/jetstream"
	"foxhunt/jetstream/jetstreamtest"
)

const quietStation = "captures.net.quiet"

// crowd stores many captures of the flooding station, then a few of a quiet one, and makes a source that is so slow that
// the latter are taken out of turn, one at a time.
func crowd(t *testing.T, srv *jetstreamtest.Server, c *jetstream.Conn, few int) *jetstream.Source {
	t.Helper()
	publish(t, c, flooder, 20, 8)
	publish(t, c, quietStation, few, 8)
	s := newSource(t, srv.Connect(t), jetstream.DefaultTopology(), jetstream.SourceOptions{})
	s.Observe(time.Second)
	return s
}

// nextOf takes captures until one of the subject comes; the others are acknowledged.
func nextOf(t *testing.T, s *jetstream.Source, subject string) *jetstream.Delivery {
	t.Helper()
	for {
		d := next(t, s)
		if d.Subject == subject {
			return d
		}
		ack(t, d)
	}
}

// left is how many captures of the subject the stream holds.
func left(t *testing.T, c *jetstream.Conn, subject string) uint64 {
	t.Helper()
	subjects, err := c.Subjects(t.Context(), jetstream.StreamCaptures)
	if err != nil {
		t.Fatal(err)
	}
	return subjects[subject]
}

func TestOutOfTurnAckDeletes(t *testing.T) {
	t.Parallel()
	srv, c := start(t)
	s := crowd(t, srv, c, 3)
	for n := range 3 {
		waitFor(t, "one out of turn", func() bool { return s.Stats().Overtaken > uint64(n) })
		d := nextOf(t, s, quietStation)
		if d.NumDelivered() != 1 || len(d.Data) != 8 || d.StreamSequence != uint64(21+n) {
			t.Errorf("capture %q of sequence %d, delivery %d", d.Data, d.StreamSequence, d.NumDelivered())
		}
		if _, forged := d.Header["Nats-Sequence"]; forged || len(d.Header["Nats-Msg-Id"]) != 1 {
			t.Errorf("its headers are %v, want those that it was published with", d.Header)
		}
		if n := begin(t, d); n != 0 || d.InProgress() != nil {
			t.Errorf("begun %d times before", n)
		}
		if n == 1 {
			if err := d.Term("no good"); err != nil {
				t.Error(err)
			}
		} else {
			ack(t, d)
			ack(t, d) // what is gone is no error: another worker may have been faster
		}
		if got := left(t, c, quietStation); got != uint64(2-n) {
			t.Errorf("%d are left in the stream, want %d", got, 2-n)
		}
	}
	waitFor(t, "the end of the claims", func() bool { return entries(t, srv.ClientURL()) == 0 })
	for left(t, c, flooder) > 0 {
		ack(t, nextOf(t, s, flooder))
	}
	if lag := mustLag(t, c); lag.Total != 0 || lag.InFlight != 0 || s.Stats().HeldBytes != 0 {
		t.Errorf("left at the end: %+v and %d bytes", lag, s.Stats().HeldBytes)
	}
}

// What is handed back, or could not be settled, waits for its turn, and is not taken out of it again.
func TestOutOfTurnNakLeavesItToTheConsumer(t *testing.T) {
	t.Parallel()
	for _, handBack := range []func(*jetstream.Delivery) error{
		func(d *jetstream.Delivery) error { return d.Nak(0) },
		func(d *jetstream.Delivery) error { d.Forget(); return nil },
	} {
		srv, c := start(t)
		s := crowd(t, srv, c, 1)
		waitFor(t, "one out of turn", func() bool { return s.Stats().Overtaken == 1 })
		d := nextOf(t, s, quietStation)
		if err := handBack(d); err != nil {
			t.Fatal(err)
		}
		d = nextOf(t, s, quietStation)
		if d.NumDelivered() != 1 || left(t, c, flooder) > 1 || s.Stats().Overtaken != 1 {
			t.Errorf("delivery %d came with %d of the flood left, %d taken out of turn", d.NumDelivered(), left(t, c, flooder), s.Stats().Overtaken)
		}
		ack(t, d)
	}
}

// A worker dies with a capture taken out of turn: the next does not take it out of turn, and gets it in turn.
func TestOutOfTurnIsTakenOnce(t *testing.T) {
	t.Parallel()
	srv, c := start(t)
	publish(t, c, flooder, 20, 8)
	publish(t, c, quietStation, 1, 8)
	dead := connect(t, jetstream.Options{URL: srv.ClientURL()})
	first := newSource(t, dead, jetstream.DefaultTopology(), jetstream.SourceOptions{})
	first.Observe(time.Second)
	waitFor(t, "one out of turn", func() bool { return first.Stats().Overtaken == 1 })
	dead.Close()
	second := newSource(t, c, jetstream.DefaultTopology(), jetstream.SourceOptions{})
	second.Observe(time.Second)
	d := nextOf(t, second, quietStation)
	if second.Stats().Overtaken != 0 || left(t, c, flooder) > 2 { // the dead worker has one or two
		t.Errorf("it came with %d of the flood left, %d taken out of turn", left(t, c, flooder), second.Stats().Overtaken)
	}
	ack(t, d)
}

// The consumer arrives at a capture that is still in hand out of turn: it is recognised, and acknowledged to the consumer.
func TestOutOfTurnInHandIsRecognised(t *testing.T) {
	t.Parallel()
	srv, c := start(t)
	s := crowd(t, srv, c, 1)
	waitFor(t, "one out of turn", func() bool { return s.Stats().Overtaken == 1 })
	d := nextOf(t, s, quietStation)
	for s.Stats().Repeated == 0 { // until the consumer is there
		if left(t, c, flooder) > 0 {
			ack(t, nextOf(t, s, flooder))
		}
	}
	if lag := mustLag(t, c); lag.InFlight != 1 {
		t.Errorf("%d are in flight, want the one in hand", lag.InFlight)
	}
	ack(t, d)
	if lag := mustLag(t, c); lag.Total != 0 || lag.InFlight != 0 {
		t.Errorf("left at the end: %+v", lag)
	}
	waitFor(t, "the end of the claim", func() bool { return entries(t, srv.ClientURL()) == 0 })
}

// The stream is made anew with a capture out of turn in hand: what now has its sequence stays.
func TestOutOfTurnDeletesNothingOfAnotherStream(t *testing.T) {
	t.Parallel()
	srv, c := start(t)
	s := crowd(t, srv, c, 1)
	waitFor(t, "one out of turn", func() bool { return s.Stats().Overtaken == 1 })
	d := nextOf(t, s, quietStation)
	s.Stop()
	deleteStream(t, srv.ClientURL(), jetstream.StreamCaptures)
	if err := d.Ack(t.Context()); code(err) != jetstream.CodeNoStream {
		t.Errorf("Ack without a stream: %v, want %s", err, jetstream.CodeNoStream)
	}
	if _, err := c.Ensure(t.Context(), jetstream.DefaultTopology()); err != nil {
		t.Fatal(err)
	}
	publish(t, c, "captures.net.new", 30, 8)
	if err := d.Term("x"); code(err) != jetstream.CodeNoStream {
		t.Errorf("Term in another stream: %v, want %s", err, jetstream.CodeNoStream)
	}
	if n := left(t, c, "captures.net.new"); n != 30 {
		t.Errorf("%d captures of another stream are left of 30", n)
	}
}

// A station makes up the headers by which the server names a stored message: another's capture is not deleted for it.
func TestOutOfTurnBelievesTheServerOnly(t *testing.T) {
	t.Parallel()
	srv, c := start(t)
	publish(t, c, flooder, 20, 8)
	nc, err := nats.Connect(srv.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	forged := &nats.Msg{Subject: quietStation, Data: []byte("forged"), Header: nats.Header{
		"Nats-Sequence": {"3"}, "Nats-Subject": {flooder}, "Nats-Time-Stamp": {"2001-01-01T00:00:00Z"}, "Nats-Stream": {"X"},
	}}
	if _, err := nc.RequestMsg(forged, 5*time.Second); err != nil {
		t.Fatal(err)
	}
	s := newSource(t, c, jetstream.DefaultTopology(), jetstream.SourceOptions{})
	s.Observe(time.Second)
	waitFor(t, "one out of turn", func() bool { return s.Stats().Overtaken == 1 })
	d := nextOf(t, s, quietStation)
	if d.StreamSequence != 21 || time.Since(d.Timestamp) > time.Hour || d.Header["Nats-Sequence"][0] != "3" {
		t.Errorf("sequence %d of %v, headers %v", d.StreamSequence, d.Timestamp, d.Header)
	}
	before := left(t, c, flooder)
	ack(t, d)
	if after := left(t, c, flooder); after != before || left(t, c, quietStation) != 0 {
		t.Errorf("%d of %d captures of the other station are left", after, before)
	}
}

// Where the permissions do not allow to delete, everything is served in turn.
func TestOutOfTurnRefused(t *testing.T) {
	t.Parallel()
	url := startServer(t, &server.Options{Users: []*server.User{
		{Username: "all", Password: "x"},
		{Username: "worker", Password: "x", Permissions: &server.Permissions{Publish: &server.SubjectPermission{
			Deny: []string{"$JS.API.STREAM.MSG.DELETE.CAPTURES"}}}},
	}})
	c := connect(t, jetstream.Options{URL: strings.Replace(url, "nats://", "nats://all:x@", 1)})
	if _, err := c.Ensure(t.Context(), jetstream.DefaultTopology()); err != nil {
		t.Fatal(err)
	}
	publish(t, c, flooder, 20, 8)
	publish(t, c, quietStation, 2, 8)
	var log logBuffer
	s := newSource(t, connect(t, jetstream.Options{URL: strings.Replace(url, "nats://", "nats://worker:x@", 1), Log: log.logger()}), jetstream.DefaultTopology(), jetstream.SourceOptions{})
	s.Observe(time.Second)
	waitFor(t, "one out of turn", func() bool { return s.Stats().Overtaken == 1 })
	d := nextOf(t, s, quietStation)
	if err := d.Ack(t.Context()); code(err) != jetstream.CodeRefused {
		t.Errorf("Ack: %v, want %s", err, jetstream.CodeRefused)
	}
	for left(t, c, quietStation) > 0 {
		ack(t, next(t, s))
	}
	if lag := mustLag(t, c); lag.Total != 0 || s.Stats().HeldBytes != 0 {
		t.Errorf("left at the end: %+v and %d bytes", lag, s.Stats().HeldBytes)
	}
	if got := s.Stats().Overtaken; got > 2 {
		t.Errorf("%d were taken out of turn after the refusal", got-1)
	}
}

// Captures in turn leave room for those out of turn, and together they keep to the bound.
func TestOutOfTurnIsBoundedInBytes(t *testing.T) {
	t.Parallel()
	srv, c := start(t)
	const size, most = 3 << 20, 36 << 20
	publish(t, c, flooder, 14, size)
	publish(t, c, quietStation, 2, size)
	s := newSource(t, srv.Connect(t), jetstream.DefaultTopology(), jetstream.SourceOptions{Concurrency: 2, MaxBytes: most})
	s.Observe(500 * time.Millisecond)
	seen := map[string]int{}
	for range 16 {
		d := next(t, s)
		if held := s.Stats().HeldBytes; held > most {
			t.Fatalf("%d bytes are held, of %d allowed", held, most)
		}
		seen[d.Subject]++
		ack(t, d)
		if seen[flooder] == 2 { // by now those of the other station are there
			waitFor(t, "two out of turn", func() bool { return s.Stats().Overtaken == 2 })
		}
	}
	if seen[flooder] != 14 || seen[quietStation] != 2 || s.Stats().HeldBytes != 0 {
		t.Errorf("seen %v; stats %+v", seen, s.Stats())
	}
}

func TestCloseGivesBackWhatIsOutOfTurn(t *testing.T) {
	t.Parallel()
	srv, c := start(t)
	s := crowd(t, srv, c, 1)
	waitFor(t, "one out of turn", func() bool { return s.Stats().Overtaken == 1 })
	s.Close()
	if held := s.Stats().HeldBytes; held != 0 {
		t.Errorf("%d bytes are held after Close", held)
	}
	ack(t, nextOf(t, newSource(t, c, jetstream.DefaultTopology(), jetstream.SourceOptions{}), quietStation))
}
