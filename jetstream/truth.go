package jetstream

import (
	"context"

	"github.com/nats-io/nats.go"
)

// PublishTruth says where a simulated emitter was. Truths are plain messages for whoever listens at the moment: no
// stream keeps them, and nothing that locates may read them.
func (c *Conn) PublishTruth(subject string, data []byte) error {
	if err := c.nc.Publish(subject, data); err != nil {
		return explain(subject, err)
	}
	return nil
}

// Truths hands every truth published from now on to each, one at a time, until ctx ends.
func (c *Conn) Truths(ctx context.Context, each func(data []byte)) error {
	messages := make(chan *nats.Msg, 1024)
	subscription, err := c.nc.ChanSubscribe("truth.>", messages)
	if err != nil {
		return explain("truth.>", err)
	}
	defer func() { _ = subscription.Unsubscribe() }()
	for {
		select {
		case <-ctx.Done():
			return nil
		case msg := <-messages:
			each(msg.Data)
		}
	}
}
