package receiver

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// path is how samples come from a receiver to this program: a sample clock that is off, chunks, and delays.
type path struct {
	rate  float64                                 // Hz, nominal
	error float64                                 // of the sample clock, in parts; positive: it is fast
	chunk int                                     // samples
	delay func(taken time.Duration) time.Duration // of the chunk whose last sample was taken then; never early, never out of order
}

const pathStart = 1_800_000_000_000_000_000 // UTC of the first sample

// arrivals calls arrived for all chunks of so much time.
func (p path) arrivals(length time.Duration, arrived func(n int64, since time.Duration)) {
	last := time.Duration(0)
	for n := int64(p.chunk); ; n += int64(p.chunk) {
		taken := time.Duration(float64(n) * 1e9 / (p.rate * (1 + p.error)))
		if taken > length {
			return
		}
		last = max(last, taken+p.delay(taken))
		arrived(n, last)
	}
}

// exponential delays have a mean, and no least but 0.
func exponential(seed uint64, mean time.Duration) func(time.Duration) time.Duration {
	random := rand.New(rand.NewPCG(seed, 1))
	return func(time.Duration) time.Duration { return time.Duration(random.ExpFloat64() * float64(mean)) }
}

// The line finds the true rate and the times of samples whatever the delays' scatter, and states what it may be wrong by.
func TestTimelineFindsRateAndTime(t *testing.T) {
	for seed, c := range []struct {
		error  float64
		mean   time.Duration
		length time.Duration
		rate   float64 // what it may be wrong by, in parts
		time   time.Duration
	}{
		{37e-6, time.Millisecond, 2 * time.Minute, 0.2e-6, 100 * time.Microsecond},
		{-80e-6, 5 * time.Millisecond, 5 * time.Minute, 1e-6, 500 * time.Microsecond},
		{80e-6, 5 * time.Millisecond, 20 * time.Second, 40e-6, time.Millisecond},
		{0, 20 * time.Millisecond, time.Hour, 2e-6, time.Millisecond},
		{20e-6, 100 * time.Microsecond, 3 * time.Second, 25e-6, time.Millisecond},
	} {
		p := path{rate: 250e3, error: c.error, chunk: 16384, delay: exponential(uint64(seed), c.mean)}
		line := newTimeline(p.rate)
		var n int64
		p.arrivals(c.length, func(came int64, since time.Duration) {
			n = came
			line.arrived(n, since, pathStart+int64(since))
		})
		if off := line.rate()/(p.rate*(1+c.error)) - 1; math.Abs(off) > c.rate {
			t.Errorf("%+v: the rate is off by %.2g ppm", c, off*1e6)
		}
		truth := pathStart + int64(float64(n)*1e9/(p.rate*(1+c.error)))
		if off := time.Duration(line.time(n) - truth); off.Abs() > c.time {
			t.Errorf("%+v: the last sample's time is off by %v", c, off)
		}
	}
}

// A clock that is set takes the times of all samples along, and the line with them: nothing is lost by it.
func TestTimelineFollowsTheClock(t *testing.T) {
	p := path{rate: 250e3, chunk: 16384, delay: exponential(1, time.Millisecond)}
	line := newTimeline(p.rate)
	set := int64(0)
	var n int64
	p.arrivals(time.Minute, func(came int64, since time.Duration) {
		n = came
		if since > 30*time.Second {
			set = int64(time.Hour)
		}
		if late := line.arrived(n, since, pathStart+int64(since)+set); late > 20*time.Millisecond {
			t.Fatalf("an arrival is late by %v", late)
		}
	})
	truth := pathStart + set + int64(float64(n)*1e9/p.rate)
	if off := time.Duration(line.time(n) - truth); off.Abs() > time.Millisecond {
		t.Errorf("after the clock was set the last sample's time is off by %v", off)
	}
}

// After a gap the rate is not forgotten.
func TestTimelineKeepsTheRate(t *testing.T) {
	p := path{rate: 250e3, error: 70e-6, chunk: 16384, delay: exponential(2, time.Millisecond)}
	line := newTimeline(p.rate)
	feed := func(length time.Duration) {
		p.arrivals(length, func(n int64, since time.Duration) { line.arrived(n, since, pathStart+int64(since)) })
	}
	feed(2 * time.Minute)
	line.restart()
	feed(2 * time.Second)
	if off := line.rate()/(p.rate*(1+p.error)) - 1; math.Abs(off) > 3e-6 {
		t.Errorf("two seconds after a gap the rate is off by %.2g ppm", off*1e6)
	}
}

// The edge is that of the hull over the middle, whatever the order of heights.
func TestLowerEdge(t *testing.T) {
	if _, _, ok := lowerEdge([]point{{1, 1}}); ok {
		t.Error("one point has an edge")
	}
	random := rand.New(rand.NewPCG(3, 1))
	for range 200 {
		var points []point
		for x := range 2 + random.IntN(30) {
			points = append(points, point{float64(x), random.Float64()})
		}
		a, b, ok := lowerEdge(points)
		middle := float64(len(points)-1) / 2
		if !ok || a.samples > middle || b.samples < middle {
			t.Fatalf("the edge of %v is %v %v", points, a, b)
		}
		for _, p := range points {
			if on := a.late + (b.late-a.late)*(p.samples-a.samples)/(b.samples-a.samples); p.late < on-1e-12 {
				t.Fatalf("%v lies below the edge %v %v", p, a, b)
			}
		}
	}
}
