package cutter

import (
	"time"

	"foxhunt/messages"
)

// LeastEvery keeps a schedule from being more than a disk and a network keep up with.
const LeastEvery = 10 * time.Millisecond

// Schedule says when captures are due.
type Schedule struct {
	Every  time.Duration // captures begin at its multiples since the Unix epoch; 0: none
	Length time.Duration
}

// takeTicks takes up the ticks that have begun since the last one, or since the oldest sample.
func (c *Cutter) takeTicks() {
	every := int64(c.o.Schedule.Every)
	now, oldest := c.ring.now(), c.ring.runs[0]
	last := floor(now.timeOf(now.end)-1, every)                    // the next sample is not here yet
	first := floor(oldest.timeOf(oldest.begin-1)+1, every) + every // the first tick that the sample before the oldest is not needed for
	if c.ticking && c.tick-last <= every {
		first = max(first, c.tick+every)
	} else {
		c.tick = last // the first time, or the clock was set back
	}
	for t := first; t <= last; t += every {
		c.due = append(c.due, due{kind: &c.done.Scheduled, event: messages.TickEvent(now.frequency, t), from: t, to: t + int64(c.o.Schedule.Length)})
	}
	c.tick, c.ticking = max(c.tick, last), true
}

// floor is the last multiple of every up to t.
func floor(t, every int64) int64 { return t - ((t%every)+every)%every }
