package jetstream_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	js "github.com/nats-io/nats.go/jetstream"

	"foxhunt/jetstream"
	"foxhunt/jetstream/jetstreamtest"
	"foxhunt/messages"
)

// ward is a server on which captures are given up after two deliveries, a tenth of a second each.
type ward struct {
	*jetstream.Conn
	server   *jetstreamtest.Server
	topology jetstream.Topology
	js       js.JetStream
	counted  atomic.Int32 // captures buried, as the reapers tell
}

func newWard(t *testing.T) *ward {
	t.Helper()
	w := &ward{server: jetstreamtest.Start(t), topology: jetstream.DefaultTopology()}
	w.Conn = connect(t, jetstream.Options{URL: w.server.ClientURL()})
	w.topology.Workers.MaxDeliver = 2
	w.topology.Workers.AckWait = 100 * time.Millisecond
	if _, err := w.Ensure(t.Context(), w.topology); err != nil {
		t.Fatal(err)
	}
	w.js = jetStream(t, w.server.ClientURL())
	return w
}

func jetStream(t testing.TB, url string) js.JetStream {
	t.Helper()
	nc, err := nats.Connect(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	j, err := js.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// exhaust stores one capture, has it delivered as often as it may, and purges the advisory that tells of it.
func (w *ward) exhaust(t *testing.T, subject string) {
	t.Helper()
	publish(t, w.Conn, subject, 1, 1000)
	w.neverAnswer(t, subject)
	w.loseAdvisory(t)
}

// neverAnswer takes a capture as often as it is delivered. The server gives it up when somebody pulls after that.
func (w *ward) neverAnswer(t *testing.T, subject string) {
	t.Helper()
	for range 2 {
		if m := w.next(t); m.Subject() != subject {
			t.Fatalf("%s came, want %s", m.Subject(), subject)
		}
	}
	waitFor(t, "the server's giving up", func() bool {
		batch, err := w.consumer(t).Fetch(1, js.FetchMaxWait(10*time.Millisecond))
		if err != nil {
			t.Fatal(err)
		}
		for m := range batch.Messages() {
			t.Fatalf("%s came a third time", m.Subject())
		}
		stream, err := w.js.Stream(t.Context(), jetstream.StreamAdvisories)
		return err == nil && stream.CachedInfo().State.Msgs == 1
	})
}

// next is the next delivery, as any worker may get it: a Source would not hand out again what it has in hand.
func (w *ward) next(t *testing.T) js.Msg {
	t.Helper()
	msg, err := w.consumer(t).Next(js.FetchMaxWait(15 * time.Second))
	if err != nil {
		t.Fatal(err)
	}
	return msg
}

func (w *ward) consumer(t *testing.T) js.Consumer {
	t.Helper()
	consumer, err := w.js.Consumer(t.Context(), w.topology.Captures.Name, w.topology.Workers.Durable)
	if err != nil {
		t.Fatal(err)
	}
	return consumer
}

func (w *ward) ack(t *testing.T, msg js.Msg) {
	t.Helper()
	if err := msg.DoubleAck(within(t, 15*time.Second)); err != nil {
		t.Fatal(err)
	}
}

// loseAdvisory deletes the server's word on what it gave up.
func (w *ward) loseAdvisory(t *testing.T) {
	t.Helper()
	stream, err := w.js.Stream(t.Context(), jetstream.StreamAdvisories)
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Purge(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func (w *ward) reaper() jetstream.TestReaper {
	return jetstream.NewTestReaper(w.Conn, w.topology, "w1", 0, func(string) { w.counted.Add(1) })
}

// look has a reaper sweep n times; with a settling time of 0 a floor counts the second time it is seen.
func (w *ward) look(t *testing.T, r jetstream.TestReaper, n int) {
	t.Helper()
	for range n {
		if err := r.Look(within(t, 10*time.Second)); err != nil {
			t.Fatal(err)
		}
	}
}

// expect compares the captures left, the dead letters, and the captures counted.
func (w *ward) expect(t *testing.T, captures, letters, counted int) []*messages.DeadLetter {
	t.Helper()
	if lag := mustLag(t, w.Conn); int(lag.Total) != captures {
		t.Errorf("%d captures are left, want %d", lag.Total, captures)
	}
	if n := int(w.counted.Load()); n != counted {
		t.Errorf("%d captures were counted, want %d", n, counted)
	}
	return deadLetters(t, w.server.ClientURL(), letters)
}

// Two reapers find a capture of which no advisory tells, and bury it once.
func TestSweep(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	w.exhaust(t, "captures.net.poison")
	w.exhaust(t, "captures.net.venom")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var reapers sync.WaitGroup
	for range 2 {
		reapers.Go(func() { w.reaper().Run(ctx) })
	}
	waitFor(t, "the captures' removal", func() bool { return mustLag(t, w.Conn).Total == 0 })
	cancel()
	reapers.Wait()
	for i, d := range w.expect(t, 0, 2, 2) {
		if d.Reason != jetstream.ReasonMaxDeliveries || d.Subject != []string{"captures.net.poison", "captures.net.venom"}[i] ||
			len(d.Body) != 1000 || d.Deliveries != 2 || d.Worker != "w1" || d.Headers[js.MsgIDHeader] == nil {
			t.Errorf("dead letter %+v", d)
		}
	}
}

// TestSweepLosesNoTime has a capture that nobody delivers any more removed as soon as it was below the floor for long enough: not
// when the next look is due otherwise, and not when the wait for an advisory has ended.
func TestSweepLosesNoTime(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	w.exhaust(t, "captures.net.poison")
	r := w.reaper()
	r.Slowly()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var reaper sync.WaitGroup
	reaper.Go(func() { r.Run(ctx) })
	waitFor(t, "the capture's removal", func() bool { return mustLag(t, w.Conn).Total == 0 })
	cancel()
	reaper.Wait()
	w.expect(t, 0, 1, 1)
}

// Whatever can still be delivered stays, however often the sweep looks: captures in flight, handed back with a delay, and
// not yet delivered.
func TestSweepLeavesWhatMayBeDelivered(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	r := w.reaper()
	w.exhaust(t, "captures.net.poison")
	w.look(t, r, 1) // it is seen, and must be seen again
	publish(t, w.Conn, "captures.net.handedback", 1, 8)
	if err := w.next(t).NakWithDelay(time.Second); err != nil {
		t.Fatal(err)
	}
	publish(t, w.Conn, "captures.net.done", 1, 8)
	w.ack(t, w.next(t))
	publish(t, w.Conn, "captures.net.inflight", 1, 8)
	held := w.next(t)
	publish(t, w.Conn, "captures.net.waiting", 2, 8)
	for start := time.Now(); time.Since(start) < 5*w.topology.Workers.AckWait; {
		if err := held.InProgress(); err != nil {
			t.Fatal(err)
		}
		w.look(t, r, 1)
	}
	w.ack(t, held)
	w.expect(t, 4, 0, 0)
	for range 3 {
		w.ack(t, w.next(t))
		w.look(t, r, 1)
	}
	w.look(t, r, 2) // nothing is with anybody now
	if d := w.expect(t, 0, 1, 1)[0]; d.Subject != "captures.net.poison" {
		t.Errorf("%s was buried", d.Subject)
	}
}

// A capture given up before MaxDeliver was raised is not delivered again, so it is buried.
func TestSweepAfterMaxDeliverWasRaised(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	w.exhaust(t, "captures.net.poison")
	raised := w.topology
	raised.Workers.MaxDeliver = 20
	if _, err := w.Apply(t.Context(), raised); err != nil {
		t.Fatal(err)
	}
	publish(t, w.Conn, "captures.net.next", 1, 8)
	d := w.next(t)
	if d.Subject() != "captures.net.next" {
		t.Fatalf("%s was delivered", d.Subject())
	}
	w.ack(t, d)
	w.look(t, w.reaper(), 2)
	w.expect(t, 0, 1, 1)
}

// The server keeps a capture that it gave up over a restart, and the sweep finds it then.
func TestSweepAfterRestart(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	w.exhaust(t, "captures.net.poison")
	publish(t, w.Conn, "captures.net.next", 1, 8)
	w.ack(t, w.next(t))
	w.server.Restart(t)
	waitFor(t, "the connection", func() bool { // to the new server: that the old one is gone it may not have noticed
		_, err := w.RoundTrip(t.Context())
		return err == nil
	})
	w.look(t, w.reaper(), 2)
	if d := w.expect(t, 0, 1, 1)[0]; d.Subject != "captures.net.poison" {
		t.Errorf("%s was buried", d.Subject)
	}
}

// A consumer made anew delivers all again: neither a floor that was seen before nor an advisory from before counts.
func TestReapAfterConsumerWasMadeAnew(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	w.exhaust(t, "captures.net.swept")
	publish(t, w.Conn, "captures.net.told", 1, 8)
	w.neverAnswer(t, "captures.net.told") // the advisory about it stays
	r := w.reaper()
	w.look(t, r, 1) // takes note of a floor above both
	if err := w.js.DeleteConsumer(t.Context(), jetstream.StreamCaptures, jetstream.ConsumerWorkers); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Ensure(t.Context(), w.topology); err != nil {
		t.Fatal(err)
	}
	w.look(t, r, 3)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { r.Run(ctx) })
	waitFor(t, "the advisory's end", func() bool {
		stream, err := w.js.Stream(t.Context(), jetstream.StreamAdvisories)
		return err == nil && stream.CachedInfo().State.Msgs == 0
	})
	cancel()
	running.Wait()
	w.expect(t, 2, 0, 0)
	for range 2 {
		w.ack(t, w.next(t))
	}
	w.expect(t, 0, 0, 0)
}

// Captures that another pool's consumer is to deliver lie below the floor of this one's. They are not its business.
func TestSweepLeavesOtherPools(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	if err := w.js.DeleteConsumer(t.Context(), jetstream.StreamCaptures, jetstream.ConsumerWorkers); err != nil {
		t.Fatal(err)
	}
	w.topology.Workers.FilterSubject = "captures.ours.>"
	if _, err := w.Ensure(t.Context(), w.topology); err != nil {
		t.Fatal(err)
	}
	publish(t, w.Conn, "captures.theirs.a", 3, 8)
	w.exhaust(t, "captures.ours.poison")
	publish(t, w.Conn, "captures.theirs.a", 1, 8)
	publish(t, w.Conn, "captures.ours.good", 1, 8)
	w.ack(t, w.next(t))
	w.look(t, w.reaper(), 4)
	stream, err := w.js.Stream(t.Context(), jetstream.StreamCaptures)
	if err != nil {
		t.Fatal(err)
	}
	if n := stream.CachedInfo().State.Msgs; n != 4 {
		t.Errorf("%d captures are left, want the other pool's 4", n)
	}
	if d := deadLetters(t, w.server.ClientURL(), 1)[0]; d.Subject != "captures.ours.poison" {
		t.Errorf("%s was buried", d.Subject)
	}
}

// A capture must be seen below the floor twice, ten seconds apart. It does not matter what cannot be seen in between.
func TestFloorSettles(t *testing.T) {
	t.Parallel()
	floors := jetstream.Floors()
	for i, look := range []struct {
		jetstream.Seen
		want uint64
	}{
		{jetstream.Seen{At: 0, First: 11, Floor: 10, Deliveries: 1, Made: 1}, 0},   // nothing below
		{jetstream.Seen{At: 20, First: 11, Floor: 100, Deliveries: 2, Made: 1}, 0}, // something, for the first time
		{jetstream.Seen{At: 25, First: 11, Floor: 120, Deliveries: 3, Made: 1}, 0}, // not long enough
		{jetstream.Seen{At: 31, First: 11, Floor: 10, Deliveries: 4, Made: 1}, 0},  // too much is going on to see
		{jetstream.Seen{At: 40, First: 11, Floor: 130, Deliveries: 5, Made: 1}, 100},
		{jetstream.Seen{At: 51, First: 11, Floor: 50, Deliveries: 6, Made: 1}, 50},  // what both looks have
		{jetstream.Seen{At: 62, First: 12, Floor: 140, Deliveries: 7, Made: 1}, 0},  // another is the first now
		{jetstream.Seen{At: 73, First: 12, Floor: 140, Deliveries: 2, Made: 1}, 0},  // the consumer was reset
		{jetstream.Seen{At: 84, First: 12, Floor: 150, Deliveries: 9, Made: 2}, 0},  // or made anew
		{jetstream.Seen{At: 85, First: 20, Floor: 10, Deliveries: 10, Made: 2}, 0},  // the first is gone
		{jetstream.Seen{At: 95, First: 12, Floor: 160, Deliveries: 11, Made: 2}, 0}, // so what was seen before does not count
		{jetstream.Seen{At: 105, First: 12, Floor: 170, Deliveries: 11, Made: 2}, 160},
	} {
		if got := floors(look.Seen); got != look.want {
			t.Errorf("look %d: %d, want %d", i, got, look.want)
		}
	}
}
