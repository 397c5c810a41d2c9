package loadtest

import (
	"context"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// pulse measures how late this process wakes up. On a machine that is too busy for the generator, answers wait to be
// looked at, and the latencies tell of the generator and not of the deployment.
type pulse struct {
	mu   sync.Mutex
	late *hdrhistogram.Histogram // µs
}

const beat = 5 * time.Millisecond

// Latencies are kept in µs, from 1 to ten minutes, with three digits.
func newHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(1, int64(10*time.Minute/time.Microsecond), 3)
}

func newPulse() *pulse { return &pulse{late: newHistogram()} }

// run beats until ctx ends.
func (p *pulse) run(ctx context.Context) {
	ticker := time.NewTicker(beat)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case due := <-ticker.C:
			p.tick(time.Since(due))
		}
	}
}

// tick notes how late one beat was, and those that were left out meanwhile: a stall makes one late tick of many.
func (p *pulse) tick(late time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.late.RecordCorrectedValue(bounded(p.late, late), beat.Microseconds()) // cannot fail within the bounds
}

// add notes how late something was done that is never left out.
func (p *pulse) add(late time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	record(p.late, late)
}

// p99 is how late all but a hundredth were.
func (p *pulse) p99() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return time.Duration(p.late.ValueAtQuantile(99)) * time.Microsecond
}

func record(h *hdrhistogram.Histogram, d time.Duration) {
	h.RecordValue(bounded(h, d)) // cannot fail within the bounds
}

// bounded is d in µs, within what h can hold.
func bounded(h *hdrhistogram.Histogram, d time.Duration) int64 {
	return min(max(d.Microseconds(), h.LowestTrackableValue()), h.HighestTrackableValue())
}
