package jetstream

import (
	"context"
	"errors"
	"time"

	js "github.com/nats-io/nats.go/jetstream"
)

// FixMessage is a fix as it was published.
type FixMessage struct {
	Subject     string
	ContentType string
	Body        []byte
	Sequence    uint64
	Timestamp   time.Time // when the stream stored it
}

// Fixes reads fixes in order, over reconnections, for one reader at a time.
type Fixes struct {
	messages js.MessagesContext
}

// Fixes starts reading the fixes whose subject matches filter ("" for all) from now on. If the stream is not there yet it
// waits for it until ctx ends.
func (c *Conn) Fixes(ctx context.Context, filter string) (*Fixes, error) {
	if filter == "" {
		filter = "fixes.>"
	}
	config := js.OrderedConsumerConfig{FilterSubjects: []string{filter}, DeliverPolicy: js.DeliverNewPolicy}
	said := false
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		consumer, err := c.js.OrderedConsumer(ctx, StreamFixes, config)
		if err == nil {
			messages, err := consumer.Messages()
			if err != nil {
				return nil, explain(filter, err)
			}
			return &Fixes{messages: messages}, nil
		}
		e := explain(filter, err)
		if !e.Passing() {
			return nil, e
		}
		if !said {
			c.log.Info("waiting for the stream " + StreamFixes)
			said = true
		}
		if !sleep(ctx, pause) {
			return nil, e
		}
	}
}

// Next returns the next fix; it waits for one until ctx ends. After Stop it returns ErrStopped.
func (f *Fixes) Next(ctx context.Context) (FixMessage, error) {
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
func (f *Fixes) Stop() { f.messages.Stop() }
