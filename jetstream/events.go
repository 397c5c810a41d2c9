package jetstream

import (
	"context"
	"crypto/rand"
	"errors"
	"iter"
	"regexp"
	"time"

	"github.com/nats-io/nats.go"
	js "github.com/nats-io/nats.go/jetstream"
)

const (
	eventSubjects = "events.>"
	modelEvents   = "events.model."
)

var goodKind = regexp.MustCompile(`^[a-z][a-z_]{0,62}$`)

// PublishEvent stores what happened to a model, as JSON, on events.model.KIND. It tries again until ctx ends while what is
// wrong may pass.
func (c *Conn) PublishEvent(ctx context.Context, kind string, body []byte) error {
	if !goodKind.MatchString(kind) {
		return fail(CodeBadOption, nil, "%.80q is no kind of event; want small letters and _", kind)
	}
	msg := &nats.Msg{Subject: modelEvents + kind, Data: body, Header: nats.Header{js.MsgIDHeader: {rand.Text()}, "Content-Type": {"application/json"}}}
	_, err := c.publish(ctx, msg, func(e *Error) bool {
		if e.Code == CodeNoStream {
			c.miss()
		}
		return e.Passing()
	})
	return err
}

// EventMessage is an event as its stream stores it. Anybody who may publish there chose the body.
type EventMessage struct {
	Kind     string
	Body     []byte
	Sequence uint64
	Stored   time.Time // by the server's clock
}

// Events are those stored since a time, in order; with follow those to come as well, until ctx ends or the first error.
func (c *Conn) Events(ctx context.Context, t Topology, since time.Time, follow bool) iter.Seq2[EventMessage, error] {
	return func(yield func(EventMessage, error) bool) {
		messages, waiting, err := c.readEvents(ctx, t, since)
		if err != nil {
			yield(EventMessage{}, c.explain(t.Events.Name, err))
			return
		}
		defer messages.Stop()
		for waiting > 0 || follow {
			msg, err := messages.Next(js.NextContext(ctx))
			switch {
			case ctx.Err() != nil:
				yield(EventMessage{}, ctx.Err())
				return
			case errors.Is(err, js.ErrMsgIteratorClosed):
				yield(EventMessage{}, ErrStopped)
				return
			case err != nil: // the consumer is being made anew
				sleep(ctx, firstPause)
				continue
			}
			meta, err := msg.Metadata()
			if err != nil {
				yield(EventMessage{}, c.explain(msg.Subject(), err))
				return
			}
			waiting = meta.NumPending
			if !yield(EventMessage{msg.Subject()[len(modelEvents):], msg.Data(), meta.Sequence.Stream, meta.Timestamp}, nil) {
				return
			}
		}
	}
}

func (c *Conn) readEvents(ctx context.Context, t Topology, since time.Time) (messages js.MessagesContext, waiting uint64, err error) {
	config := js.OrderedConsumerConfig{FilterSubjects: []string{modelEvents + ">"}, DeliverPolicy: js.DeliverByStartTimePolicy, OptStartTime: &since}
	if since.IsZero() {
		config.DeliverPolicy, config.OptStartTime = js.DeliverAllPolicy, nil
	}
	consumer, err := manage(ctx, c, t.Events.Name, func(ctx context.Context) (js.Consumer, error) {
		return c.js.OrderedConsumer(ctx, t.Events.Name, config)
	})
	if err != nil {
		return nil, 0, err
	}
	info, err := manage(ctx, c, t.Events.Name, consumer.Info)
	if err != nil {
		return nil, 0, err
	}
	messages, err = consumer.Messages()
	return messages, info.NumPending, err
}
