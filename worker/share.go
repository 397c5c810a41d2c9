package worker

import (
	"context"
	"sync"
)

// computations are the answers being computed at this moment, by cache key: captures that are the same and in flight at
// once share one.
type computations struct {
	mu   sync.Mutex
	open map[[32]byte]*computation
}

// computation is one that others may wait for.
type computation struct {
	done  chan struct{}
	value []byte // encoded, so that each who waited has memory of its own; nil: it failed
}

// join returns the computation under way for the key, or begins one: then first is true, and the caller must end it.
func (c *computations) join(key [32]byte) (shared *computation, first bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if shared := c.open[key]; shared != nil {
		return shared, false
	}
	if c.open == nil {
		c.open = make(map[[32]byte]*computation)
	}
	shared = &computation{done: make(chan struct{})}
	c.open[key] = shared
	return shared, true
}

// end hands the value to those who wait. After a failure each computes for itself: what failed may have been the first
// one's own.
func (c *computations) end(key [32]byte, shared *computation, value []byte) {
	c.mu.Lock()
	delete(c.open, key)
	c.mu.Unlock()
	shared.value = value
	close(shared.done)
}

// wait returns the value, or nil if the computation failed or ctx has ended.
func (s *computation) wait(ctx context.Context) []byte {
	select {
	case <-s.done:
		return s.value
	case <-ctx.Done():
		return nil
	}
}
