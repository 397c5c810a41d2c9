package jetstream

import (
	"context"
	"errors"
	"sync"
	"time"
)

// backlog knows when the oldest capture was stored that waits to be delivered for the first time. As that time only grows,
// what was seen once holds for all that was stored before.
type backlog struct {
	conn     *Conn
	topology Topology

	mu     sync.Mutex // held while the server is asked
	oldest time.Time  // none that waits was stored before
	asked  time.Time
}

// isBefore says whether captures wait that were stored before then.
func (b *backlog) isBefore(ctx context.Context, then time.Time) (bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.oldest.Before(then) && time.Since(b.asked) > backlogFor {
		oldest, err := b.ask(ctx)
		if err != nil {
			return false, err
		}
		b.oldest, b.asked = oldest, time.Now()
	}
	return b.oldest.Before(then), nil
}

// ask reads the first capture after the last that was delivered. Where none waits the oldest is none before now, by the
// server's clock.
func (b *backlog) ask(ctx context.Context) (time.Time, error) {
	stream := b.topology.Captures.Name
	consumer, err := b.conn.consumerInfo(ctx, stream, b.topology.Workers.Durable)
	if err != nil {
		return time.Time{}, err
	}
	now := consumer.TimeStamp
	if consumer.NumPending == 0 {
		return now, nil
	}
	oldest := now
	for _, filter := range filtersOf(consumer.Config) {
		next, err := b.conn.direct(ctx, stream, map[string]any{"seq": consumer.Delivered.Stream + 1, "next_by_subj": filter})
		switch {
		case errors.Is(err, ErrNoMessage):
		case err != nil:
			return time.Time{}, b.conn.explain(stream, err)
		case next.Time.Before(oldest):
			oldest = next.Time
		}
	}
	return oldest, nil
}
