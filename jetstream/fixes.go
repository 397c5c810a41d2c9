package jetstream

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go"
	js "github.com/nats-io/nats.go/jetstream"

	"foxhunt/messages"
)

// FixMessage is a fix as it was published.
type FixMessage struct {
	Subject     string
	ContentType string
	Body        []byte
	Sequence    uint64    // 0 where the user may only subscribe
	Timestamp   time.Time // when the stream stored it, likewise
}

// Fixes reads fixes in order, for one reader at a time.
type Fixes struct {
	messages js.MessagesContext
	heard    *nats.Subscription // in the place of messages, where the user may only subscribe
}

// Fixes starts reading those of t's fixes whose subject matches filter ("" for all but shadows') from now on, over reconnections and without a
// gap. If the stream is not there yet it waits for it until ctx ends. A user who may subscribe to fixes and ask JetStream
// nothing hears them as they are published, and misses those published while the connection is down.
func (c *Conn) Fixes(ctx context.Context, t Topology, filter string) (*Fixes, error) {
	if filter == "" {
		filter = messages.AllFixes
	}
	config := js.OrderedConsumerConfig{FilterSubjects: []string{filter}, DeliverPolicy: js.DeliverNewPolicy}
	said := false
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		var consumer js.Consumer
		err := c.heed(ctx, func(ctx context.Context) (err error) {
			consumer, err = c.js.OrderedConsumer(ctx, t.Fixes.Name, config)
			return err
		}, t.Fixes.Name)
		if err == nil {
			read, err := consumer.Messages()
			if err != nil {
				return nil, explain(filter, err)
			}
			return &Fixes{messages: read}, nil
		}
		e := explain(filter, err)
		if e.Code == CodeRefused {
			return c.hearFixes(ctx, filter)
		}
		if !e.Passing() {
			return nil, e
		}
		if !said {
			c.log.Info("waiting for the stream " + t.Fixes.Name)
			said = true
		}
		if !sleep(ctx, pause) {
			return nil, e
		}
	}
}

// hearFixes subscribes without JetStream.
func (c *Conn) hearFixes(ctx context.Context, filter string) (*Fixes, error) {
	sub, err := c.nc.SubscribeSync(filter)
	if err != nil {
		return nil, explain(filter, err)
	}
	if err := c.subscribed(ctx, filter); err != nil {
		sub.Unsubscribe()
		return nil, c.explain(filter, err)
	}
	c.log.Info("this NATS user may subscribe to fixes and nothing else: those published while the connection is down are missed")
	return &Fixes{heard: sub}, nil
}

// Next returns the next fix; it waits for one until ctx ends. After Stop it returns ErrStopped.
func (f *Fixes) Next(ctx context.Context) (FixMessage, error) {
	if f.heard != nil {
		return f.nextHeard(ctx)
	}
	for {
		msg, err := f.messages.Next(js.NextContext(ctx))
		switch {
		case err == nil:
			return fixMessage(msg)
		case errors.Is(err, js.ErrMsgIteratorClosed):
			return FixMessage{}, ErrStopped
		case ctx.Err() != nil:
			return FixMessage{}, ctx.Err()
		}
		if !sleep(ctx, firstPause) { // the consumer is being made anew
			return FixMessage{}, ctx.Err()
		}
	}
}

func (f *Fixes) nextHeard(ctx context.Context) (FixMessage, error) {
	for {
		msg, err := f.heard.NextMsgWithContext(ctx)
		switch {
		case err == nil:
			return FixMessage{Subject: msg.Subject, ContentType: msg.Header.Get("Content-Type"), Body: msg.Data}, nil
		case errors.Is(err, nats.ErrSlowConsumer): // the connection's handler says so
		case ctx.Err() != nil:
			return FixMessage{}, ctx.Err()
		default:
			return FixMessage{}, ErrStopped
		}
	}
}

func fixMessage(msg js.Msg) (FixMessage, error) {
	meta, err := msg.Metadata()
	if err != nil {
		return FixMessage{}, explain(msg.Subject(), err)
	}
	return FixMessage{
		Subject: msg.Subject(), ContentType: msg.Headers().Get("Content-Type"), Body: msg.Data(),
		Sequence: meta.Sequence.Stream, Timestamp: meta.Timestamp,
	}, nil
}

// Stop ends reading.
func (f *Fixes) Stop() {
	if f.heard != nil {
		f.heard.Unsubscribe() // fails where the connection is closed, which ends it, too
		return
	}
	f.messages.Stop()
}
