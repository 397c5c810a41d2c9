// Package clock says how well this machine's clock knows the time: what the kernel was told by chrony, ntpd or timesyncd,
// and what standard deviation a capture may state for it.
//
// The kernel keeps three figures (adjtimex(2), which needs no rights and works in containers):
//
//   - esterror, the daemon's estimate of its error: jitter, without what nobody can see from here, such as a path to the server
//     that takes longer one way than the other;
//   - maxerror, a bound with all of it: half the round trip to the source of time, and its dispersion. The kernel lets it grow by
//     500 ppm until the daemon sets it anew;
//   - offset, what it still has to correct by.
//
// The bound as the daemon set it is a, its age t. The stated standard deviation is
//
//	sigma = sqrt(offset² + esterror² + (a + t·1 ppm)²/3)
//
// A bound of which no more is known is a rectangle, whose standard deviation is a/√3 (the GUM's type B); 1 ppm is what chrony
// takes a corrected clock to drift by at most (maxclockerror). The daemon's setting is seen by a Clock that runs; before it has seen
// one, a is maxerror as it is, with the growth: sigma is then too large, never too small. A daemon that states neither figure
// (timesyncd) is taken at [Unstated]; a clock that nothing keeps in time, or that cannot be read, at [Unknown].
package clock

import (
	"context"
	"math"
	"sync"
	"time"
)

// Standard deviations where the kernel has none to tell.
const (
	Unstated = 50 * time.Millisecond // kept in time by a daemon that does not say how well: one server, asked over the internet
	Unknown  = time.Second           // the most that a capture may state
)

// Where a Reading comes from.
const (
	SourceKernel  = "kernel"  // esterror and maxerror
	SourceDaemon  = "daemon"  // in time, but the daemon does not state its error
	SourceStated  = "stated"  // its owner says so
	SourceUnknown = "unknown" // nothing keeps the clock in time, or it cannot be read
)

// Reading is what is known of the system's clock at a moment.
type Reading struct {
	Offset       time.Duration // what has to be added to the clock's time, as far as the kernel was told; it is part of Sigma
	Sigma        time.Duration // standard deviation of the clock's time against UTC: what a capture states
	MaxError     time.Duration // the kernel's bound; 0 where it cannot be read
	Synchronized bool          // something keeps the clock in time
	Source       string        // one of the Source constants
}

// drift is what a corrected clock is taken to drift by, in parts.
const drift = 1e-6

// growth is by how much the kernel lets maxerror grow each second (MAXFREQ in linux/timex.h).
const growth = 500 * time.Microsecond

// kernel is what adjtimex(2) tells.
type kernel struct {
	offset, estError, maxError time.Duration
	synchronized               bool
}

// Clock reads the system's clock. One that runs knows its error better. It is safe for concurrent use.
type Clock struct {
	read func() (kernel, error)
	now  func() time.Duration // monotonic

	mu    sync.Mutex
	last  kernel
	at    time.Duration // when last was read
	known bool          // last is set
	bound time.Duration // maxError when the daemon set it, or when it was first read
	set   time.Duration // when that was
	seen  bool          // the daemon set it while we looked
}

// New is the system's clock.
func New() *Clock {
	start := time.Now()
	return &Clock{read: readKernel, now: func() time.Duration { return time.Since(start) }}
}

// Stated is a clock of which its owner says how good it is.
func Stated(sigma time.Duration) Reading {
	return Reading{Sigma: min(sigma, Unknown), Synchronized: true, Source: SourceStated}
}

// Read reads the system's clock once. A Clock that runs knows more.
func Read() (Reading, error) { return New().Read() }

// Read says what is known at this moment. With an error, which says why nothing can be known, the Reading is of the unknown
// clock, and may be used.
func (c *Clock) Read() (Reading, error) {
	k, err := c.read()
	if err != nil {
		return Reading{Sigma: Unknown, Source: SourceUnknown}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	c.note(k, now)
	return c.reading(k, now), nil
}

// note looks whether the daemon has set the bound anew: it is then less than what it would have grown to.
func (c *Clock) note(k kernel, now time.Duration) {
	grown := growth * ((now - c.at) / time.Second) // whole seconds that have surely passed
	switch {
	case !c.known:
		c.bound, c.set = k.maxError, now
	case k.maxError < c.last.maxError+grown || k.maxError > c.last.maxError+grown+2*growth || k.estError != c.last.estError:
		c.bound, c.set, c.seen = k.maxError, c.at, true // at the earliest when it was read before
	}
	c.last, c.at, c.known = k, now, true
}

func (c *Clock) reading(k kernel, now time.Duration) Reading {
	r := Reading{Offset: k.offset, MaxError: k.maxError, Synchronized: k.synchronized, Source: SourceKernel}
	switch {
	case !k.synchronized:
		r.Sigma, r.Source = Unknown, SourceUnknown
	case k.estError == 0 && (c.bound == 0 || !c.seen):
		r.Sigma, r.Source = Unstated, SourceDaemon
	default:
		r.Sigma = sigma(k, c.bound, now-c.set)
	}
	return r
}

// sigma is the formula of the package's comment. The kernel cuts its figures to microseconds, so there is always one more.
func sigma(k kernel, bound, age time.Duration) time.Duration {
	estimate := float64(k.estError + time.Microsecond)
	most := float64(bound+time.Microsecond) + drift*float64(age)
	s := math.Sqrt(float64(k.offset)*float64(k.offset) + estimate*estimate + most*most/3)
	return min(time.Duration(math.Ceil(s)), Unknown)
}

// Run reads the clock once a second until ctx ends, so that Read knows when the daemon set the bound and to what. It reads
// shortly before the second's end, at which the kernel lets the bound grow: what was set in this second is then seen as it was
// set. What cannot be read is left to Read to say.
func (c *Clock) Run(ctx context.Context) {
	const before = 30 * time.Millisecond
	for {
		now := time.Now()
		next := now.Add(before).Truncate(time.Second).Add(time.Second - before)
		t := time.NewTimer(next.Sub(now))
		select {
		case <-ctx.Done():
			t.Stop()
			return
		case <-t.C:
			_, _ = c.Read()
		}
	}
}
