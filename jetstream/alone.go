package jetstream

import (
	"context"

	"github.com/nats-io/nats.go"
	js "github.com/nats-io/nats.go/jetstream"

	"foxhunt/messages"
)

// PublishAlone is PublishCapture for a capture that is not to wait for those of other stations.
func (c *Conn) PublishAlone(ctx context.Context, subject, id string, data []byte) (Stored, error) {
	msg := &nats.Msg{Subject: subject, Data: data, Header: nats.Header{js.MsgIDHeader: {id}, messages.AloneHeader: {"1"}}}
	return c.publish(ctx, msg, mayBeLost)
}

// mayBeLost reports whether the server's answer to a capture may have been lost, so that it is sent again.
func mayBeLost(e *Error) bool { return e.Code == CodeTimeout || e.Code == CodeNotConnected }
