package cutter

import (
	"fmt"
	"math"
	"time"

	"foxhunt/station/receiver"
)

// Trigger says which level makes a capture.
type Trigger struct {
	Level      float64 // dB
	AboveFloor bool    // Level is above the noise floor, rather than dBFS
	Length     time.Duration
	Before     time.Duration // how much of the capture lies before the level was reached
	HoldOff    time.Duration // least time from the end of a capture to the beginning of the next
}

// hysteresis is how far the level must fall below the threshold before it counts again, dB.
const hysteresis = 3

// Shares by which the floor follows a window's level: quickly down, slowly up, and slower still while there is a signal, so
// that one that stays is taken for noise in the end.
const (
	floorFalls  = 0.1
	floorRises  = float64(receiver.WindowTime) / float64(10*time.Second)
	floorYields = float64(receiver.WindowTime) / float64(2*time.Minute)
)

func (t *Trigger) validate() error {
	switch {
	case t.AboveFloor && !(t.Level > 0 && t.Level <= 100):
		return fmt.Errorf("a level of %g dB above the noise floor; want more than 0 and at most 100", t.Level)
	case !t.AboveFloor && !(t.Level >= -200 && t.Level <= 10):
		return fmt.Errorf("a level of %g dBFS; want -200 to 10", t.Level)
	case t.Before < 0 || t.Before >= t.Length:
		return fmt.Errorf("%v before the level of a capture of %v; want less than its length", t.Before, t.Length)
	case t.HoldOff < 0:
		return fmt.Errorf("the hold-off is %v; want 0 or more", t.HoldOff)
	}
	return nil
}

// trigger watches the level.
type trigger struct {
	Trigger
	floor float64 // dBFS; NaN before the first window
	above bool    // the level has not fallen below the threshold, less hysteresis, since it was last above
	next  int64   // ns since the Unix epoch: no capture begins before
}

func newTrigger(t Trigger) *trigger {
	return &trigger{Trigger: t, floor: math.NaN(), next: math.MinInt64}
}

// rises reports whether the level has come above the threshold with this window.
func (t *trigger) rises(level float64) bool {
	level = max(level, -200) // digital silence
	threshold := t.Level
	if t.AboveFloor {
		if math.IsNaN(t.floor) {
			t.floor = level
		}
		threshold += t.floor
	}
	was := t.above
	switch {
	case level >= threshold:
		t.above = true
	case level < threshold-hysteresis:
		t.above = false
	}
	t.follow(level)
	return t.above && !was
}

func (t *trigger) follow(level float64) {
	share := floorRises
	switch {
	case level < t.floor:
		share = floorFalls
	case t.above:
		share = floorYields
	}
	t.floor += share * (level - t.floor)
}

// triggered looks at a window, which ends at a position, and has a capture made if it is the first of a signal.
func (c *Cutter) triggered(level float64, end int64) {
	t := c.trigger
	if !t.rises(level) {
		return
	}
	r := c.ring.now()
	begin := max(end-samplesOf(receiver.WindowTime, c.info.SampleRate), r.begin)
	from := max(r.timeOf(begin)-int64(t.Before), r.timeOf(r.begin))
	if from < t.next && t.next-from < int64(t.Length+t.HoldOff)*2 { // else the clock was set back
		return
	}
	to := from + int64(t.Length)
	t.next = to + int64(t.HoldOff)
	c.due = append(c.due, due{kind: &c.done.Triggered, from: from, to: to})
}
