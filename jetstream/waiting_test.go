package jetstream_test

import (
	"testing"
	"time"

	"foxhunt/jetstream"
	"foxhunt/jetstream/jetstreamtest"
)

// waitingSource has captures delivered to a source with an AckWait of so long.
func waitingSource(t *testing.T, ackWait time.Duration, captures int) (*jetstreamtest.Server, *jetstream.Conn, *jetstream.Source) {
	t.Helper()
	s := jetstreamtest.Start(t)
	c := connect(t, jetstream.Options{URL: s.ClientURL()})
	topo := jetstream.DefaultTopology()
	topo.Workers.AckWait = ackWait
	if _, err := c.Ensure(t.Context(), topo); err != nil {
		t.Fatal(err)
	}
	publish(t, c, "captures.net.a", captures, 100)
	return s, c, newSource(t, c, topo, jetstream.SourceOptions{Concurrency: captures})
}

func TestWait(t *testing.T) {
	t.Parallel()
	_, _, s := waitingSource(t, 30*time.Second, 3)
	began := time.Now()
	for i := range 3 {
		if err := next(t, s).Wait(time.Duration(i) * 100 * time.Millisecond); err != nil {
			t.Fatal(err)
		}
	}
	if stats := s.Stats(); stats.HeldBytes != 0 {
		t.Errorf("captures that wait hold %d bytes", stats.HeldBytes)
	}
	for i := range 3 {
		d := next(t, s)
		if d.NumDelivered() != 2 || len(d.Data) != 100 {
			t.Errorf("delivery %d with %d bytes; want the second", d.NumDelivered(), len(d.Data))
		}
		if early := time.Duration(i)*100*time.Millisecond - time.Since(began); early > 0 {
			t.Errorf("a capture came again %v too early", early)
		}
		ack(t, d)
	}
	waitFor(t, "nothing waiting", func() bool { return s.Stats().Waiting == 0 })
}

// TestWhoWakesWhatWaits: this process, unless the server does so at about that time.
func TestWhoWakesWhatWaits(t *testing.T) {
	t.Parallel()
	_, _, s := waitingSource(t, 30*time.Second, 4)
	for delay, waiting := range map[time.Duration]int{10 * time.Second: 1, 24 * time.Second: 1, 28 * time.Second: 0, 40 * time.Second: 0} {
		before := s.Stats().Waiting
		if err := next(t, s).Wait(delay); err != nil {
			t.Fatal(err)
		}
		if got := s.Stats().Waiting - before; got != waiting {
			t.Errorf("of those that wait for %v %d wait in this process; want %d", delay, got, waiting)
		}
	}
	if stats := s.Stats(); stats.HeldBytes != 0 {
		t.Errorf("captures that wait hold %d bytes", stats.HeldBytes)
	}
}

// TestWaitOfADeadWorker has captures come again whose worker is gone, and those that wait for longer than AckWait.
func TestWaitOfADeadWorker(t *testing.T) {
	t.Parallel()
	server, c, s := waitingSource(t, time.Second, 4)
	for _, delay := range []time.Duration{400 * time.Millisecond, 700 * time.Millisecond, 900 * time.Millisecond, 1100 * time.Millisecond} {
		if err := next(t, s).Wait(delay); err != nil {
			t.Fatal(err)
		}
	}
	c.Close() // as if it were killed: the timer says nothing any more
	topo := jetstream.DefaultTopology()
	topo.Workers.AckWait = time.Second
	other := newSource(t, connect(t, jetstream.Options{URL: server.ClientURL()}), topo, jetstream.SourceOptions{Concurrency: 4})
	for range 4 {
		d := next(t, other)
		if d.NumDelivered() != 2 {
			t.Errorf("delivery %d; want the second", d.NumDelivered())
		}
		ack(t, d)
	}
}

// TestWaitOfAWorkerThatStops has what waits go to another worker when its time has come, and not before.
func TestWaitOfAWorkerThatStops(t *testing.T) {
	t.Parallel()
	server, _, s := waitingSource(t, 30*time.Second, 2)
	const wait = 500 * time.Millisecond
	began := time.Now()
	first, second := next(t, s), next(t, s)
	if err := first.Wait(wait); err != nil {
		t.Fatal(err)
	}
	s.Close()
	if err := second.Wait(wait); err != nil { // a lane that was at work when the source was closed
		t.Fatal(err)
	}
	other := newSource(t, server.Connect(t), jetstream.DefaultTopology(), jetstream.SourceOptions{Concurrency: 2})
	for range 2 {
		ack(t, next(t, other))
		if early := wait - time.Since(began); early > 0 {
			t.Errorf("a capture came again %v too early", early)
		}
	}
}
