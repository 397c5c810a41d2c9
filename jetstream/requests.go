package jetstream

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/nats-io/nats.go"
)

// AskStations publishes a question on subject and hands each answer, one at a time, to take until that has enough or ctx ends,
// which is no error: nobody knows who else might answer. That nobody listens is none either. What is answered is a stranger's.
func (c *Conn) AskStations(ctx context.Context, subject string, question []byte, take func(answer []byte) (enough bool)) error {
	err := c.gather(ctx, subject, question, func(m *nats.Msg) bool { return take(m.Data) })
	if err != nil && ctx.Err() == nil {
		return c.explain(subject, err)
	}
	return nil
}

// Questions hears what is asked on a subject, for one station to answer.
type Questions struct {
	conn    *Conn
	sub     *nats.Subscription
	refused atomic.Uint64
}

// Bounds of the questions that wait to be answered; what comes then is dropped, and counted.
const (
	mostQuestions     = 64
	mostQuestionBytes = 1 << 20
)

// HearQuestions calls answer for every question on the subject, one at a time, until Stop, and sends back what it returns; nil
// is no answer. It fails where the server does not let this user hear the subject.
func (c *Conn) HearQuestions(ctx context.Context, subject string, answer func(question []byte) []byte) (*Questions, error) {
	q := &Questions{conn: c}
	sub, err := c.nc.Subscribe(subject, func(m *nats.Msg) {
		reply := answer(m.Data)
		if m.Reply == "" || reply == nil {
			return
		}
		if err := m.Respond(reply); err != nil {
			q.refused.Add(1)
		}
	})
	if err == nil {
		q.sub = sub
		err = errors.Join(sub.SetPendingLimits(mostQuestions, mostQuestionBytes), c.subscribed(ctx, subject))
	}
	if err != nil {
		q.Stop()
		return nil, c.explain(subject, err)
	}
	return q, nil
}

// Dropped counts the questions that were not answered, as more came than this process takes or the connection was away.
func (q *Questions) Dropped() uint64 {
	dropped, err := q.sub.Dropped()
	if err != nil { // it has stopped
		return q.refused.Load()
	}
	return uint64(max(dropped, 0)) + q.refused.Load()
}

// Stop ends hearing. A call of answer may still be under way.
func (q *Questions) Stop() {
	if q.sub == nil {
		return
	}
	if err := q.sub.Unsubscribe(); err != nil && !errors.Is(err, nats.ErrConnectionClosed) {
		q.conn.log.Debug("unsubscribing", "subject", q.sub.Subject, "error", err)
	}
}
