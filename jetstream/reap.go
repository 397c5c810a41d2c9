package jetstream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	js "github.com/nats-io/nats.go/jetstream"

	"foxhunt/meeting"
	"foxhunt/messages"
)

// reaper moves captures that the server will not deliver again from the work queue, where they would stay for ever, to the
// dead letters. It hears of them by the server's advisories, and finds those of which an advisory was lost by sweeping.
//
// A capture that a worker terminates needs no reaper: its dead letter was stored before, and the stream has removed it by
// the time that the server's MSG_TERMINATED advisory could be read.
type reaper struct {
	conn     *Conn
	topology Topology
	worker   string // signs the dead letters
	buried   func(code string)
	met      func(ctx context.Context, subject string, capture []byte, place meeting.Place) (bool, error)
	wait     time.Duration // for an advisory, at most: a sweep that is due comes first
	sweep    sweep
}

// Reap moves captures that were delivered MaxDeliver times to the dead letters. worker is the name it signs with; buried is
// called with the reason's code for each capture moved. met, which may be nil, says whether the fix of an event rests on the
// capture, which then is removed and no dead letter. It runs until ctx ends, and any number of processes may run it at once.
func (c *Conn) Reap(ctx context.Context, t Topology, worker string, buried func(code string),
	met func(ctx context.Context, subject string, capture []byte, place meeting.Place) (bool, error)) {
	r := c.newReaper(t, worker, buried)
	r.met = met
	r.run(ctx)
}

func (c *Conn) newReaper(t Topology, worker string, buried func(code string)) *reaper {
	return &reaper{conn: c, topology: t, worker: worker, buried: buried, wait: 10 * time.Second, sweep: newSweep()}
}

func (r *reaper) run(ctx context.Context) {
	pause := firstPause
	for ctx.Err() == nil {
		err := r.hear(ctx)
		if swept := r.sweepWhenDue(ctx); err == nil {
			err = swept
		}
		if err == nil {
			pause = firstPause
			continue
		}
		if ctx.Err() == nil && pause == firstPause { // once, not for as long as it lasts
			r.complain(r.conn.explain(r.topology.Advisories.Name, err))
		}
		sleep(ctx, pause)
		pause = min(2*pause, lastPause)
	}
}

// complain says what went wrong. What passes, as when NATS is away, needs nobody's attention here.
func (r *reaper) complain(err *Error) {
	if err.Passing() {
		r.conn.log.Info("listening for captures delivered too often was interrupted, trying again", "error", err)
		return
	}
	r.conn.log.Warn("captures delivered too often cannot be moved now, trying again", "error", err)
}

// advisory is what the server says about a capture that it will not deliver again
// ($JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES, kept in the ADVISORIES stream).
type advisory struct {
	Time       time.Time `json:"timestamp"`
	Stream     string    `json:"stream"`
	Consumer   string    `json:"consumer"`
	Sequence   uint64    `json:"stream_seq"`
	Deliveries int       `json:"deliveries"`
}

// hear waits for one advisory and deals with it. What fails comes again: the advisory is acknowledged last.
func (r *reaper) hear(ctx context.Context) error {
	consumer, err := r.conn.js.Consumer(ctx, r.topology.Advisories.Name, r.topology.Reaper.Durable)
	if err != nil {
		r.conn.miss()
		return err
	}
	wait, cancel := context.WithTimeout(ctx, min(r.wait, max(time.Until(r.sweep.next), time.Second)))
	defer cancel()
	msg, err := consumer.Next(js.FetchContext(wait))
	if err != nil {
		if wait.Err() != nil && ctx.Err() == nil || errors.Is(err, nats.ErrTimeout) {
			return nil
		}
		return err
	}
	var a advisory
	if err := json.Unmarshal(msg.Data(), &a); err != nil || a.Stream != r.topology.Captures.Name || a.Consumer == "" || a.Sequence == 0 {
		r.conn.log.Warn("an advisory that is not about captures is dropped", "subject", msg.Subject())
		return msg.Term()
	}
	if err := r.follow(ctx, a); err != nil {
		msg.NakWithDelay(lastPause) // if this fails too it comes again after AckWait
		return err
	}
	return msg.DoubleAck(ctx)
}

// follow buries the capture that an advisory names, if that is still the one it means.
func (r *reaper) follow(ctx context.Context, a advisory) error {
	consumer, err := r.conn.js.Consumer(ctx, a.Stream, a.Consumer)
	if errors.Is(err, js.ErrConsumerNotFound) || err == nil && consumer.CachedInfo().Created.After(a.Time) {
		return nil // the consumer that is made anew delivers everything again
	}
	if err != nil {
		return err
	}
	m, err := r.conn.stored(ctx, a.Stream, map[string]any{"seq": a.Sequence})
	if errors.Is(err, ErrNoMessage) {
		return nil // finished after all, or buried by another process
	}
	if err != nil {
		return err
	}
	if a.Time.Before(m.Time) {
		return nil // the stream was made anew: this is not the capture that the advisory means
	}
	return r.clear(ctx, m, a.Deliveries, fmt.Sprintf("delivered %d times to %s and never finished", a.Deliveries, a.Consumer))
}

// clear takes a capture that nobody delivers any more off the work queue: it buries it, unless it was finished before: its
// fix was stored and its acknowledgement lost, or the server brought it back when it started again.
func (r *reaper) clear(ctx context.Context, m StreamMessage, deliveries int, sentence string) error {
	finished, err := r.finished(ctx, m)
	if err != nil {
		return err
	}
	if finished {
		r.conn.log.Info("a capture that was finished before is removed", "subject", m.Subject, "sequence", m.Sequence)
		_, err := r.conn.deleteMessage(ctx, r.topology.Captures.Name, m.Sequence)
		return err
	}
	return r.bury(ctx, m, deliveries, sentence)
}

// bury copies a capture to the dead letters, then removes it. Of several processes that bury the same one, the stream of
// dead letters keeps one letter, and the one that stored it counts the capture: who removes it may be another, which took it
// for finished.
func (r *reaper) bury(ctx context.Context, m StreamMessage, deliveries int, sentence string) error {
	letter, err := r.conn.PublishDead(ctx, m.Sequence, &messages.DeadLetter{
		Body: m.Data, Subject: m.Subject, Headers: m.Header,
		Reason: ReasonMaxDeliveries, Sentence: sentence,
		Deliveries: deliveries, Worker: r.worker, Time: time.Now(),
	})
	if err != nil {
		return err
	}
	if !letter.Duplicate {
		r.conn.log.Warn("a capture was delivered too often and is now a dead letter", "subject", m.Subject, "deliveries", deliveries)
		r.buried(ReasonMaxDeliveries)
	}
	_, err = r.conn.deleteMessage(ctx, r.topology.Captures.Name, m.Sequence)
	return err
}
