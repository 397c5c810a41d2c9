package jetstream

import (
	"context"
	"strconv"

	"github.com/nats-io/nats.go"
	js "github.com/nats-io/nats.go/jetstream"

	"foxhunt/messages"
)

// PublishNumbered is PublishCapture for a station that counts its captures: sequence goes into the capture's headers. What is
// sent anew after an answer was lost, by this process or the one before it, is a Duplicate like any other.
func (c *Conn) PublishNumbered(ctx context.Context, subject, id string, sequence uint64, data []byte) (Stored, error) {
	header := nats.Header{js.MsgIDHeader: {id}, messages.SequenceHeader: {strconv.FormatUint(sequence, 10)}}
	return c.publish(ctx, &nats.Msg{Subject: subject, Data: data, Header: header},
		func(e *Error) bool { return e.Code == CodeTimeout || e.Code == CodeNotConnected })
}
