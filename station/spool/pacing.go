package spool

import (
	"math/rand/v2"
	"time"
)

const (
	firstPause  = 250 * time.Millisecond
	lastPause   = 10 * time.Second
	slowPause   = time.Minute // between attempts at a capture that waits for somebody to change something
	mostSending = 16 << 20    // bytes in flight; JetStream stalls on many large messages at once
)

// pacing is how many captures may be in flight, and when the next may go. While the stream takes them there are as many as
// allowed; after a failure nothing goes for a while, then one, and twice as many for each that the stream takes.
type pacing struct {
	most, allowed int
	first, last   time.Duration // pauses
	slow          time.Duration
	pause         time.Duration // the one that goes on, or went on last
	until         time.Time
}

func newPacing(most int) pacing {
	return pacing{most: most, allowed: most, first: firstPause, last: lastPause, slow: slowPause}
}

func (p *pacing) succeeded() {
	p.allowed, p.pause, p.until = min(2*p.allowed, p.most), 0, time.Time{}
}

// failed begins a pause, unless one goes on: what was in flight together fails together.
func (p *pacing) failed(now time.Time) {
	p.allowed = 1
	if now.Before(p.until) {
		return
	}
	p.pause = min(max(2*p.pause, p.first), p.last)
	p.until = now.Add(p.pause/2 + rand.N(p.pause/2+1))
}
