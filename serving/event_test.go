package serving

import (
	"errors"
	"testing"

	"foxhunt/rollout"
)

// TestEventsOutlastTheStart: what could not be told while NATS was away, and Start ended, is told when it is back.
func TestEventsOutlastTheStart(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.deaf = make(chan struct{})
	b.promote(t, b.has("nats:fox@1", "1", "a"))
	b.run(t).serves(t, Champion, a)
	close(b.deaf)
	b.until(t, "an event", func() bool { return b.told(rollout.EventLoaded) == 1 })
}

// TestStoppedWithoutAnAnswer: the stop was stored, and the answer lost; it is told, once.
func TestStoppedWithoutAnAnswer(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	split(t, b, 0.1)
	b.run(t).serves(t, Challenger, bb)
	b.entry.setMute(errors.New("no answer"))
	for range failures {
		b.m.Challenged(true, "failed")
	}
	b.until(t, "an event", func() bool { return b.told(rollout.EventStopped) == 1 && b.stops == 1 })
	b.reload(t)
	b.with(func() {
		if n := b.told(rollout.EventStopped); n != 1 || b.stops != 1 {
			t.Errorf("%d events and %d stops of one split", n, b.stops)
		}
	})
}

// TestFullQueue: a refusal that found no room among the events is told when it is met again.
func TestFullQueue(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.run(t)
	b.until(t, "the first event", func() bool { return len(b.events) == 1 })
	b.with(func() { b.deaf = make(chan struct{}) })
	for b.m.event(rollout.Event{Kind: rollout.EventLoaded}) {
	}
	b.with(func() { b.bad[a] = bad })
	b.promote(t, b.has("nats:fox@1", "1", "a"))
	b.until(t, "a refusal", func() bool { return len(b.failures) == 1 })
	close(b.deaf)
	b.until(t, "room", func() bool { return len(b.m.events) == 0 })
	b.reload(t)
	b.until(t, "an event", func() bool { return b.told(rollout.EventRefused) == 1 })
}
