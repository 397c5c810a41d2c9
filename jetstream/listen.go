package jetstream

import (
	"context"
	"errors"

	"github.com/nats-io/nats.go"
)

// Heard is a message as it was published. Its data and header are the receiver's.
type Heard struct {
	Subject string
	Header  map[string][]string
	Data    []byte
}

// Listener hears messages as they are published, without a consumer, and so without a second chance: Gaps says when some
// may have passed unheard.
type Listener struct {
	conn *Conn
	subs []*nats.Subscription
}

// maxUnheard bounds the bytes that wait for a slow handler; what comes then is dropped, and counts as a gap.
const maxUnheard = 64 << 20

// Listen calls handle for every message on the subjects, one at a time for each of them, until Stop. What the server had
// to say about the subscriptions is known when it returns: no message published later is missed without a gap.
func (c *Conn) Listen(handle func(Heard), subjects ...string) (*Listener, error) {
	l := &Listener{conn: c}
	for _, subject := range subjects {
		sub, err := c.nc.Subscribe(subject, func(m *nats.Msg) { handle(Heard{m.Subject, m.Header, m.Data}) })
		if err == nil {
			l.subs = append(l.subs, sub)
			err = errors.Join(sub.SetPendingLimits(-1, maxUnheard), c.subscribed(context.Background(), subject))
		}
		if err != nil {
			l.Stop()
			return nil, c.explain(subject, err)
		}
	}
	return l, nil
}

// subscribed waits until the server knows of the newest subscription, and says whether it refused it.
func (c *Conn) subscribed(ctx context.Context, subject string) error {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	if err := c.nc.FlushWithContext(ctx); err != nil {
		return err
	}
	if refusal := c.nc.LastError(); refusal != nil { // it came before the flush's answer
		if m := violation.FindStringSubmatch(refusal.Error()); m != nil && m[2] == subject {
			return refusal
		}
	}
	return nil
}

// Gaps grows whenever messages may have passed unheard: the connection was away, or the handler too slow.
func (l *Listener) Gaps() uint64 {
	gaps := l.conn.Reconnects()
	for _, sub := range l.subs {
		if dropped, err := sub.Dropped(); err == nil {
			gaps += uint64(dropped)
		}
	}
	return gaps
}

// Stop ends listening. A call of the handler may still be under way.
func (l *Listener) Stop() {
	for _, sub := range l.subs {
		if err := sub.Unsubscribe(); err != nil && !errors.Is(err, nats.ErrConnectionClosed) {
			l.conn.log.Debug("unsubscribing", "subject", sub.Subject, "error", err)
		}
	}
}
