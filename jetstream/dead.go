package jetstream

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	js "github.com/nats-io/nats.go/jetstream"

	"foxhunt/messages"
)

// ReasonMaxDeliveries is the reason of a dead letter whose capture was delivered as often as the consumer allows and never
// finished: its workers failed, or died, each time.
const ReasonMaxDeliveries = "max_deliveries"

// PublishDead stores a dead letter and returns once the server has confirmed it, trying again until ctx ends. sequence is
// the capture's in its stream: a second attempt at the same capture stores nothing new. A letter that is too large goes
// without the original's headers. Only after this may the capture be terminated.
func (c *Conn) PublishDead(ctx context.Context, sequence uint64, d *messages.DeadLetter) error {
	err := c.publishDead(ctx, sequence, d)
	var e *Error
	if !errors.As(err, &e) || e.Code != CodeTooLarge || len(d.Headers) == 0 {
		return err
	}
	bare := *d
	bare.Headers, bare.LeftOut = nil, d.LeftOut+len(d.Headers)
	return c.publishDead(ctx, sequence, &bare)
}

func (c *Conn) publishDead(ctx context.Context, sequence uint64, d *messages.DeadLetter) error {
	body, headers := d.Encode()
	msg := &nats.Msg{Subject: messages.DeadSubject(d.Subject), Data: body, Header: nats.Header(headers)}
	subject := sha256.Sum256([]byte(d.Subject)) // itself it may be long, or no text
	msg.Header.Set(js.MsgIDHeader, fmt.Sprintf("dead.%d.%x", sequence, subject[:16]))
	return c.publishUntilStored(ctx, msg)
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

// Reap moves captures that were delivered MaxDeliver times from the work queue, where they would stay for ever, to the
// dead letters. worker is the name it signs with; buried is called with the reason's code for each capture moved. It runs
// until ctx ends, and any number of processes may run it at once.
func (c *Conn) Reap(ctx context.Context, t Topology, worker string, buried func(code string)) {
	for pause := firstPause; ctx.Err() == nil; {
		err := c.reapOne(ctx, t, worker, buried)
		if err == nil || errors.Is(err, nats.ErrTimeout) {
			pause = firstPause
			continue
		}
		if ctx.Err() == nil {
			c.log.Warn("captures delivered too often cannot be moved now, trying again", "error", explain(t.Advisories.Name, err))
		}
		sleep(ctx, pause)
		pause = min(2*pause, lastPause)
	}
}

// reapOne waits for one advisory and deals with it. What fails comes again: the advisory is acknowledged last.
func (c *Conn) reapOne(ctx context.Context, t Topology, worker string, buried func(code string)) error {
	consumer, err := c.js.Consumer(ctx, t.Advisories.Name, t.Reaper.Durable)
	if err != nil {
		return err
	}
	wait, cancel := context.WithTimeoutCause(ctx, 10*time.Second, nats.ErrTimeout)
	defer cancel()
	msg, err := consumer.Next(js.FetchContext(wait))
	if err != nil {
		if wait.Err() != nil && ctx.Err() == nil {
			return nats.ErrTimeout
		}
		return err
	}
	var a advisory
	if err := json.Unmarshal(msg.Data(), &a); err != nil || a.Stream != t.Captures.Name || a.Consumer != t.Workers.Durable || a.Sequence == 0 {
		c.log.Warn("an advisory that is not about the workers' captures is dropped", "subject", msg.Subject())
		return msg.Term()
	}
	done, err := c.bury(ctx, a, worker)
	if err != nil {
		msg.NakWithDelay(lastPause) // if this fails too it comes again after AckWait
		return err
	}
	if done {
		buried(ReasonMaxDeliveries)
	}
	return msg.DoubleAck(ctx)
}

// bury copies the capture that a names to the dead letters, then removes it. It returns false where there is nothing to do.
func (c *Conn) bury(ctx context.Context, a advisory, worker string) (bool, error) {
	stream, err := c.js.Stream(ctx, a.Stream)
	if err != nil {
		return false, err
	}
	raw, err := stream.GetMsg(ctx, a.Sequence)
	if errors.Is(err, js.ErrMsgNotFound) {
		return false, nil // finished after all, or buried by another process
	}
	if err != nil {
		return false, err
	}
	if a.Time.Before(raw.Time) {
		return false, nil // the stream was made anew: this is not the capture that the advisory means
	}
	err = c.PublishDead(ctx, a.Sequence, &messages.DeadLetter{
		Body: raw.Data, Subject: raw.Subject, Headers: raw.Header,
		Reason:     ReasonMaxDeliveries,
		Sentence:   fmt.Sprintf("delivered %d times to %s and never finished", a.Deliveries, a.Consumer),
		Deliveries: a.Deliveries, Worker: worker, Time: time.Now(),
	})
	if err != nil {
		return false, err
	}
	c.log.Warn("a capture was delivered too often and is now a dead letter", "subject", raw.Subject, "deliveries", a.Deliveries)
	err = stream.DeleteMsg(ctx, a.Sequence)
	var api *js.APIError
	if errors.Is(err, js.ErrMsgNotFound) || errors.As(err, &api) && api.ErrorCode == codeSequenceNotFound {
		err = nil
	}
	return true, err
}
