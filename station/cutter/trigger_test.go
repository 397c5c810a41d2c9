package cutter

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"foxhunt/messages"
)

// noise is samples about a level, dBFS, of both I and Q together, by the time since begin.
func noise(level func(at time.Duration) float64) func(n int64) uint32 {
	random := rand.New(rand.NewPCG(9, 1))
	return func(n int64) uint32 {
		at := time.Duration(float64(n) * 1e9 / rate)
		amplitude := 32768 * math.Pow(10, level(at)/20) / math.Sqrt2
		draw := func() uint32 { return uint32(uint16(int16(max(-32768, min(32767, amplitude*random.NormFloat64()))))) }
		return draw() | draw()<<16
	}
}

// bursts is a level that is high at times.
func bursts(low, high float64, times ...[2]time.Duration) func(time.Duration) float64 {
	return func(at time.Duration) float64 {
		for _, t := range times {
			if at >= t[0] && at < t[1] {
				return high
			}
		}
		return low
	}
}

func capturesOf(t *testing.T, trigger Trigger, length time.Duration, level func(time.Duration) float64) (captures []*messages.Capture) {
	t.Helper()
	c, f := newCutter(t, Options{Trigger: &trigger}), newFeed()
	f.value = noise(level)
	for f.next < int64(length.Seconds()*rate) {
		captures = append(captures, c.Add(f.block(777, 0))...)
	}
	if made := c.Captures(); made.Triggered != uint64(len(captures)) || made.Missed > 0 {
		t.Errorf("%d captures, %+v", len(captures), made)
	}
	return captures
}

const ms = time.Millisecond

// A burst makes one capture, which begins so much before it.
func TestTrigger(t *testing.T) {
	times := [][2]time.Duration{{3 * time.Second, 3500 * ms}, {8 * time.Second, 12 * time.Second}, {12500 * ms, 12600 * ms}, {20 * time.Second, 20050 * ms}}
	for _, trigger := range []Trigger{
		{Level: -30, Length: time.Second, Before: 200 * ms, HoldOff: 500 * ms},
		{Level: 15, AboveFloor: true, Length: time.Second, Before: 200 * ms, HoldOff: 500 * ms},
	} {
		captures := capturesOf(t, trigger, 30*time.Second, bursts(-50, -20, times...))
		if len(captures) != 4 {
			t.Fatalf("%+v: %d captures, want one a burst", trigger, len(captures))
		}
		for i, c := range captures {
			at := time.Duration(c.Receivers[0].StartTime - begin)
			if late := at - (times[i][0] - 200*ms); late < -11*ms || late > ms || c.Event != "" {
				t.Errorf("%+v: capture %d, event %q, begins %v after %v before its burst", trigger, i, c.Event, late, trigger.Before)
			}
			if n := c.Receivers[0].Samples(); math.Abs(float64(n)-rate) > 1 {
				t.Errorf("capture %d has %d samples", i, n)
			}
		}
	}
}

// A burst within the hold-off makes none; nor does a level that trembles about the threshold make many.
func TestTriggerHoldsOff(t *testing.T) {
	trigger := Trigger{Level: -30, Length: 500 * ms, HoldOff: 3 * time.Second}
	captures := capturesOf(t, trigger, 20*time.Second, bursts(-50, -20, [2]time.Duration{3 * time.Second, 3100 * ms},
		[2]time.Duration{5 * time.Second, 5100 * ms}, [2]time.Duration{8 * time.Second, 8100 * ms}))
	if len(captures) != 2 {
		t.Errorf("%d captures; want those of the first and the last burst", len(captures))
	}
	trigger.HoldOff = 0
	trembling := func(at time.Duration) float64 {
		if at < time.Second {
			return -50
		}
		return -30 + 1.5*math.Sin(float64(at)/float64(50*ms))
	}
	if captures := capturesOf(t, trigger, 20*time.Second, trembling); len(captures) != 1 {
		t.Errorf("a level that trembles makes %d captures", len(captures))
	}
}

// The floor follows noise that grows; what stays for minutes is noise.
func TestTriggerFloor(t *testing.T) {
	trigger := Trigger{Level: 10, AboveFloor: true, Length: 500 * ms}
	growing := func(at time.Duration) float64 { return -60 + at.Seconds()/4 }
	if captures := capturesOf(t, trigger, 100*time.Second, growing); len(captures) != 0 {
		t.Errorf("noise that grows by 25 dB in 100 s makes %d captures", len(captures))
	}
	floor := newTrigger(trigger)
	for range 1000 {
		floor.rises(-60)
	}
	if !floor.rises(-40) {
		t.Error("20 dB above the floor is no signal")
	}
	for range 5 * 60 * 100 {
		floor.rises(-40)
	}
	if floor.above && floor.floor < -45 {
		t.Errorf("after five minutes the floor is at %.1f dBFS", floor.floor)
	}
	if floor.rises(math.Inf(-1)) || math.IsInf(floor.floor, 0) {
		t.Errorf("after silence the floor is at %g", floor.floor)
	}
}

// A signal that is there from the first sample is above an absolute level; its capture begins with the samples.
func TestTriggerAtTheStart(t *testing.T) {
	captures := capturesOf(t, Trigger{Level: -30, Length: 500 * ms, Before: 400 * ms}, 3*time.Second, func(time.Duration) float64 { return -10 })
	if len(captures) != 1 || captures[0].Receivers[0].StartTime != begin {
		t.Fatalf("%d captures", len(captures))
	}
}
