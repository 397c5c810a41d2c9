package jetstream

import (
	"math"
	"slices"
	"time"
)

// Pace is how fast captures come and go, smoothed over about a minute.
type Pace struct {
	Arriving   float64  `json:"arriving_per_second"`   // captures stored in the stream
	Completing float64  `json:"completing_per_second"` // captures that left it
	Drain      *float64 `json:"drain_seconds"`         // until none waits for a worker, at this pace; nil: not within a week
}

// smoothing is the time in which a rate that ended has fallen to 37 %.
const smoothing = 30 * time.Second

// Averages approach what they are of and never reach it. One below leastRate, of captures a second, is taken for 0, and a
// backlog that shrinks by less than one capture in the smoothing time for one that stays.
const (
	leastRate    = 1e-3
	leastDrain   = float64(time.Second) / float64(smoothing)
	longestDrain = 7 * 24 * 3600 // s
)

// LagTracker tells from several readings of the lag what a single one cannot. The zero value is ready; it is not safe for
// concurrent use.
type LagTracker struct {
	last                         Lag
	arriving, completing, growth average
	dead                         [3]uint64 // of the last readings; 0 where there was none
	next                         int       // place in dead
}

// Add fills in the reading's Pace, and puts in place of Dead the least of the last three readings: what seems dead and
// was only on its way is gone by the next.
func (t *LagTracker) Add(lag *Lag) {
	t.dead[t.next] = lag.Dead
	t.next = (t.next + 1) % len(t.dead)
	lag.Dead = slices.Min(t.dead[:])

	elapsed := lag.Time.Sub(t.last.Time)
	first, anew := t.last.Time.IsZero(), lag.Arrived < t.last.Arrived || lag.Completed < t.last.Completed
	switch {
	case first, anew: // of a stream made anew the old pace says nothing
		t.arriving, t.completing, t.growth = average{}, average{}, average{}
	case elapsed <= 0:
		return
	default:
		work := less(lag.Total, lag.Companions)
		t.arriving.add(float64(lag.Arrived-t.last.Arrived), elapsed)
		t.completing.add(float64(lag.Completed-t.last.Completed), elapsed)
		t.growth.add(float64(work)-float64(less(t.last.Total, t.last.Companions)), elapsed)
		lag.Pace = &Pace{Arriving: t.arriving.rate(), Completing: t.completing.rate(), Drain: drain(work, t.growth.perSecond)}
	}
	t.last = Lag{Time: lag.Time, Arrived: lag.Arrived, Completed: lag.Completed, Total: lag.Total, Companions: lag.Companions}
}

// drain is how many seconds a backlog lasts that grows by so many captures a second; nil: too long to tell.
func drain(total uint64, growth float64) *float64 {
	var seconds float64
	if total > 0 {
		if seconds = float64(total) / -growth; -growth < leastDrain || seconds > longestDrain {
			return nil
		}
	}
	return &seconds
}

// average is an exponentially weighted moving average of a rate; the zero value has seen nothing.
type average struct {
	perSecond float64
	known     bool
}

// rate is the average without what is left of one that ended.
func (a *average) rate() float64 {
	if a.perSecond < leastRate {
		return 0
	}
	return a.perSecond
}

func (a *average) add(n float64, elapsed time.Duration) {
	weight := 1.0
	if a.known {
		weight = 1 - math.Exp(-elapsed.Seconds()/smoothing.Seconds())
	}
	a.perSecond += weight * (n/elapsed.Seconds() - a.perSecond)
	a.known = true
}
