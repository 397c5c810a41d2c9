package jetstream

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	js "github.com/nats-io/nats.go/jetstream"
)

// SourceOptions bound what a source takes ahead of its worker.
type SourceOptions struct {
	Concurrency int           // captures the worker handles at a time; default 1
	MaxMessages int           // most captures fetched and not yet handed out; default 256
	MaxBytes    int           // most bytes fetched and not yet settled, handed out or not; default 32 MiB
	Prefetch    time.Duration // work to keep at hand; default 1 s, never more than a quarter of AckWait
	Log         *slog.Logger  // default: the connection's
}

// Source pulls captures from the shared consumer. It fetches ahead so that a worker need not wait for the network, but
// never more captures than the worker can serve in the Prefetch time, and extends the deadline of those that wait here all
// the same because the worker has become slower. A capture that is delivered again while it is in hand here is recognised
// and handed out once. While many captures of a few stations wait, those of the others are taken out of turn. Close must be called. Next is safe for concurrent use.
type Source struct {
	conn     *Conn
	topology Topology
	consumer js.ConsumerConfig // as the server has it
	o        SourceOptions
	log      *slog.Logger

	sub   *nats.Subscription
	msgs  chan *nats.Msg // what the server sends: captures and status messages
	inbox string
	made  time.Time // when the consumer was, as far as is known
	pulls int       // pull requests sent; the last token of a pull's reply subject

	ready   chan *Delivery // fetched, not handed out
	inHand  inHand         // fetched, not settled
	claims  claims
	waiting waiting       // handed back to come again later
	change  chan struct{} // cap 1: the room has grown
	quit    context.Context
	stop    context.CancelFunc
	ended   chan struct{}  // closed when the pulling goroutine is done
	closed  chan struct{}  // closed by Close
	keeper  sync.WaitGroup // of the goroutine that extends deadlines until then

	overtaking overtaking
	largest    int // bytes of the largest capture with its headers

	held    atomic.Int64 // bytes fetched and not settled
	service atomic.Int64 // ns a capture takes, smoothed; 0: not known yet

	closing sync.Once
	stats   sourceCounters
}

type sourceCounters struct{ delivered, redelivered, repeated, overtaken, bytes, interruptions atomic.Uint64 }

// SourceStats counts what a source did since it was made.
type SourceStats struct {
	Delivered     uint64 // captures fetched
	Redelivered   uint64 // of them, those that had been delivered before
	Repeated      uint64 // deliveries of captures that were in hand here already; not handed out, nor counted above
	Overtaken     uint64 // captures taken out of turn, because stations with more of them made theirs wait; not counted above
	Bytes         uint64 // fetched
	Interruptions uint64 // times pulling failed and was taken up again
	Buffered      int    // captures fetched and not handed out at this moment
	HeldBytes     int64  // bytes fetched and not settled at this moment
	Waiting       int    // captures handed back by Wait that this process lets come again, at this moment
}

// Pull requests live for a second only: an open one cannot be withdrawn without losing what the server is just sending, so
// a clean stop waits for its end. One of which nothing is heard for graceTime longer is lost.
const (
	pullExpiry = time.Second
	graceTime  = 5 * time.Second
	downPause  = 200 * time.Millisecond // between looks whether the connection is back
)

// NewSource starts pulling from t's Workers consumer, which it creates if it is missing, now or later.
func (c *Conn) NewSource(ctx context.Context, t Topology, o SourceOptions) (*Source, error) {
	if err := o.setDefaults(c, t); err != nil {
		return nil, err
	}
	consumer, err := c.js.Consumer(ctx, t.Captures.Name, t.Workers.Durable)
	if err != nil {
		if _, err := c.Ensure(ctx, t); err != nil {
			return nil, err
		}
		if consumer, err = c.js.Consumer(ctx, t.Captures.Name, t.Workers.Durable); err != nil {
			return nil, explain(t.Workers.Durable, err)
		}
	}
	live := consumer.CachedInfo().Config
	o.Prefetch = min(o.Prefetch, live.AckWait/4)
	room := 4*o.MaxMessages + 64 // for what a pull taken for lost still brings, and for status messages
	s := &Source{
		conn: c, topology: t, consumer: live, o: o, log: o.Log, largest: c.largestCapture(t),
		msgs: make(chan *nats.Msg, room), inbox: c.nc.NewInbox(), made: consumer.CachedInfo().Created,
		ready: make(chan *Delivery, room), inHand: inHand{deliveries: map[captureKey]*Delivery{}},
		change: make(chan struct{}, 1), ended: make(chan struct{}), closed: make(chan struct{}),
	}
	if o.MaxBytes < 2*s.largest {
		s.log.Warn("there is no room to take captures out of turn, so that a station that floods the workers delays the others; allow more bytes (--prefetch-bytes)",
			"bytes", o.MaxBytes, "least", 2*s.largest)
	}
	s.waiting.connected, s.waiting.patience = c.Connected, live.AckWait/2
	s.claims = claims{conn: c, bucket: t.Claims.Bucket, stream: t.Captures.Name, worker: s.inbox}
	if s.sub, err = c.nc.ChanSubscribe(s.inbox+".*", s.msgs); err != nil {
		return nil, explain(s.inbox, err)
	}
	s.overtaking = overtaking{source: s, behind: make(chan struct{}, 1), aside: make(chan *Delivery, room), cursor: map[string]uint64{}}
	s.quit, s.stop = context.WithCancel(context.Background())
	go s.fetch()
	s.keeper.Go(s.extend)
	return s, nil
}

func (o *SourceOptions) setDefaults(c *Conn, t Topology) error {
	if o.Concurrency == 0 {
		o.Concurrency = 1
	}
	if o.MaxMessages == 0 {
		o.MaxMessages = 256
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = 32 << 20
	}
	if o.Prefetch == 0 {
		o.Prefetch = time.Second
	}
	if o.Log == nil {
		o.Log = c.log
	}
	if largest := c.largestCapture(t); o.MaxBytes < largest {
		return fail(CodeBadOption, nil, "a source bounded to %d bytes can never fetch a capture of %d; allow at least %[2]d", o.MaxBytes, largest)
	}
	return nil
}

// largestCapture is how many bytes the largest capture takes here, with its headers and subjects.
func (c *Conn) largestCapture(t Topology) int {
	return int(min(int64(t.Captures.MaxMsgSize), c.MaxPayload())) + 4096
}

// AckWait is the time after which the server delivers a capture again, by the consumer as it was when the source was made.
func (s *Source) AckWait() time.Duration { return s.consumer.AckWait }

// MaxDeliver is how often the server delivers a capture in all, likewise; -1: without end.
func (s *Source) MaxDeliver() int { return s.consumer.MaxDeliver }

// Next returns the next capture; it waits for one until ctx ends. After Stop it still hands out what was fetched before,
// then returns ErrStopped.
func (s *Source) Next(ctx context.Context) (*Delivery, error) {
	first, second := s.ready, s.overtaking.aside
	if s.overtaking.hasTurn() {
		first, second = second, first
	}
	var d *Delivery
	var ok bool
	select {
	case d, ok = <-first:
	default:
		select {
		case d, ok = <-first:
		case d, ok = <-second:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if !ok { // both are closed at once, and each may hold something yet
		if d, ok = <-s.ready; !ok {
			if d, ok = <-s.overtaking.aside; !ok {
				return nil, ErrStopped
			}
		}
	}
	s.overtaking.tookTurn(d.outOfTurn)
	s.grown()
	return d.handedOut(), nil
}

// Observe tells the source how long the worker had one capture in hand. The prefetch follows it.
func (s *Source) Observe(service time.Duration) {
	ns := max(int64(service), 1)
	if old := s.service.Load(); old != 0 {
		ns = old + (ns-old)/8
	}
	s.service.Store(max(ns, 1))
	s.overtaking.wake()
	s.grown()
}

// Stop ends pulling. It does not wait. Captures fetched already, at most Prefetch's worth of work, still come from Next,
// because giving them back would use up one of their deliveries.
func (s *Source) Stop() { s.stop() }

// Close stops pulling, waits for that, and gives back at once what was fetched and not handed out.
func (s *Source) Close() {
	s.stop()
	<-s.ended
	s.closing.Do(func() {
		close(s.closed)
		s.keeper.Wait()
		s.waiting.close()
		for _, fetched := range []chan *Delivery{s.ready, s.overtaking.aside} {
			for d := range fetched {
				if err := d.Nak(0); err != nil {
					s.log.Warn("a capture could not be given back; it comes again after AckWait", "subject", d.Subject, "error", err)
				}
			}
		}
	})
}

// Stats returns the counters.
func (s *Source) Stats() SourceStats {
	return SourceStats{
		Delivered: s.stats.delivered.Load(), Redelivered: s.stats.redelivered.Load(), Repeated: s.stats.repeated.Load(), Overtaken: s.stats.overtaken.Load(), Bytes: s.stats.bytes.Load(),
		Interruptions: s.stats.interruptions.Load(), Buffered: len(s.ready) + len(s.overtaking.aside), HeldBytes: s.held.Load(),
		Waiting: s.waiting.len(),
	}
}

func (s *Source) release(size int) {
	s.held.Add(-int64(size))
	s.grown()
}

func (s *Source) grown() {
	select {
	case s.change <- struct{}{}:
	default:
	}
}

// limit is how many captures may wait here: what the worker serves in the Prefetch time.
func (s *Source) limit() int {
	service := s.service.Load()
	if service == 0 {
		return min(s.o.Concurrency, s.o.MaxMessages)
	}
	n := int64(s.o.Prefetch) * int64(s.o.Concurrency) / service
	return int(min(max(n, 1), int64(s.o.MaxMessages)))
}

// fetch fetches captures, in turn and out of it, until Stop.
func (s *Source) fetch() {
	defer close(s.ended)
	defer close(s.overtaking.aside)
	defer close(s.ready)
	var both sync.WaitGroup
	both.Go(func() { defer s.stop(); s.run() }) // it ends by itself with a closed connection
	both.Go(s.overtaking.run)
	both.Wait()
}

// run pulls until Stop. It owns the subscription, s.made, s.pulls and the sending side of s.ready.
func (s *Source) run() {
	defer s.sub.Unsubscribe()
	least := 1 // bytes that must be free: more than were when the server's next capture did not fit
	pause := firstPause
	for {
		messages, bytes, ok := s.waitForRoom(least)
		if !ok || s.conn.nc.IsClosed() { // a closed connection does not come back
			return
		}
		got, end := s.pull(messages, bytes)
		switch {
		case end == endTooSmall && got == 0:
			least = 2 * bytes
		case end == endNormal, end == endTooSmall:
			least = 1
			if pause != firstPause {
				s.log.Info("pulling captures again")
				pause = firstPause
			}
		default:
			s.recover(end, &pause)
		}
	}
}

// inTurnBytes is how many of the bytes captures in turn may take: all, or half where others are taken out of turn, but in
// any case enough for the largest.
func (s *Source) inTurnBytes(sharing bool) int {
	if !sharing {
		return s.o.MaxBytes
	}
	return max(s.o.MaxBytes/2, s.largest)
}

// waitForRoom waits until half of the limit is free, so that pulls bring more than one capture at a time, and returns
// what may be asked for. It returns false after Stop.
func (s *Source) waitForRoom(least int) (messages, bytes int, ok bool) {
	for s.quit.Err() == nil {
		limit := s.limit()
		messages = limit - len(s.ready)
		most := s.inTurnBytes(s.overtaking.isSharing())
		inTurn := int(s.held.Load() - s.overtaking.held.Load())
		bytes = min(most-inTurn, s.o.MaxBytes-int(s.held.Load()))
		if messages >= (limit+1)/2 && bytes >= min(least, most) {
			return messages, bytes, true
		}
		select {
		case <-s.change:
		case <-s.quit.Done():
		}
	}
	return 0, 0, false
}

// recover waits after a failed pull, and makes anew what the server no longer has.
func (s *Source) recover(why pullEnd, pause *time.Duration) {
	if *pause == firstPause {
		s.stats.interruptions.Add(1)
		s.log.Warn("pulling captures was interrupted, trying again", "reason", string(why))
	}
	if !sleep(s.quit, *pause) {
		return
	}
	*pause = min(2**pause, lastPause)
	if !s.conn.Connected() { // nobody is asked, so that it may be looked at often: captures wait when it is back
		*pause = min(*pause, downPause)
		return
	}
	if why == endLeader {
		return
	}
	ctx, cancel := context.WithTimeout(s.quit, lastPause)
	defer cancel()
	if _, err := s.conn.Ensure(ctx, s.topology); err != nil {
		s.log.Debug("streams are not there yet", "error", err)
		return
	}
	if info, err := s.conn.consumerInfo(ctx, s.topology.Captures.Name, s.topology.Workers.Durable); err == nil {
		s.made = info.Created
	}
}
