package jetstream_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"foxhunt/jetstream"
	"foxhunt/jetstream/jetstreamtest"
)

// impatient is a server whose workers' consumer waits for an answer no longer than ackWait.
func impatient(t *testing.T, ackWait time.Duration) (*jetstreamtest.Server, *jetstream.Conn, jetstream.Topology) {
	t.Helper()
	srv := jetstreamtest.Start(t)
	c := connect(t, jetstream.Options{URL: srv.ClientURL()})
	topo := jetstream.DefaultTopology()
	topo.Workers.AckWait = ackWait
	if _, err := c.Ensure(t.Context(), topo); err != nil {
		t.Fatal(err)
	}
	return srv, c, topo
}

// A capture stays in hand for longer than AckWait without a word: it is delivered again, recognised, and one
// acknowledgement settles all its deliveries.
func TestRedeliveredInHandIsRecognised(t *testing.T) {
	t.Parallel()
	_, c, topo := impatient(t, 200*time.Millisecond)
	publish(t, c, "captures.net.a", 1, 1000)
	s := newSource(t, c, topo, jetstream.SourceOptions{Concurrency: 4})
	d := next(t, s)
	held := s.Stats().HeldBytes
	waitFor(t, "two more deliveries", func() bool { return s.Stats().Repeated >= 2 })
	if st := s.Stats(); st.Delivered != 1 || st.Redelivered != 0 || st.Buffered != 0 || st.HeldBytes != held {
		t.Errorf("stats %+v, want one capture of %d bytes handed out", st, held)
	}
	if n := d.NumDelivered(); n < 3 {
		t.Errorf("the capture in hand says delivery %d, want the newest", n)
	}
	ack(t, d)
	if lag := mustLag(t, c); lag.Total != 0 || lag.InFlight != 0 {
		t.Errorf("one acknowledgement left %d captures, %d in flight", lag.Total, lag.InFlight)
	}
	if d, err := s.Next(within(t, 500*time.Millisecond)); err == nil {
		t.Errorf("it was handed out again, as delivery %d", d.NumDelivered())
	}
	if held := s.Stats().HeldBytes; held != 0 {
		t.Errorf("%d bytes are held at the end", held)
	}
}

// What is given back is no longer in hand: its next delivery is handed out.
func TestNakEndsTheHold(t *testing.T) {
	t.Parallel()
	_, c, topo := impatient(t, 200*time.Millisecond)
	publish(t, c, "captures.net.a", 1, 8)
	s := newSource(t, c, topo, jetstream.SourceOptions{})
	d := next(t, s)
	waitFor(t, "a delivery while in hand", func() bool { return s.Stats().Repeated > 0 })
	if err := d.Nak(0); err != nil {
		t.Fatal(err)
	}
	if err := d.InProgress(); err != nil { // must not undo the Nak
		t.Fatal(err)
	}
	again := next(t, s)
	if again.NumDelivered() < 3 {
		t.Errorf("delivery %d, want the third or later", again.NumDelivered())
	}
	ack(t, again)
}

// What could not be settled is forgotten: it holds no bytes, and its next delivery is handed out.
func TestForgetEndsTheHold(t *testing.T) {
	t.Parallel()
	_, c, topo := impatient(t, 200*time.Millisecond)
	publish(t, c, "captures.net.a", 1, 1000)
	s := newSource(t, c, topo, jetstream.SourceOptions{})
	next(t, s).Forget()
	d := next(t, s)
	if d.NumDelivered() < 2 {
		t.Errorf("delivery %d, want the second or later", d.NumDelivered())
	}
	ack(t, d)
	d.Forget() // no more
	if st := s.Stats(); st.HeldBytes != 0 || mustLag(t, c).Total != 0 {
		t.Errorf("%+v", st)
	}
}

// The stream is made anew with a capture in hand: the new one under its sequence is another.
func TestSequenceOfAnotherStreamIsAnotherCapture(t *testing.T) {
	t.Parallel()
	srv, c, topo := impatient(t, 300*time.Millisecond)
	publish(t, c, "captures.net.a", 1, 8)
	s := newSource(t, c, topo, jetstream.SourceOptions{Concurrency: 2})
	old := next(t, s)
	deleteStream(t, srv.ClientURL(), jetstream.StreamCaptures)
	waitFor(t, "the stream's return", func() bool {
		_, err := c.PublishCapture(t.Context(), "captures.net.b", fmt.Sprint(time.Now().UnixNano()), []byte("new"))
		return err == nil
	})
	d := next(t, s)
	if d.StreamSequence != old.StreamSequence || string(d.Data) != "new" {
		t.Errorf("capture %d %q came, want another of sequence %d", d.StreamSequence, d.Data, old.StreamSequence)
	}
	ack(t, d)
}

// The model becomes a hundred times as slow with a full buffer: what waits must not go to others.
func TestSuddenSlownessRedeliversNothing(t *testing.T) {
	t.Parallel()
	const ackWait, lanes, n = 2 * time.Second, 4, 40
	srv, c, topo := impatient(t, ackWait)
	other := connect(t, jetstream.Options{URL: srv.ClientURL()}) // would get what this one neglects
	publish(t, c, "captures.net.a", n, 8)
	s := newSource(t, c, topo, jetstream.SourceOptions{Concurrency: lanes})
	s.Observe(time.Millisecond)
	waitFor(t, "a full buffer", func() bool { return s.Stats().Buffered == n })
	rival := newSource(t, other, topo, jetstream.SourceOptions{Concurrency: lanes})
	var wg sync.WaitGroup
	for range lanes {
		wg.Go(func() {
			for s.Stats().Buffered > 0 {
				ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
				d, err := s.Next(ctx)
				cancel()
				if errors.Is(err, context.DeadlineExceeded) {
					continue
				}
				if err != nil {
					t.Error(err)
					return
				}
				time.Sleep(500 * time.Millisecond) // the model
				ack(t, d)
				s.Observe(500 * time.Millisecond)
			}
		})
	}
	wg.Wait()
	if a, b := s.Stats(), rival.Stats(); a.Redelivered+a.Repeated+b.Delivered != 0 {
		t.Errorf("stats %+v, and %+v of another worker, want no delivery but the first", a, b)
	}
	if lag := mustLag(t, c); lag.Total != 0 {
		t.Errorf("%d captures are left", lag.Total)
	}
}
