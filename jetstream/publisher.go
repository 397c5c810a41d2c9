package jetstream

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	js "github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/semaphore"

	"foxhunt/messages"
)

// Stored is the server's word that a message is in its stream.
type Stored struct {
	Stream   string
	Sequence uint64 // of a duplicate: that of the message kept
	// Duplicate: the stream already had a message of this id, and kept that one. For a capture with a fresh random id it
	// means that somebody else has used the id.
	Duplicate bool
}

// answerTime is how long one attempt waits for the server's answer, beside what a large message takes over a slow link.
const answerTime = 5 * time.Second

// sendTime is what size bytes take over a link of 400 kbit/s.
func sendTime(size int) time.Duration { return time.Duration(size) * 20 * time.Microsecond }

// PublishCapture stores one capture and returns once the server has confirmed it. id is the capture's id: random, so that
// nobody can make it a duplicate of something else. A full subject, a missing stream and a refusal are returned at once;
// a lost answer leads to another attempt, under the same id, until ctx ends.
func (c *Conn) PublishCapture(ctx context.Context, subject, id string, data []byte) (Stored, error) {
	msg := &nats.Msg{Subject: subject, Data: data, Header: nats.Header{js.MsgIDHeader: {id}}}
	return c.publish(ctx, msg, mayBeLost)
}

// PublishFix stores a fix and returns once the server has confirmed it. msgID must be the same for every attempt at the
// same capture, so that a second attempt within the stream's window stores nothing. If the first attempt finds the id used,
// by another process that had the capture or for another capture, Stored is that fix, a Duplicate. What may pass is tried again until
// ctx ends, and so is a refusal, which is no fault of the capture's: an operator can grant the right meanwhile. captures are
// the ids of those that met, for which FindFix then finds the fix, too.
func (c *Conn) PublishFix(ctx context.Context, subject, msgID, contentType string, body []byte, captures ...string) (Stored, error) {
	msg := &nats.Msg{Subject: subject, Data: body, Header: nats.Header{js.MsgIDHeader: {msgID}, "Content-Type": {contentType}}}
	if len(captures) > 0 {
		msg.Header[messages.CapturesHeader] = captures
	}
	return c.publishUntilStored(ctx, msg)
}

// publishUntilStored stores msg, trying again whatever passes or is the server's to permit, until ctx ends.
func (c *Conn) publishUntilStored(ctx context.Context, msg *nats.Msg) (Stored, error) {
	said := false
	return c.publish(ctx, msg, func(e *Error) bool {
		if e.Code == CodeNoStream {
			c.miss()
		}
		if e.Code == CodeRefused && !said {
			c.log.Error("trying again until it is permitted", "error", e)
			said = true
		}
		return e.Passing() || e.Code == CodeRefused
	})
}

// publish stores msg, trying again while again says so and ctx lives.
func (c *Conn) publish(ctx context.Context, msg *nats.Msg, again func(*Error) bool) (stored Stored, err error) {
	if c.trace != nil {
		end := c.trace(ctx, msg.Subject, msg.Header)
		defer func() { end(err) }()
	}
	if size := int64(msg.Size()); size > c.MaxPayload() {
		return Stored{}, fail(CodeTooLarge, nil, "the message for %s has %d bytes; the server takes %d (its max_payload)", msg.Subject, size, c.MaxPayload())
	}
	unsure := false // an earlier attempt may have been stored although its answer did not come
	var last *Error
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		ack, err := c.publishOnce(ctx, msg)
		if err == nil {
			return Stored{Stream: ack.Stream, Sequence: ack.Sequence, Duplicate: ack.Duplicate && !unsure}, nil
		}
		if last == nil || ctx.Err() == nil { // when ctx ends, what went wrong before says more
			last = c.explain(msg.Subject, err)
		}
		if !again(last) || c.nc.IsClosed() || !sleep(ctx, jitter(pause)) {
			return Stored{}, last
		}
		unsure = true
	}
}

// publishOnce waits for the server's answer, or for its word that msg's subject is forbidden, which comes another way, or until no
// answer can come any more as the connection was lost.
func (c *Conn) publishOnce(ctx context.Context, msg *nats.Msg) (ack *js.PubAck, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, answerTime+sendTime(len(msg.Data)), nats.ErrTimeout)
	defer cancel()
	mine := func(subject string) bool { return subject == msg.Subject }
	err = c.refusals.exchange(ctx, mine, func(ctx context.Context) error {
		if err := c.hearAnswers(ctx); err != nil {
			return err
		}
		ack, err = c.js.PublishMsg(ctx, msg)
		return err
	})
	return ack, err
}

// jitter spreads attempts of many clients over time.
func jitter(d time.Duration) time.Duration { return d/2 + rand.N(d/2+1) }

// Publisher publishes captures without waiting for each, with at most so many bytes under way.
type Publisher struct {
	conn  *Conn
	bytes *semaphore.Weighted
	most  int64
	wg    sync.WaitGroup

	stored, duplicates, failed atomic.Uint64
	outstanding                atomic.Int64
}

// PublisherStats counts what a publisher did.
type PublisherStats struct {
	Stored, Duplicates, Failed uint64
	OutstandingBytes           int64
}

// A message under way costs at least this much of the byte budget: its goroutine and its bookkeeping.
const leastCost = 8 << 10

// NewPublisher returns a publisher with at most maxBytes under way; 0 means 16 MiB. JetStream stalls on many large
// messages at once, so the bound is in bytes, not in messages.
func (c *Conn) NewPublisher(maxBytes int64) *Publisher {
	if maxBytes <= 0 {
		maxBytes = 16 << 20
	}
	return &Publisher{conn: c, bytes: semaphore.NewWeighted(maxBytes), most: maxBytes}
}

// Publish waits until there is room, then publishes as PublishCapture does and calls done, which may be nil, with the
// outcome, from another goroutine. data must not change before that. The error is ctx's: nothing was published then.
func (p *Publisher) Publish(ctx context.Context, subject, id string, data []byte, done func(Stored, error)) error {
	cost := min(max(int64(len(data)), leastCost), p.most)
	if err := p.bytes.Acquire(ctx, cost); err != nil {
		return err
	}
	p.outstanding.Add(cost)
	p.wg.Go(func() {
		stored, err := p.conn.PublishCapture(ctx, subject, id, data)
		p.count(stored, err)
		p.outstanding.Add(-cost)
		p.bytes.Release(cost)
		if done != nil {
			done(stored, err)
		}
	})
	return nil
}

func (p *Publisher) count(stored Stored, err error) {
	switch {
	case err != nil:
		p.failed.Add(1)
	case stored.Duplicate:
		p.duplicates.Add(1)
	default:
		p.stored.Add(1)
	}
}

// Wait returns once the outcome of everything published is known.
func (p *Publisher) Wait() { p.wg.Wait() }

// Stats returns the counters.
func (p *Publisher) Stats() PublisherStats {
	return PublisherStats{p.stored.Load(), p.duplicates.Load(), p.failed.Load(), p.outstanding.Load()}
}

// PublishPlain sends a message that no stream needs to store, such as the truth of a simulated capture.
func (c *Conn) PublishPlain(subject string, data []byte) error {
	if err := c.nc.Publish(subject, data); err != nil {
		return explain(subject, err)
	}
	return nil
}

// SubscribePlain calls handle for every message on subject, in order, until stop is called. What the server's permissions
// forbid to hear is not heard, and the log says so.
func (c *Conn) SubscribePlain(subject string, handle func(subject string, data []byte)) (stop func(), err error) {
	w := &waiter{mine: func(s string) bool { return s == subject }, end: func(error) {
		c.log.Info("the server's permissions do not let this user hear " + subject)
	}}
	c.refusals.add(w)
	sub, err := c.nc.Subscribe(subject, func(m *nats.Msg) { handle(m.Subject, m.Data) })
	if err != nil {
		c.refusals.remove(w)
		return nil, explain(subject, err)
	}
	return func() {
		c.refusals.remove(w)
		if err := sub.Unsubscribe(); err != nil && !errors.Is(err, nats.ErrConnectionClosed) {
			c.log.Debug("unsubscribing", "subject", subject, "error", err)
		}
	}, nil
}
