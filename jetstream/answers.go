package jetstream

import (
	"context"
	"errors"

	"github.com/nats-io/nats.go"
)

// hearAnswers makes sure that the server lets answers come, before anything is published on a connection: what is published
// without that is stored, but whoever published it hears of the refusal only, and takes it for lost. It costs a round trip
// whenever the connection was made.
func (c *Conn) hearAnswers(ctx context.Context) error {
	connection := c.reconnects.Load() + 1
	if c.heard.Load() == connection {
		return nil
	}
	c.asking.Lock() // one at a time: nats.go keeps only the last refusal
	defer c.asking.Unlock()
	if c.heard.Load() == connection {
		return nil
	}
	subject := c.nc.NewInbox() + ".*" // as nats.go's own, to which all answers come
	sub, err := c.nc.Subscribe(subject, func(*nats.Msg) {})
	if err != nil {
		return err
	}
	err = c.subscribed(ctx, subject)
	if gone := sub.Unsubscribe(); gone != nil && !errors.Is(gone, nats.ErrConnectionClosed) {
		c.log.Debug("unsubscribing", "subject", subject, "error", gone)
	}
	if errors.Is(err, nats.ErrPermissionViolation) {
		return deafTo(c.inbox, err)
	}
	if err == nil {
		c.heard.Store(connection)
	}
	return err
}

// deafTo says that no answers can come to subjects that begin with inbox.
func deafTo(inbox string, err error) *Error {
	return fail(CodeRefused, err, "the server's permissions do not let answers come to %s.>; name the prefix that this user "+
		"may subscribe to (--nats-inbox), or ask the server's operator for the right to this one", inbox)
}
