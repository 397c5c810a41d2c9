package serving

import (
	"errors"
	"sync"
	"testing"
	"time"

	"foxhunt/rollout"
)

// failures in a row are more than enough for the guard.
const failures = 50

// clock is a time that a test moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func split(t *testing.T, b *bench, limit float64) rollout.Plan {
	t.Helper()
	champion, challenger := b.has("nats:fox@1", "1", "a"), b.has("nats:fox@2", "2", "b")
	if plan, _, err := b.plans.Plan(t.Context()); err != nil || !plan.Champion.Same(champion) {
		b.promote(t, champion)
	}
	return b.update(t, func(p *rollout.Plan, c rollout.Change) error {
		return p.StartSplit(challenger, rollout.SplitOptions{Share: 30, Since: c.At, For: time.Hour, MaxErrorRate: limit}, c)
	})
}

// TestChallengerStaysForLateCaptures, and no longer.
func TestChallengerStaysForLateCaptures(t *testing.T) {
	t.Parallel()
	time0 := &clock{now: time.Now()}
	b := newBench(t, nil)
	b.m.now = time0.Now
	split(t, b, 0)
	b.run(t).serves(t, Challenger, bb)
	time0.add(time.Hour + grace/2)
	b.reload(t)
	b.serves(t, Challenger, bb)
	time0.add(grace)
	b.m.awake() // whoever sets a clock waits for a minute
	b.serves(t, Challenger, "")
}

// TestShadow begins and ends by itself, and a model that is refused there disturbs nobody.
func TestShadow(t *testing.T) {
	t.Parallel()
	time0 := &clock{now: time.Now()}
	b := newBench(t, nil)
	b.m.now = time0.Now
	b.promote(t, b.has("nats:fox@1", "1", "a"))
	b.run(t)
	for version, digest := range map[string]string{"2": "b", "3": "c"} {
		b.has("nats:fox@"+version, version, digest)
	}
	b.with(func() { b.bad[bb] = bad })
	shadow := func(version, digest string, span time.Duration) {
		b.update(t, func(p *rollout.Plan, c rollout.Change) error {
			return p.StartShadow(rollout.Arm{Model: "nats:fox@" + version, Digest: digest}, 50, c.At, span, c)
		})
	}
	shadow("2", bb, 0)
	b.until(t, "a refusal", func() bool { return b.told(rollout.EventRefused) == 1 })
	shadow("3", c, time.Hour)
	b.serves(t, Shadow, c)
	time0.add(2 * time.Hour)
	b.m.awake()
	b.serves(t, Shadow, "")
	b.serves(t, Champion, a)
	b.until(t, "the plan followed", func() bool { return b.follows })
}

// TestErrorRate stops a split for good when its challenger fails, here at once, in the plan as soon as that can be.
func TestErrorRate(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	plan := split(t, b, 0.1)
	b.run(t).serves(t, Challenger, bb)
	b.entry.setAway(errors.New("NATS is away"))
	for range failures {
		b.m.Challenged(true, "failed")
	}
	b.serves(t, Challenger, "")
	b.entry.setAway(nil)
	b.until(t, "an event", func() bool { return b.told(rollout.EventStopped) == 1 })
	b.until(t, "a stop in the metrics", func() bool { return b.stops == 1 })
	after, _, err := b.plans.Plan(t.Context())
	if err != nil || after.Challenger.Stopped == nil || after.Challenger.ID != plan.Challenger.ID || after.Challenger.Stopped.By != "w" {
		t.Errorf("the plan is %+v, %v", after.Challenger, err)
	}
	split(t, b, 0.1) // the same again is another experiment
	b.serves(t, Challenger, bb)
}

// TestErrorRateOnce: of several workers that find the same one stops the split, and tells of it; all follow.
func TestErrorRateOnce(t *testing.T) {
	t.Parallel()
	one := newBench(t, nil)
	two := newBench(t, func(b *bench, o *Options) { o.Plans, o.Worker = rollout.NewStore(one.entry), "w2" })
	split(t, one, 0.1)
	two.has("nats:fox@1", "1", "a")
	two.has("nats:fox@2", "2", "b")
	for _, b := range []*bench{one, two} {
		b.run(t).serves(t, Challenger, bb)
	}
	var wg sync.WaitGroup
	for _, b := range []*bench{one, two} {
		wg.Go(func() {
			for range failures {
				b.m.Challenged(true, "failed")
			}
		})
	}
	wg.Wait()
	for _, b := range []*bench{one, two} {
		b.serves(t, Challenger, "")
	}
	told := func() (n int) {
		for _, b := range []*bench{one, two} {
			b.with(func() { n += b.told(rollout.EventStopped) })
		}
		return n
	}
	deadline := time.Now().Add(patience)
	for told() == 0 && time.Now().Before(deadline) {
		time.Sleep(time.Millisecond)
	}
	one.reload(t)
	two.reload(t)
	if n := told(); n != 1 {
		t.Errorf("%d events of one split that was stopped", n)
	}
}

// TestNothingWaitsForALoad: a split is over at once, whether the plan or the guard ends it, whatever another post is loading;
// and that is loaded all the same.
func TestNothingWaitsForALoad(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*testing.T, *bench){
		"the plan": func(t *testing.T, b *bench) {
			b.update(t, func(p *rollout.Plan, c rollout.Change) error { return p.StopSplit("enough", c) })
		},
		"the guard": func(_ *testing.T, b *bench) {
			for range failures {
				b.m.Challenged(true, "failed")
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, nil)
			split(t, b, 0.1)
			b.run(t).serves(t, Challenger, bb)
			b.with(func() { b.hold, b.holding = make(chan struct{}), make(chan struct{}, 100) })
			shadow := b.has("nats:fox@3", "3", "c")
			b.update(t, func(p *rollout.Plan, c rollout.Change) error { return p.StartShadow(shadow, 50, c.At, 0, c) })
			<-b.holding
			end(t, b)
			b.serves(t, Challenger, "")
			b.until(t, "the stop in the plan", func() bool { return b.m.Status().Plan.Challenger.Stopped != nil })
			b.with(func() {
				if b.seats[Shadow] != "" || len(b.failures) != 0 {
					t.Errorf("the shadow is %q, failures %v, while its load is held", b.seats[Shadow], b.failures)
				}
				close(b.hold)
			})
			b.serves(t, Shadow, c)
		})
	}
}

// TestAnotherModelBeginsWithoutFailures: the challenger's reference comes to mean a newer model in the middle of its split, and
// that is not judged by its predecessor's captures.
func TestAnotherModelBeginsWithoutFailures(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.promote(t, b.has("nats:fox@1", "1", "a"))
	b.has("models:/fox@next", "2", "b")
	b.update(t, func(p *rollout.Plan, c rollout.Change) error {
		return p.StartSplit(rollout.Arm{Model: "models:/fox@next"}, rollout.SplitOptions{Share: 30, Since: c.At, For: time.Hour, MaxErrorRate: 0.1}, c)
	})
	b.run(t).serves(t, Challenger, bb)
	fail := func() {
		for range 5 { // with seven in a row it is stopped
			b.m.Challenged(true, "failed")
		}
	}
	fail()
	b.has("models:/fox@next", "3", "c")
	b.serves(t, Challenger, c)
	fail()
	b.reload(t)
	if s := b.m.Status().Plan.Challenger; s.Stopped != nil || len(b.m.over) != 0 {
		t.Errorf("stopped for what the model before had done: %+v", s.Stopped)
	}
	fail()
	b.serves(t, Challenger, "")
}
