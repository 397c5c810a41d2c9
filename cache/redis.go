package cache

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
)

// prefix and 64 hexadecimal digits are foxhunt's own keys; no others are touched.
const prefix = "foxhunt:"

// Values wait for the writer here; it sends them in batches. More are dropped: the next worker computes them again.
const (
	queueLength  = 1024
	batchSize    = 64
	writeTimeout = 250 * time.Millisecond
)

// Redis is a cache shared by all workers. Get takes no longer than its budget; when half of the last look-ups failed, Redis
// is not asked any more until it answers a probe in time. Set only queues.
type Redis struct {
	client redis.UniversalClient
	ttl    time.Duration
	budget time.Duration
	log    *slog.Logger
	table  *crc32.Table

	circuit  *circuit
	mu       sync.RWMutex // closed and the sending side of queue
	closed   bool
	queue    chan write
	refusing bool // the last batch was not stored; the writer's own
	end      context.CancelFunc
	done     sync.WaitGroup

	hits, misses, errors, sets, dropped, damaged atomic.Uint64
	took                                         atomic.Int64 // ns that Get took
}

// write is a value to store or, if flushed is set, a request to say that all before it is done.
type write struct {
	key     Key
	value   []byte // sealed
	flushed chan struct{}
}

// NewRedis returns a cache on Redis. It waits a second or two for the server; if none answers in time it goes on without, and uses
// the server as soon as there is one. The error is about options only. It silences go-redis for the whole process, which
// writes a line of its own to standard error for each failed dial; Redis says what matters through its Log.
func NewRedis(ctx context.Context, o RedisOptions) (*Redis, error) {
	u, err := o.universal()
	if err != nil {
		return nil, err
	}
	logging.Disable()
	r := &Redis{
		client: redis.NewUniversalClient(u), ttl: o.TTL, budget: o.Budget, log: o.Log,
		table: crc32.MakeTable(crc32.Castagnoli), circuit: newCircuit(), queue: make(chan write, queueLength),
	}
	if r.ttl <= 0 {
		r.ttl = DefaultTTL
	}
	if r.budget <= 0 {
		r.budget = DefaultBudget
	}
	if r.log == nil {
		r.log = slog.Default()
	}
	background, end := context.WithCancel(context.Background())
	r.end = end
	if err := r.probe(ctx); err != nil {
		r.circuit.trip()
		r.log.Warn("Redis does not answer, or not in time; going on without it until it does", "error", err)
	}
	r.done.Go(func() { r.circuit.guard(background, r.probe, func() { r.log.Info("using Redis again") }) })
	r.done.Go(r.write)
	return r, nil
}

// Get implements Cache.
func (r *Redis) Get(ctx context.Context, key Key) ([]byte, error) {
	value, _, err := r.get(ctx, key)
	return value, err
}

// get is Get, and says how long the value is still valid: at most the TTL, as the clock of whoever wrote it may be ahead.
func (r *Redis) get(ctx context.Context, key Key) (value []byte, left time.Duration, err error) {
	if r.circuit.open.Load() {
		r.errors.Add(1)
		return nil, 0, ErrUnavailable
	}
	start := time.Now()
	defer func() { r.took.Add(int64(time.Since(start))) }()
	b, err := r.ask(ctx, key)
	switch {
	case err == nil:
		r.circuit.record(false)
		if value, end, ok := open(r.table, key, b); ok {
			r.hits.Add(1)
			return value, min(time.Until(end), r.ttl), nil
		}
		r.damaged.Add(1)
		r.misses.Add(1)
		return nil, 0, ErrMiss
	case errors.Is(err, redis.Nil):
		r.circuit.record(false)
		r.misses.Add(1)
		return nil, 0, ErrMiss
	}
	r.errors.Add(1)
	if ctx.Err() == nil && r.circuit.record(true) { // not the caller's own impatience
		r.log.Warn("Redis fails or takes too long; going on without it until it answers again", "error", err)
	}
	return nil, 0, fmt.Errorf("redis: %w", err)
}

// Set implements Cache. It returns at once.
func (r *Redis) Set(_ context.Context, key Key, value []byte) error {
	if r.circuit.open.Load() {
		r.dropped.Add(1)
		return ErrUnavailable
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.closed {
		return ErrUnavailable
	}
	select {
	case r.queue <- write{key: key, value: seal(r.table, key, value, time.Now().Add(r.ttl))}:
		return nil
	default:
		r.dropped.Add(1)
		return ErrUnavailable
	}
}

// Delete implements Cache.
func (r *Redis) Delete(ctx context.Context, key Key) error {
	if err := r.flush(ctx); err != nil {
		return err
	}
	return r.client.Unlink(ctx, redisKey(key)).Err()
}

// Clear implements Cache.
func (r *Redis) Clear(ctx context.Context) error {
	_, err := r.Purge(ctx)
	return err
}

// Stats implements Cache. The server is not asked, so entries, bytes and evictions are not known.
func (r *Redis) Stats() []Stats {
	return []Stats{{
		Tier: "redis", Hits: r.hits.Load(), Misses: r.misses.Load(), Errors: r.errors.Load(), Sets: r.sets.Load(),
		Dropped: r.dropped.Load(), Damaged: r.damaged.Load(), Waited: time.Duration(r.took.Load()), Evictions: -1, Entries: -1, Bytes: -1, Available: !r.circuit.open.Load(),
	}}
}

// Close implements Cache.
func (r *Redis) Close() error {
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return nil
	}
	r.closed = true
	close(r.queue)
	r.mu.Unlock()
	r.end()
	r.done.Wait()
	return r.client.Close()
}

// flush returns when all that was queued before is written or dropped.
func (r *Redis) flush(ctx context.Context) error {
	flushed := make(chan struct{})
	if err := r.enqueue(ctx, write{flushed: flushed}); err != nil {
		return err
	}
	select {
	case <-flushed:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (r *Redis) enqueue(ctx context.Context, w write) error {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.closed {
		return ErrUnavailable
	}
	select {
	case r.queue <- w:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// write stores what is queued, in batches, until the queue is closed and empty.
func (r *Redis) write() {
	batch := make([]write, 0, batchSize)
	for w := range r.queue {
		batch = append(batch[:0], w)
		for len(batch) < batchSize && len(r.queue) > 0 {
			next, ok := <-r.queue
			if !ok {
				break
			}
			batch = append(batch, next)
		}
		r.store(batch)
	}
}

// store sends one batch. A server that is not there costs a batch its values, and at most writeTimeout.
func (r *Redis) store(batch []write) {
	ctx, cancel := context.WithTimeout(context.Background(), writeTimeout)
	defer cancel()
	pipe := r.client.Pipeline()
	values := 0
	for _, w := range batch {
		if w.flushed == nil {
			pipe.Set(ctx, redisKey(w.key), w.value, r.ttl)
			values++
		}
	}
	r.send(ctx, pipe, values)
	for _, w := range batch {
		if w.flushed != nil {
			close(w.flushed)
		}
	}
}

// send leaves the circuit alone: nobody waits for it, so that it says nothing about look-ups.
func (r *Redis) send(ctx context.Context, pipe redis.Pipeliner, values int) {
	if values == 0 {
		return
	}
	if r.circuit.open.Load() {
		r.dropped.Add(uint64(values))
		return
	}
	if _, err := pipe.Exec(ctx); err != nil {
		r.dropped.Add(uint64(values))
		if !r.refusing {
			r.log.Warn("Redis does not store fixes", "error", err)
		}
		r.refusing = true
		return
	}
	r.refusing = false
	r.sets.Add(uint64(values))
}

func (r *Redis) ping(ctx context.Context, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return r.client.Ping(ctx).Err()
}

func redisKey(key Key) string { return prefix + hex.EncodeToString(key[:]) }
