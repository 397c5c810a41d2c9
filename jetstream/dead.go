package jetstream

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strconv"

	"github.com/nats-io/nats.go"
	js "github.com/nats-io/nats.go/jetstream"

	"foxhunt/messages"
)

// ReasonMaxDeliveries is the reason of a dead letter whose capture was delivered as often as the consumer allows and never
// finished: its workers failed, or died, each time.
const ReasonMaxDeliveries = "max_deliveries"

// PublishDead stores a dead letter and returns once the server has confirmed it, trying again until ctx ends. sequence is
// the capture's in its stream. A second attempt at the same capture, by whatever process, stores nothing new: Stored is a
// Duplicate. A letter that is too large goes without the original's headers. Only after this may the capture be terminated.
func (c *Conn) PublishDead(ctx context.Context, sequence uint64, d *messages.DeadLetter) (Stored, error) {
	stored, err := c.publishDead(ctx, sequence, d)
	var e *Error
	if !errors.As(err, &e) || e.Code != CodeTooLarge || len(d.Headers) == 0 {
		return stored, err
	}
	bare := *d
	bare.Headers, bare.LeftOut = nil, d.LeftOut+len(d.Headers)
	return c.publishDead(ctx, sequence, &bare)
}

func (c *Conn) publishDead(ctx context.Context, sequence uint64, d *messages.DeadLetter) (Stored, error) {
	body, headers := d.Encode()
	msg := &nats.Msg{Subject: messages.DeadSubject(d.Subject), Data: body, Header: nats.Header(headers)}
	msg.Header.Set(js.MsgIDHeader, deadID(sequence, d))
	return c.publishUntilStored(ctx, msg)
}

// deadID is the id of a capture's dead letter: made of its own id and content, because a capture that was published again
// after the server had crashed has another sequence; made of its sequence where it has no id, because two messages may
// be alike.
func deadID(sequence uint64, d *messages.DeadLetter) string {
	id := nats.Header(d.Headers).Get(js.MsgIDHeader)
	if id == "" {
		id = strconv.FormatUint(sequence, 10)
	}
	hash := sha256.New()
	for _, part := range []string{d.Subject, id} {
		fmt.Fprintf(hash, "%d:%s", len(part), part)
	}
	hash.Write(d.Body)
	return fmt.Sprintf("dead.%x", hash.Sum(nil)[:16])
}
