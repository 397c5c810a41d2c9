package cache

import (
	"context"
	"math/bits"
	"sync/atomic"
	"time"
)

// circuit stops calls to a server of which many failed. It is closed while calls are made, open while they are not; when
// open, its owner's goroutine (guard) tries the server until it answers well, and closes it again.
type circuit struct {
	open   atomic.Bool
	recent atomic.Uint32 // the last 32 calls, the newest in the lowest bit: 1 is a failure
	opened chan struct{}
}

const (
	failuresToOpen = 16 // of the last 32: a few in a row are nothing where many ask at once
	firstProbe     = 100 * time.Millisecond
	lastProbe      = 2 * time.Second
	stable         = time.Second // closed for so long, the next outage is a new one
)

func newCircuit() *circuit { return &circuit{opened: make(chan struct{}, 1)} }

// record counts a call and reports whether it opened the circuit.
func (c *circuit) record(failed bool) bool {
	for {
		before := c.recent.Load()
		after := before << 1
		if failed {
			after |= 1
		}
		if c.recent.CompareAndSwap(before, after) {
			return failed && bits.OnesCount32(after) >= failuresToOpen && c.trip()
		}
	}
}

// trip opens the circuit and reports whether it was closed before.
func (c *circuit) trip() bool {
	if !c.open.CompareAndSwap(false, true) {
		return false
	}
	c.opened <- struct{}{}
	return true
}

// guard probes while the circuit is open, less and less often, and calls closed when a probe succeeds. It runs until ctx
// ends.
func (c *circuit) guard(ctx context.Context, probe func(context.Context) error, closed func()) {
	pause := firstProbe
	since := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.opened:
		}
		if time.Since(since) > stable {
			pause = firstProbe
		}
		for {
			if !wait(ctx, pause) {
				return
			}
			pause = min(2*pause, lastProbe)
			if probe(ctx) == nil {
				break
			}
		}
		since = time.Now()
		c.recent.Store(0)
		c.open.Store(false)
		closed()
	}
}

// wait waits for d and reports whether ctx still lives.
func wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
