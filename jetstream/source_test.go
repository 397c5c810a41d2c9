package jetstream_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"foxhunt/jetstream"
	"foxhunt/jetstream/jetstreamtest"
)

func TestDeliveryTellsWhatItIs(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	before := time.Now()
	if _, err := c.PublishCapture(t.Context(), "captures.net.a", "id-1", []byte("body")); err != nil {
		t.Fatal(err)
	}
	s := newSource(t, c, jetstream.DefaultTopology(), jetstream.SourceOptions{})
	d := next(t, s)
	if d.Subject != "captures.net.a" || string(d.Data) != "body" || d.StreamSequence != 1 || d.NumDelivered() != 1 ||
		d.Header["Nats-Msg-Id"][0] != "id-1" || d.Timestamp.Before(before.Add(-time.Second)) || time.Since(d.Timestamp) > time.Minute {
		t.Errorf("delivery %+v", d)
	}
	if st := s.Stats(); st.Delivered != 1 || st.Redelivered != 0 || st.Bytes != 4 || st.HeldBytes < 4 {
		t.Errorf("stats with one in hand: %+v", st)
	}
	ack(t, d)
	ack(t, d) // confirmed again, and counted once
	if st := s.Stats(); st.HeldBytes != 0 {
		t.Errorf("stats afterwards: %+v", st)
	}
	if lag := mustLag(t, c); lag.Total != 0 {
		t.Errorf("%d captures are left, want 0", lag.Total)
	}
}

func TestNakTermInProgress(t *testing.T) {
	t.Parallel()
	srv := jetstreamtest.Start(t)
	c := connect(t, jetstream.Options{URL: srv.ClientURL()})
	topo := jetstream.DefaultTopology()
	topo.Workers.AckWait = 400 * time.Millisecond
	if _, err := c.Ensure(t.Context(), topo); err != nil {
		t.Fatal(err)
	}
	s := newSource(t, c, topo, jetstream.SourceOptions{})
	publish(t, c, "captures.net.a", 1, 8)
	d := next(t, s)
	if err := d.Nak(time.Millisecond); err != nil {
		t.Fatal(err)
	}
	d = next(t, s)
	if d.NumDelivered() != 2 || s.Stats().Redelivered != 1 {
		t.Fatalf("after a Nak: delivery %d, stats %+v", d.NumDelivered(), s.Stats())
	}
	// Held for twice AckWait, it does not come again as long as InProgress is said.
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for range 8 {
		<-tick.C
		if err := d.InProgress(); err != nil {
			t.Fatal(err)
		}
	}
	if got := s.Stats().Delivered; got != 2 {
		t.Errorf("%d deliveries, want 2", got)
	}
	if err := d.Term("no use\nat all"); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the end of the terminated capture", func() bool { return mustLag(t, c).Total == 0 })
}

func TestAckWaitBringsItBack(t *testing.T) {
	t.Parallel()
	srv := jetstreamtest.Start(t)
	c := connect(t, jetstream.Options{URL: srv.ClientURL()})
	topo := jetstream.DefaultTopology()
	topo.Workers.AckWait = 200 * time.Millisecond
	if _, err := c.Ensure(t.Context(), topo); err != nil {
		t.Fatal(err)
	}
	publish(t, c, "captures.net.a", 1, 8)
	for n := 1; n <= 3; n++ { // each worker dies with it
		worker := connect(t, jetstream.Options{URL: srv.ClientURL()})
		if d := next(t, newSource(t, worker, topo, jetstream.SourceOptions{})); d.NumDelivered() != n {
			t.Errorf("delivery %d, want %d", d.NumDelivered(), n)
		}
		worker.Close()
	}
}

func deleteStream(t *testing.T, url, name string) {
	t.Helper()
	nc, err := nats.Connect(url)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	if _, err := nc.Request("$JS.API.STREAM.DELETE."+name, nil, 5*time.Second); err != nil {
		t.Fatal(err)
	}
}

// The stream is deleted with a capture in hand: the acknowledgement must not wait for a stream in which its sequence is
// somebody else's capture.
func TestAckGivesUpWithoutAConsumer(t *testing.T) {
	t.Parallel()
	srv, c := start(t)
	publish(t, c, "captures.net.a", 1, 8)
	d := next(t, newSource(t, c, jetstream.DefaultTopology(), jetstream.SourceOptions{}))
	deleteStream(t, srv.ClientURL(), jetstream.StreamCaptures)
	ctx := within(t, 10*time.Second)
	if err := d.Ack(ctx); code(err) != jetstream.CodeNoStream || ctx.Err() != nil {
		t.Errorf("Ack without a stream: %v, want %s at once", err, jetstream.CodeNoStream)
	}
}

// The server is replaced by an empty one with a capture in hand.
func TestAckGivesUpAfterAckWait(t *testing.T) {
	t.Parallel()
	srv := jetstreamtest.Start(t)
	c := connect(t, jetstream.Options{URL: srv.ClientURL()})
	topo := jetstream.DefaultTopology()
	topo.Workers.AckWait, topo.Workers.MaxDeliver = 300*time.Millisecond, 7
	if _, err := c.Ensure(t.Context(), topo); err != nil {
		t.Fatal(err)
	}
	publish(t, c, "captures.net.a", 2, 8)
	s := newSource(t, c, jetstream.DefaultTopology(), jetstream.SourceOptions{Concurrency: 2})
	if s.AckWait() != 300*time.Millisecond || s.MaxDeliver() != 7 {
		t.Errorf("the source says %v and %d, not as the server has it", s.AckWait(), s.MaxDeliver())
	}
	first, second := next(t, s), next(t, s)
	s.Stop()
	url := srv.ClientURL()
	srv.Shutdown()
	waitFor(t, "the connection's loss", func() bool { return !c.Connected() })
	ctx := within(t, 10*time.Second)
	if err := first.Ack(ctx); code(err) != jetstream.CodeNotConnected || ctx.Err() != nil {
		t.Errorf("Ack without a server: %v, want %s after AckWait", err, jetstream.CodeNotConnected)
	}
	if err := second.Term("x"); code(err) != jetstream.CodeNotConnected {
		t.Errorf("Term without a server: %v, want %s", err, jetstream.CodeNotConnected)
	}
	other := jetstreamtest.StartWith(t, jetstream.EmbeddedOptions{Listen: strings.TrimPrefix(url, "nats://")})
	waitFor(t, "the connection's return", c.Connected)
	publish(t, other.Connect(t), "captures.net.other", 2, 8)
	if lag := mustLag(t, c); lag.Total != 2 {
		t.Errorf("%d captures of another stream are left of 2", lag.Total)
	}
}

// A stop whose time is up still says what it has done.
func TestAckAfterItsContext(t *testing.T) {
	t.Parallel()
	srv, c := start(t)
	publish(t, c, "captures.net.a", 1, 8)
	worker := srv.Connect(t)
	d := next(t, newSource(t, worker, jetstream.DefaultTopology(), jetstream.SourceOptions{}))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := d.Ack(ctx); err != nil {
		t.Errorf("Ack: %v", err)
	}
	worker.Close()
	waitFor(t, "the capture's removal", func() bool { return mustLag(t, c).Total == 0 })
}

func TestTwoSourcesShare(t *testing.T) {
	t.Parallel()
	srv, c := start(t)
	const n = 400
	sources := []*jetstream.Source{}
	inTurn := jetstream.DefaultTopology()
	inTurn.Claims.Bucket = "none" // out of turn two may work on one capture
	for range 2 {
		sources = append(sources, newSource(t, srv.Connect(t), inTurn, jetstream.SourceOptions{Concurrency: 4}))
	}
	var mu sync.Mutex
	seen := map[string]int{}
	ctx, done := context.WithCancel(t.Context())
	defer done()
	var wg sync.WaitGroup
	for _, s := range sources {
		for range 4 {
			wg.Go(func() {
				for {
					d, err := s.Next(ctx)
					if err != nil {
						return
					}
					began := time.Now()
					ack(t, d)
					s.Observe(time.Since(began))
					mu.Lock()
					seen[d.Subject+string(d.Data[:8])]++
					if len(seen) == n {
						done()
					}
					mu.Unlock()
				}
			})
		}
	}
	publish(t, c, "captures.net.a", n/2, 100)
	publish(t, c, "captures.net.b", n/2, 100)
	wg.Wait()
	for id, times := range seen {
		if times != 1 {
			t.Errorf("%s came %d times", id, times)
		}
	}
	a, b := sources[0].Stats(), sources[1].Stats()
	if len(seen) != n || a.Delivered == 0 || b.Delivered == 0 || a.Delivered+b.Delivered != n {
		t.Errorf("%d of %d came, %d to one and %d to the other", len(seen), n, a.Delivered, b.Delivered)
	}
	if lag := mustLag(t, c); lag.Total != 0 {
		t.Errorf("%d captures are left", lag.Total)
	}
}

func TestPrefetchFollowsServiceTime(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	publish(t, c, "captures.net.a", 300, 8)
	s := newSource(t, c, jetstream.DefaultTopology(), jetstream.SourceOptions{Concurrency: 3, MaxMessages: 40})
	waitFor(t, "the first fetch", func() bool { return s.Stats().Delivered == 3 }) // as many as it serves at a time, no more
	s.Observe(150 * time.Millisecond)                                              // 3 at a time: 20 in a second
	waitFor(t, "a second's worth", func() bool { return s.Stats().Buffered == 20 })
	for range 200 {
		s.Observe(time.Microsecond) // now it could serve thousands
	}
	waitFor(t, "the most allowed", func() bool { return s.Stats().Buffered == 40 })
	for range 200 {
		s.Observe(time.Minute)
	}
	for range 40 {
		ack(t, next(t, s))
	}
	d := next(t, s) // one at a time again
	if b := s.Stats().Buffered; b > 1 {
		t.Errorf("%d captures wait for a worker that needs a minute each", b)
	}
	ack(t, d)
}

func TestPrefetchIsBoundedInBytes(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	const size, most = 3 << 20, 10 << 20
	publish(t, c, "captures.net.a", 12, size)
	s := newSource(t, c, jetstream.DefaultTopology(), jetstream.SourceOptions{Concurrency: 100, MaxBytes: most})
	var inHand []*jetstream.Delivery
	for range 3 { // no fourth of 3 MiB fits into 10, also when all are in hand
		inHand = append(inHand, next(t, s))
	}
	for range 9 {
		waitFor(t, "three in hand or at hand", func() bool { return s.Stats().Delivered < 12 || s.Stats().Buffered == 0 })
		if held := s.Stats().HeldBytes; held > most {
			t.Fatalf("%d bytes are held, of %d allowed", held, most)
		}
		ack(t, inHand[0])
		inHand = append(inHand[1:], next(t, s))
	}
	for _, d := range inHand {
		ack(t, d)
	}
	if st := s.Stats(); st.HeldBytes != 0 || st.Redelivered != 0 {
		t.Errorf("stats %+v", st)
	}
}

func TestSourceRefusesTooSmallABound(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	_, err := c.NewSource(t.Context(), jetstream.DefaultTopology(), jetstream.SourceOptions{MaxBytes: 1 << 20})
	if code(err) != jetstream.CodeBadOption {
		t.Errorf("a bound below the largest capture: %v, want %s", err, jetstream.CodeBadOption)
	}
}

func TestStopHandsOutWhatWasFetched(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	const n = 50
	publish(t, c, "captures.net.a", n, 8)
	s := newSource(t, c, jetstream.DefaultTopology(), jetstream.SourceOptions{Concurrency: 20})
	got := 0
	for ; got < 5; got++ {
		ack(t, next(t, s))
	}
	s.Stop()
	for {
		d, err := s.Next(within(t, 10*time.Second))
		if errors.Is(err, jetstream.ErrStopped) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		ack(t, d)
		got++
	}
	lag := mustLag(t, c)
	if lag.InFlight != 0 || int(lag.Pending) != n-got || got < 20 {
		t.Errorf("%d handed out, %d in flight, %d pending of %d: a clean stop leaves nothing in flight", got, lag.InFlight, lag.Pending, n)
	}
}

func TestCloseGivesBack(t *testing.T) {
	t.Parallel()
	srv, c := start(t)
	publish(t, c, "captures.net.a", 10, 8)
	s := newSource(t, c, jetstream.DefaultTopology(), jetstream.SourceOptions{Concurrency: 10})
	waitFor(t, "all of them", func() bool { return s.Stats().Buffered == 10 })
	s.Close()
	s.Close()
	other := newSource(t, srv.Connect(t), jetstream.DefaultTopology(), jetstream.SourceOptions{Concurrency: 10})
	for range 10 { // at once, not after AckWait
		d, err := other.Next(within(t, 10*time.Second))
		if err != nil {
			t.Fatal(err)
		}
		ack(t, d)
	}
	if held := s.Stats().HeldBytes; held != 0 {
		t.Errorf("%d bytes are held after Close", held)
	}
}

func TestNextEndsWithItsContext(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	s := newSource(t, c, jetstream.DefaultTopology(), jetstream.SourceOptions{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Next(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Next: %v", err)
	}
}

// TestServerRestart takes the server away under load: every capture that was confirmed must come.
func TestServerRestart(t *testing.T) {
	t.Parallel()
	srv := jetstreamtest.Start(t)
	var log logBuffer
	c := connect(t, jetstream.Options{URL: srv.ClientURL(), Log: log.logger()})
	topo := jetstream.DefaultTopology()
	topo.Workers.AckWait = time.Second // what was under way when the server went comes again soon
	if _, err := c.Ensure(t.Context(), topo); err != nil {
		t.Fatal(err)
	}
	const n = 120
	publish(t, c, "captures.net.a", n/2, 1000)
	s := newSource(t, c, topo, jetstream.SourceOptions{Concurrency: 4})
	seen := map[uint64]bool{}
	for len(seen) < n/4 {
		d := next(t, s)
		ack(t, d)
		seen[d.StreamSequence] = true
	}
	srv.Restart(t)
	publish(t, c, "captures.net.b", n/2, 1000)
	for len(seen) < n {
		d := next(t, s)
		if d.Ack(within(t, 15*time.Second)) == nil { // else it comes again
			seen[d.StreamSequence] = true
		}
	}
	if lag := mustLag(t, c); lag.Total != 0 {
		t.Errorf("%d captures are left", lag.Total)
	}
	if got := strings.Count(log.String(), "was interrupted"); got > 1 {
		t.Errorf("one interruption was logged %d times:\n%s", got, log.String())
	}
}

// TestServerRestartWhileIdle takes the server away from a source that waits.
func TestServerRestartWhileIdle(t *testing.T) {
	t.Parallel()
	srv, c := start(t)
	s := newSource(t, c, jetstream.DefaultTopology(), jetstream.SourceOptions{})
	waitFor(t, "an open pull", func() bool { return mustLag(t, c).Waiting == 1 })
	srv.Shutdown()
	waitFor(t, "the interruption", func() bool { return s.Stats().Interruptions == 1 })
	srv.Restart(t)
	publish(t, c, "captures.net.a", 1, 8)
	ack(t, next(t, s))
	if n := s.Stats().Interruptions; n != 1 {
		t.Errorf("%d interruptions are counted, want 1", n)
	}
}

// TestConsumerDeleted deletes the consumer, then the stream, under the source.
func TestConsumerDeleted(t *testing.T) {
	t.Parallel()
	srv, c := start(t)
	s := newSource(t, c, jetstream.DefaultTopology(), jetstream.SourceOptions{})
	nc, err := nats.Connect(srv.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	for i, api := range []string{"$JS.API.CONSUMER.DELETE.CAPTURES.workers", "$JS.API.STREAM.DELETE.CAPTURES"} {
		if _, err := nc.Request(api, nil, 5*time.Second); err != nil {
			t.Fatal(err)
		}
		waitFor(t, "the stream's return", func() bool {
			_, err := c.PublishCapture(t.Context(), "captures.net.a", fmt.Sprint(i, time.Now().UnixNano()), []byte{byte(i)})
			return err == nil
		})
		d := next(t, s)
		if d.Data[0] != byte(i) {
			t.Errorf("capture %d came, want %d", d.Data[0], i)
		}
		ack(t, d)
	}
}
