package jetstream

import (
	"context"
	"errors"
	"iter"
	"time"

	js "github.com/nats-io/nats.go/jetstream"
)

// fetchedFixes bounds the fixes that are on their way here, in bytes.
const fetchedFixes = 4 << 20

// StoredFixes are the fixes on the subjects of filters (NATS wildcards; none for all) that t's stream has stored since from,
// in its order, up to the last there was at the beginning. count is how many there are. The first error ends the sequence.
func (c *Conn) StoredFixes(ctx context.Context, t Topology, from time.Time, filters ...string) (count uint64, fixes iter.Seq2[FixMessage, error], err error) {
	if len(filters) == 0 {
		filters = []string{"fixes.>"}
	}
	config := js.OrderedConsumerConfig{FilterSubjects: filters, DeliverPolicy: js.DeliverByStartTimePolicy, OptStartTime: &from}
	var consumer js.Consumer
	asking, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	err = c.heed(asking, func(ctx context.Context) (err error) {
		consumer, err = c.js.OrderedConsumer(ctx, t.Fixes.Name, config)
		return err
	}, t.Fixes.Name)
	if err != nil {
		return 0, nil, c.explain(t.Fixes.Name, err)
	}
	count = consumer.CachedInfo().NumPending
	return count, func(yield func(FixMessage, error) bool) {
		if err := c.eachFix(ctx, consumer, count, func(m FixMessage) bool { return yield(m, nil) }); err != nil {
			yield(FixMessage{}, err)
		}
	}, nil
}

// eachFix calls yield for count fixes, or fewer if some go meanwhile, as they are past their time, until it returns false.
func (c *Conn) eachFix(ctx context.Context, consumer js.Consumer, count uint64, yield func(FixMessage) bool) error {
	if count == 0 {
		return nil
	}
	messages, err := consumer.Messages(js.PullMaxBytes(fetchedFixes))
	if err != nil {
		return c.explain("fixes", err)
	}
	defer messages.Stop()
	for n := uint64(0); n < count; {
		msg, err := nextStored(ctx, messages)
		if errors.Is(err, errSilence) {
			if ended, err := c.isRead(ctx, consumer); ended || err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		n++
		fix, err := fixMessage(msg)
		if err != nil || !yield(fix) {
			return err
		}
		if meta, err := msg.Metadata(); err == nil && meta.NumPending == 0 {
			return nil
		}
	}
	return nil
}

var errSilence = errors.New("nothing came")

// nextStored waits for the next message as long as an answer may take; the consumer is made anew meanwhile if it must be.
func nextStored(ctx context.Context, messages js.MessagesContext) (js.Msg, error) {
	waiting, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	for {
		msg, err := messages.Next(js.NextContext(waiting))
		switch {
		case err == nil:
			return msg, nil
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case errors.Is(err, js.ErrMsgIteratorClosed):
			return nil, ErrStopped
		case !sleep(waiting, firstPause):
			return nil, errSilence
		}
	}
}

// isRead reports whether the server has nothing more to send.
func (c *Conn) isRead(ctx context.Context, consumer js.Consumer) (bool, error) {
	asking, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	info, err := consumer.Info(asking)
	if err != nil {
		return false, c.explain("fixes", err)
	}
	return info.NumPending == 0, nil
}
