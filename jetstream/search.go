package jetstream

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	js "github.com/nats-io/nats.go/jetstream"

	"foxhunt/messages"
)

// CodeSearchTooLong is the code of a search that would have to look at more messages than maxSearched.
const CodeSearchTooLong = "search_too_long"

// maxSearched bounds how many messages a search looks at. searchBatch of them are asked for at a time; they are there, so
// searchWait passes only if some of them go meanwhile, or the connection does.
const (
	maxSearched = 500_000
	searchBatch = 2000
	searchWait  = 2 * time.Second
)

// FindFix looks for the fix of a capture among those stored since then on the subjects that filter matches, such as
// fixes.dcf.*; found is false if there is none. That of an event is the fix of each capture that met there.
func (c *Conn) FindFix(ctx context.Context, t Topology, filter, captureID string, since time.Time) (fix Heard, found bool, err error) {
	return c.search(ctx, t.Fixes.Name, filter, since, func(m js.Msg) bool {
		return m.Headers().Get(js.MsgIDHeader) == m.Subject()+"/"+captureID ||
			slices.Contains(m.Headers()[messages.CapturesHeader], captureID)
	})
}

// FindDead looks for the dead letter of a capture as FindFix does for its fix; filter is such as dead.captures.dcf.*.
func (c *Conn) FindDead(ctx context.Context, t Topology, filter, captureID string, since time.Time) (dead Heard, found bool, err error) {
	return c.search(ctx, t.Dead.Name, filter, since, func(m js.Msg) bool {
		return m.Headers().Get(messages.DeadHeaderPrefix+js.MsgIDHeader) == captureID
	})
}

// search looks through the headers of what a stream holds at this moment, in order, and returns the first message that is
// the one. It takes a consumer for as long as it lasts (BenchmarkSearch says how long that is).
func (c *Conn) search(ctx context.Context, name, filter string, since time.Time, is func(js.Msg) bool) (Heard, bool, error) {
	stream, err := c.js.Stream(ctx, name)
	if err != nil {
		return Heard{}, false, c.explain(name, err)
	}
	consumer, err := stream.CreateConsumer(ctx, js.ConsumerConfig{
		Description: "a search", FilterSubject: filter, DeliverPolicy: js.DeliverByStartTimePolicy, OptStartTime: &since,
		AckPolicy: js.AckNonePolicy, HeadersOnly: true, MemoryStorage: true, Replicas: 1, InactiveThreshold: 2 * answerTime,
	})
	if err != nil {
		return Heard{}, false, c.explain(name, err)
	}
	defer c.endSearch(ctx, stream, consumer.CachedInfo().Name)
	sequence, err := scan(ctx, consumer, is)
	if err != nil {
		return Heard{}, false, c.explain(name, err)
	}
	if sequence == 0 {
		return Heard{}, false, nil
	}
	msg, err := c.direct(ctx, name, map[string]any{"seq": sequence})
	if errors.Is(err, ErrNoMessage) { // it went meanwhile
		return Heard{}, false, nil
	}
	if err != nil {
		return Heard{}, false, c.explain(name, err)
	}
	return Heard{msg.Subject, msg.Header, msg.Data}, true, nil
}

// scan returns the sequence of the first message that is the one, 0 if it is none of those there were at the start.
func scan(ctx context.Context, consumer js.Consumer, is func(js.Msg) bool) (uint64, error) {
	left := consumer.CachedInfo().NumPending
	if left > maxSearched {
		return 0, fail(CodeSearchTooLong, nil, "%d messages would have to be looked at, more than %d; name the subject and the time more closely", left, maxSearched)
	}
	for left > 0 {
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
		batch, err := consumer.Fetch(int(min(left, searchBatch)), js.FetchMaxWait(searchWait))
		if err != nil {
			return 0, err
		}
		got := uint64(0)
		for m := range batch.Messages() {
			got++
			if !is(m) {
				continue
			}
			meta, err := m.Metadata()
			if err != nil {
				return 0, err
			}
			return meta.Sequence.Stream, nil
		}
		if err := batch.Error(); err != nil {
			return 0, err
		}
		if got == 0 { // some went meanwhile
			return 0, nil
		}
		left -= min(got, left)
	}
	return 0, nil
}

// endSearch removes a search's consumer, which the server would otherwise do when nobody has asked it for a while.
func (c *Conn) endSearch(ctx context.Context, stream js.Stream, consumer string) {
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), answerTime, nats.ErrTimeout)
	defer cancel()
	if err := stream.DeleteConsumer(ctx, consumer); err != nil {
		c.log.Debug("a search's consumer is left to the server", "error", err)
	}
}
