package cache

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"
)

// errSlow: the budget was used up.
var errSlow = errors.New("no answer within the budget")

const (
	// ticks is how many parts the budget has.
	ticks = 5
	// connections are made at the start, and anew after each outage, for as many lanes that ask at once.
	connections = 16
	// probes is how many answers in a row may be too late before a probe has failed.
	probes = 5
)

type answer struct {
	sealed []byte
	err    error
}

// ask looks a key up and waits no longer than the budget. What counts is the time that this process had: each fifth of the
// budget is a timer of its own, and one that fires late counts for a fifth all the same. Where all processors are busy, an
// answer that arrived long ago is read as late as the timers fire, and the server is not to blame.
func (r *Redis) ask(ctx context.Context, key Key) ([]byte, error) {
	answers := make(chan answer, 1)
	if !r.begin(func() { answers <- r.lookUp(context.Background(), key) }) {
		return nil, ErrUnavailable
	}
	tick := time.NewTimer(r.budget / ticks)
	defer tick.Stop()
	for left := ticks; left > 0; {
		select {
		case a := <-answers:
			return a.sealed, a.err
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-tick.C:
			left--
			tick.Reset(r.budget / ticks)
		}
	}
	select {
	case a := <-answers:
		return a.sealed, a.err
	default:
		return nil, errSlow
	}
}

// begin runs call in the background, unless the cache is closed; Close waits for it.
func (r *Redis) begin(call func()) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.closed {
		return false
	}
	r.done.Go(call)
	return true
}

// lookUp takes longer than anybody waits for it, as its connection would go with it.
func (r *Redis) lookUp(ctx context.Context, key Key) answer {
	ctx, cancel := context.WithTimeout(ctx, replyTimeout)
	defer cancel()
	b, err := r.client.Get(ctx, redisKey(key)).Bytes()
	return answer{b, err}
}

// probe asks as Get does, for keys that nobody has, as a server may answer PING and yet refuse that. It takes the best of a
// few: a busy machine makes some late, a slow server all of them.
func (r *Redis) probe(ctx context.Context) error {
	if err := r.lookUp(ctx, nobodys()).err; err != nil && !errors.Is(err, redis.Nil) {
		return err
	}
	for range probes {
		if _, err := r.ask(ctx, nobodys()); err == nil || errors.Is(err, redis.Nil) {
			r.warm(ctx)
			return nil
		} else if !errors.Is(err, errSlow) {
			return err
		}
	}
	return errSlow
}

// warm makes connections before they are needed: a new one costs several round trips, which on a busy machine take longer
// than the budget, and if all lanes were to wait for theirs at once, the circuit would open.
func (r *Redis) warm(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, replyTimeout)
	defer cancel()
	switch c := r.client.(type) {
	case *redis.Client:
		_ = connect(ctx, c) // what is not made now is made when it is needed
	case *redis.ClusterClient:
		_ = c.ForEachMaster(ctx, connect)
	}
}

func connect(ctx context.Context, node *redis.Client) error {
	for range min(connections, node.Options().PoolSize) {
		c := node.Conn()
		defer c.Close() // not before all are made, or it would be the same one each time
		if err := c.Get(ctx, redisKey(nobodys())).Err(); err != nil && !errors.Is(err, redis.Nil) {
			return err
		}
	}
	return nil
}

func nobodys() (key Key) {
	rand.Read(key[:])
	return key
}
