package jetstream

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go"
	js "github.com/nats-io/nats.go/jetstream"

	"foxhunt/meeting"
	"foxhunt/messages"
)

// finished reports whether a capture in the work queue has its fix, or its dead letter, already. A server that stops, be it
// killed or told to, or whose disk is full, may bring captures back that were acknowledged just before: nats-server 2.15
// notes the acknowledgement and removes the capture one after the other, and when it starts again it looks for the
// difference in no work queue.
//
// A capture that met others is finished when their event is: who made its fix may not have come to remove it.
func (r *reaper) finished(ctx context.Context, m StreamMessage) (bool, error) {
	if r.met != nil {
		place := meeting.Place{Sequence: m.Sequence, Stored: m.Time.UnixNano()}
		if met, err := r.met(ctx, m.Subject, m.Data, place); err != nil || met {
			return met, err
		}
	}
	if _, found, err := r.conn.FixOf(ctx, r.topology, m.Subject, m.Data, m.Time); err != nil || found {
		return found, r.mayNotLook(err)
	}
	id := nats.Header(m.Header).Get(js.MsgIDHeader)
	if id == "" {
		return false, nil
	}
	_, found, err := r.conn.FindDead(ctx, r.topology, messages.DeadSubject(m.Subject), id, m.Time)
	return found, r.mayNotLook(err)
}

// FixOf looks for the fix of a capture that was stored then, on that subject; found is false if there is none.
func (c *Conn) FixOf(ctx context.Context, t Topology, subject string, capture []byte, stored time.Time) (fix Heard, found bool, err error) {
	read, _ := messages.Peek(capture) // what it cannot read has no fix
	fixes, err := messages.FixSubject(subject)
	if err != nil || read.ID == "" {
		return Heard{}, false, nil
	}
	return c.FindFix(ctx, t, fixes, read.ID, stored)
}

// FixAt reads the fix of a sequence; the error is ErrNoMessage if there is none.
func (c *Conn) FixAt(ctx context.Context, t Topology, sequence uint64) (Heard, error) {
	m, err := c.direct(ctx, t.Fixes.Name, map[string]any{"seq": sequence})
	if err != nil && !errors.Is(err, ErrNoMessage) {
		err = c.explain(t.Fixes.Name, err)
	}
	return Heard{m.Subject, m.Header, m.Data}, err
}

// mayNotLook drops the error of a look that the permissions do not allow, or that would take too long: then it stays open
// whether the capture was finished, and a dead letter too many is better than none.
func (r *reaper) mayNotLook(err error) error {
	var e *Error
	if errors.As(err, &e) && (e.Code == CodeRefused || e.Code == CodeSearchTooLong) {
		r.conn.log.Warn("cannot tell whether a capture that nobody delivers any more was finished", "error", e)
		return nil
	}
	return err
}
