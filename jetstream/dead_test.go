package jetstream_test

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	js "github.com/nats-io/nats.go/jetstream"

	"foxhunt/jetstream"
	"foxhunt/jetstream/jetstreamtest"
	"foxhunt/messages"
)

// deadLetters reads the n dead letters that there must be.
func deadLetters(t *testing.T, url string, n int) []*messages.DeadLetter {
	t.Helper()
	nc, err := nats.Connect(url)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	j, err := js.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := j.Stream(t.Context(), jetstream.StreamDead)
	if err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the dead letters' coming", func() bool {
		info, err := stream.Info(t.Context())
		return err == nil && info.State.Msgs >= uint64(n)
	})
	if got := stream.CachedInfo().State.Msgs; got != uint64(n) {
		t.Fatalf("%d dead letters, want %d", got, n)
	}
	var all []*messages.DeadLetter
	for seq := 1; seq <= n; seq++ {
		raw, err := stream.GetMsg(t.Context(), uint64(seq))
		if err != nil {
			t.Fatal(err)
		}
		d, err := messages.DecodeDeadLetter(raw.Data, raw.Header)
		if err != nil {
			t.Fatal(err)
		}
		if raw.Subject != "dead."+d.Subject {
			t.Errorf("the dead letter of %s is on %s", d.Subject, raw.Subject)
		}
		all = append(all, d)
	}
	return all
}

func TestPublishDeadOnce(t *testing.T) {
	t.Parallel()
	srv, c := start(t)
	body := bytes.Repeat([]byte{0, 0xff, '\n'}, 1000)
	letter := &messages.DeadLetter{
		Body: body, Subject: "captures.net.a", Headers: map[string][]string{"Nats-Msg-Id": {"id-1"}},
		Reason: "bad_rate", Sentence: "rx[1].rate is 0\nwant more", Deliveries: 2, Worker: "w1", Time: time.Now(),
	}
	for range 2 { // the second attempt at the same capture stores nothing
		if err := c.PublishDead(t.Context(), 42, letter); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.PublishDead(t.Context(), 43, letter); err != nil { // another capture
		t.Fatal(err)
	}
	for _, d := range deadLetters(t, srv.ClientURL(), 2) {
		if !bytes.Equal(d.Body, body) || d.Reason != "bad_rate" || d.Headers["Nats-Msg-Id"][0] != "id-1" || d.Deliveries != 2 {
			t.Errorf("dead letter %+v", d)
		}
	}
}

// The largest capture that is taken must fit as a dead letter, too.
func TestPublishDeadOfTheLargest(t *testing.T) {
	t.Parallel()
	srv, c := start(t)
	letter := &messages.DeadLetter{Body: make([]byte, 8<<20), Subject: "captures.net.a", Reason: "bad_rate", Sentence: "x", Time: time.Now()}
	letter.Headers = map[string][]string{"X-Long": {string(bytes.Repeat([]byte{'x'}, 15<<10))}}
	if err := c.PublishDead(t.Context(), 1, letter); err != nil {
		t.Fatal(err)
	}
	if d := deadLetters(t, srv.ClientURL(), 1)[0]; len(d.Body) != 8<<20 {
		t.Errorf("%d bytes", len(d.Body))
	}
}

// TestReap has a capture fail as often as it may, as with a worker that dies each time.
func TestReap(t *testing.T) {
	t.Parallel()
	srv := jetstreamtest.Start(t)
	c := connect(t, jetstream.Options{URL: srv.ClientURL()})
	topo := jetstream.DefaultTopology()
	topo.Workers.MaxDeliver = 2
	topo.Workers.AckWait = 100 * time.Millisecond
	if _, err := c.Ensure(t.Context(), topo); err != nil {
		t.Fatal(err)
	}
	publish(t, c, "captures.net.poison", 1, 50_000)
	s := newSource(t, c, topo, jetstream.SourceOptions{})
	for range 2 {
		next(t, s) // and never a word about it again
	}
	waitFor(t, "the capture's giving up", func() bool { lag := mustLag(t, c); return lag.Dead == 1 && lag.Total == 1 })
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan struct{})
	for range 2 { // as many reapers as workers
		go func() { c.Reap(ctx, topo, "w1"); ended <- struct{}{} }()
	}
	d := deadLetters(t, srv.ClientURL(), 1)[0]
	if d.Reason != jetstream.ReasonMaxDeliveries || d.Subject != "captures.net.poison" || len(d.Body) != 50_000 || d.Deliveries != 2 || d.Worker != "w1" {
		t.Errorf("dead letter %+v", d)
	}
	waitFor(t, "the capture's removal", func() bool { return mustLag(t, c).Total == 0 })
	cancel()
	<-ended
	<-ended
	deadLetters(t, srv.ClientURL(), 1)
}
