package jetstream

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"foxhunt/messages"
)

// backlogFor is how long it holds that captures wait that were stored before some time.
const backlogFor = 250 * time.Millisecond

// mostBacklogs is for how many networks it is remembered.
const mostBacklogs = 1000

// backlogs know whether captures of a network wait to be delivered for the first time. A network is asked about by itself: its
// captures overtake those of one that floods the workers.
type backlogs struct {
	conn     *Conn
	topology Topology

	mu       sync.Mutex
	networks map[string]*backlog
}

// backlog knows when the oldest capture of a network was stored that waits to be delivered for the first time. As that time only
// grows, what was seen once holds for all that was stored before.
type backlog struct {
	mu     sync.Mutex // held while the server is asked
	oldest time.Time  // none that waits was stored before
	waits  bool       // one that was stored then did wait, when the server was asked
	asked  time.Time
}

func (b *backlogs) of(network string) *backlog {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.networks[network] == nil {
		if b.networks == nil || len(b.networks) >= mostBacklogs { // what is forgotten is asked again
			b.networks = map[string]*backlog{}
		}
		b.networks[network] = &backlog{}
	}
	return b.networks[network]
}

// isBefore says whether captures of the network wait that were stored before then.
func (b *backlogs) isBefore(ctx context.Context, network string, then time.Time) (bool, error) {
	seen := b.of(network)
	seen.mu.Lock()
	defer seen.mu.Unlock()
	if seen.oldest.Before(then) && time.Since(seen.asked) > backlogFor {
		oldest, waits, err := b.ask(ctx, network)
		if err != nil {
			return false, err
		}
		seen.oldest, seen.waits, seen.asked = oldest, waits, time.Now()
	}
	return seen.waits && seen.oldest.Before(then), nil
}

// ask reads the network's first capture after the last that was delivered. Where none waits, none does that was stored before
// now, by the server's clock.
func (b *backlogs) ask(ctx context.Context, network string) (oldest time.Time, waits bool, err error) {
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
		filter, ok := filterOf(filter, network)
		if !ok {
			continue
		}
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

// filterOf is what chooses those captures of a network that filter chooses, if there can be any.
func filterOf(filter, network string) (string, bool) {
	of := []string{messages.CapturePrefix, network, "*"}
	tokens := strings.Split(filter, ".")
	for i, token := range tokens {
		switch {
		case token == ">":
			return strings.Join(of, "."), i < len(of)
		case i >= len(of):
			return "", false
		case of[i] == "*":
			of[i] = token
		case token != "*" && token != of[i]:
			return "", false
		}
	}
	return strings.Join(of, "."), len(tokens) == len(of)
}
