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
	// answerTimeout ends a look-up for which nobody waits any more. It is long, as its connection goes with it: what comes
	// late, such as the first answer on a new connection, leaves a connection that answers in time.
	answerTimeout = 250 * time.Millisecond
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
	if !r.begin(func() { answers <- r.lookUp(key) }) {
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

func (r *Redis) lookUp(key Key) answer {
	ctx, cancel := context.WithTimeout(context.Background(), answerTimeout)
	defer cancel()
	b, err := r.client.Get(ctx, redisKey(key)).Bytes()
	return answer{b, err}
}

// probe asks as Get does, for keys that nobody has, as a server may answer PING and yet refuse that. It takes the best of a
// few: a busy machine makes some late, a slow server all of them.
func (r *Redis) probe(ctx context.Context) (err error) {
	var key Key
	for range probes {
		rand.Read(key[:])
		if _, err = r.ask(ctx, key); err == nil || errors.Is(err, redis.Nil) {
			return nil
		}
		if !errors.Is(err, errSlow) {
			return err
		}
	}
	return err
}
