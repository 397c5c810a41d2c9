package jetstream

import (
	"context"
	"errors"
	"sync"
	"time"
)

// backlogFor is how long it holds that captures wait that were stored before some time.
const backlogFor = 250 * time.Millisecond

// backlog knows when the oldest capture was stored that waits to be delivered for the first time. As that time only grows,
// what was seen once holds for all that was stored before.
type backlog struct {
	conn     *Conn
	topology Topology

	mu     sync.Mutex // held while the server is asked
	oldest time.Time  // none that waits was stored before
	waits  bool       // one that was stored then did wait, when the server was asked
	asked  time.Time
}

// isBefore says whether captures wait that were stored before then.
func (b *backlog) isBefore(ctx context.Context, then time.Time) (bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.oldest.Before(then) && time.Since(b.asked) > backlogFor {
		oldest, waits, err := b.ask(ctx)
		if err != nil {
			return false, err
		}
		b.oldest, b.waits, b.asked = oldest, waits, time.Now()
	}
	return b.waits && b.oldest.Before(then), nil
}

// ask reads the first capture after the last that was delivered. Where none waits, none does that was stored before now, by
// the server's clock.
func (b *backlog) ask(ctx context.Context) (oldest time.Time, waits bool, err error) {
	stream := b.topology.Captures.Name
	consumer, err := b.conn.consumerInfo(ctx, stream, b.topology.Workers.Durable)
	if err != nil {
		return time.Time{}, false, err
	}
	oldest = consumer.TimeStamp
	if consumer.NumPending == 0 {
		return oldest, false, nil
	}
	for _, filter := range filtersOf(consumer.Config) {
		next, err := b.conn.direct(ctx, stream, map[string]any{"seq": consumer.Delivered.Stream + 1, "next_by_subj": filter})
		switch {
		case errors.Is(err, ErrNoMessage):
		case err != nil:
			return time.Time{}, false, b.conn.explain(stream, err)
		case next.Time.Before(oldest):
			oldest, waits = next.Time, true
		}
	}
	return oldest, waits, nil
}
