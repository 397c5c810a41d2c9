package cache

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"github.com/maypok86/otter/v2"
	"github.com/maypok86/otter/v2/stats"
)

// entryOverhead is roughly what an entry costs beside its value, in bytes.
const entryOverhead = 208

// Memory is a cache in this process, bounded in bytes; what is asked for least goes first.
type Memory struct {
	cache *otter.Cache[Key, kept]
	count *stats.Counter
	sets  atomic.Uint64
	drops atomic.Uint64
	evict atomic.Int64
	took  atomic.Int64 // ns that Get took
	most  int64
	ttl   time.Duration
}

// kept is a value and how long it is kept.
type kept struct {
	value []byte
	ttl   time.Duration
}

// NewMemory returns a cache of at most maxBytes whose values live for ttl; 0 means 64 MiB and DefaultTTL.
func NewMemory(maxBytes int64, ttl time.Duration) *Memory {
	if maxBytes <= 0 {
		maxBytes = 64 << 20
	}
	if ttl <= 0 {
		ttl = DefaultTTL
	}
	m := &Memory{count: stats.NewCounter(), most: maxBytes, ttl: ttl}
	m.cache = otter.Must(&otter.Options[Key, kept]{
		MaximumWeight:    uint64(maxBytes),
		Weigher:          func(_ Key, v kept) uint32 { return uint32(len(v.value) + entryOverhead) },
		ExpiryCalculator: otter.ExpiryWritingFunc(func(e otter.Entry[Key, kept]) time.Duration { return e.Value.ttl }),
		StatsRecorder:    m.count,
		OnAtomicDeletion: func(e otter.DeletionEvent[Key, kept]) { // the counter counts values that ended as evictions, too
			if e.Cause == otter.CauseOverflow {
				m.evict.Add(1)
			}
		},
	})
	return m
}

// Get implements Cache.
func (m *Memory) Get(_ context.Context, key Key) ([]byte, error) {
	start := time.Now()
	v, ok := m.cache.GetIfPresent(key)
	m.took.Add(int64(time.Since(start)))
	if ok {
		return v.value, nil
	}
	return nil, ErrMiss
}

// Set implements Cache. A value that alone would take more than the cache may hold is not stored.
func (m *Memory) Set(_ context.Context, key Key, value []byte) error {
	m.set(key, value, m.ttl)
	return nil
}

// set is Set for a value that ends sooner.
func (m *Memory) set(key Key, value []byte, ttl time.Duration) {
	if int64(len(value)+entryOverhead) > m.most {
		m.drops.Add(1)
		return
	}
	m.sets.Add(1)
	m.cache.Set(key, kept{slices.Clone(value), min(ttl, m.ttl)})
}

// Delete implements Cache.
func (m *Memory) Delete(_ context.Context, key Key) error {
	m.cache.Invalidate(key)
	return nil
}

// Clear implements Cache.
func (m *Memory) Clear(context.Context) error {
	m.cache.InvalidateAll()
	return nil
}

// Stats implements Cache.
func (m *Memory) Stats() []Stats {
	s := m.count.Snapshot()
	return []Stats{{
		Tier: "memory", Hits: s.Hits, Misses: s.Misses, Sets: m.sets.Load(), Dropped: m.drops.Load(), Evictions: m.evict.Load(),
		Waited:  time.Duration(m.took.Load()),
		Entries: int64(m.cache.EstimatedSize()), Bytes: int64(m.cache.WeightedSize()), Available: true,
	}}
}

// Close implements Cache.
func (m *Memory) Close() error {
	m.cache.InvalidateAll()
	m.cache.StopAllGoroutines()
	return nil
}
