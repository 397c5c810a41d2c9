package worker

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"foxhunt/contract"
	"foxhunt/messages"
)

// TestShadowFollows: a capture's fix is the champion's, and the shadow's has a subject and an id of its own.
func TestShadowFollows(t *testing.T) {
	b := start(t, nil)
	shadow := version("2")
	b.serve(t, Serving{Champion: b.model, Shadow: shadow, Experiment: "look", Shadowed: func(session, id string, _ time.Time) bool {
		return session == "both" && id != ""
	}})
	alone := b.fixOf(t, nil)
	fix := b.fixOf(t, func(c *messages.Capture) {
		c.Session, c.Truth = "both", &messages.Position{Latitude: 45, Longitude: 8}
	})
	id := "fixes.shadow.net.st/" + fix.CaptureID
	eventually(t, "the shadow's fix", func() bool { return b.publisher.has(id) })
	second := b.publisher.fix(t, id)
	if fix.Arm != messages.ArmChampion || second.Arm != messages.ArmShadow || second.Model != shadow.Identity() || second.Network != "net" ||
		second.Source != "st" || second.Experiment != "look" || second.Truth == nil || second.Time != fix.Time {
		t.Errorf("the fixes are\n%+v\n%+v", fix, second)
	}
	if b.publisher.has("fixes.shadow.net.st/" + alone.CaptureID) {
		t.Error("the shadow had a capture that was not for it")
	}
	eventually(t, "the shadow's figures", func() bool { arms := b.worker.Arms(); return arms[1].Fixes == 1 && arms[1].Latency != nil })
	b.counts.with(func() {
		if b.counts.fixed != 2 || b.counts.misses+b.counts.hits != 2 || b.counts.arms["shadow 2 fixed"] != 1 {
			t.Errorf("counted: %d fixes, %d look-ups, %v", b.counts.fixed, b.counts.misses+b.counts.hits, b.counts.arms)
		}
	})
}

func (p *fakePublisher) has(id string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.fixes[id] != nil
}

// TestShadowThatFails is counted, and nothing else: no dead letter, no retry, no stop.
func TestShadowThatFails(t *testing.T) {
	b := start(t, nil)
	shadow := version("2")
	answers := 0
	shadow.answer = func(n int) ([]contract.Prediction, error) {
		switch answers++; answers {
		case 1:
			return nil, errors.New("broken")
		case 2:
			panic("boom")
		case 3:
			return []contract.Prediction{{Err: &messages.Refusal{Code: "bad_output", Reason: "no"}}}, nil
		}
		return []contract.Prediction{{X: 45, Y: 8, Covariance: contract.Spread{XX: 1, YY: 1}}}, nil
	}
	b.serve(t, Serving{Champion: b.model, Shadow: shadow, Shadowed: every})
	for range 4 {
		b.fixOf(t, func(c *messages.Capture) { c.Cache = false })
	}
	eventually(t, "the shadow's fourth", func() bool { return b.worker.Arms()[1].Fixes == 1 })
	b.counts.with(func() {
		c := b.counts.arms
		if c["shadow 2 model_failed"] != 1 || c["shadow 2 panic"] != 1 || c["shadow 2 bad_output"] != 1 || b.counts.retried+len(b.counts.dead) > 0 {
			t.Errorf("counted %v, %d retried, dead %v", c, b.counts.retried, b.counts.dead)
		}
	})
	b.publisher.mu.Lock()
	b.publisher.refuseShadows = true
	b.publisher.mu.Unlock()
	b.fixOf(t, nil)
	eventually(t, "the shadow's fix that cannot be published", func() bool { return b.worker.Arms()[1].Errors == 4 })
}

// TestFullShadowQueueDrops holds the shadow in its first capture.
func TestFullShadowQueueDrops(t *testing.T) {
	release := make(chan struct{})
	b := start(t, nil)
	shadow := version("2")
	shadow.answer = func(int) ([]contract.Prediction, error) {
		<-release
		return nil, errDown
	}
	b.serve(t, Serving{Champion: b.model, Shadow: shadow, Shadowed: every})
	for range mostShadows + 3 {
		b.fixOf(t, nil)
	}
	b.counts.with(func() {
		if b.counts.dropped != 3 {
			t.Errorf("%d dropped, want 3", b.counts.dropped)
		}
	})
	b.serve(t, Serving{Champion: b.model}) // the rest is not for anybody now
	close(release)
	eventually(t, "the queue is empty", func() bool {
		q := b.worker.shadows
		q.mu.Lock()
		defer q.mu.Unlock()
		return q.reserved == 0 && q.bytes == 0
	})
	if n := len(shadow.runs()); n != 1 {
		t.Errorf("the shadow ran %d times", n)
	}
	eventually(t, "the shadow is freed", func() bool { return shadow.open() == 0 })
}

func TestShadowQueueIsBoundedInBytes(t *testing.T) {
	q := newShadowQueue()
	if !q.reserve(mostShadowBytes+1) || q.reserve(1) {
		t.Error("a large capture must have room, alone")
	}
	q.release(mostShadowBytes + 1)
	if !q.reserve(mostShadowBytes-1) || !q.reserve(1) || q.reserve(1) {
		t.Error("the bound is not where it should be")
	}
}

// TestNoShadowWithoutAcknowledgement: a capture that comes again would be had twice.
func TestNoShadowWithoutAcknowledgement(t *testing.T) {
	b := start(t, nil)
	b.serve(t, Serving{Champion: b.model, Shadow: version("2"), Shadowed: every})
	d := &fakeDelivery{
		message: Message{Subject: "captures.net.st", Data: capture(t, nil), NumDelivered: 1}, ackFails: errDown,
		ended: make(chan verb, 1), extended: make(chan struct{}, 1),
	}
	b.source.captures <- d
	<-d.ended
	b.fixOf(t, nil) // which the shadow has, and then it is the only one
	eventually(t, "the shadow's fix", func() bool { return b.worker.Arms()[1].Fixes == 1 })
	if n := b.worker.Arms()[1].Captures; n != 1 {
		t.Errorf("the shadow had %d captures", n)
	}
}

// TestStopDoesNotWaitForTheShadow leaves a computation behind that does not end.
func TestStopDoesNotWaitForTheShadow(t *testing.T) {
	hanging, release := make(chan struct{}), make(chan struct{})
	b := start(t, nil)
	shadow := version("2")
	shadow.answer = func(int) ([]contract.Prediction, error) {
		close(hanging)
		<-release
		return nil, errDown
	}
	b.serve(t, Serving{Champion: b.model, Shadow: shadow, Shadowed: every})
	b.fixOf(t, nil)
	<-hanging
	b.stop()
	err := <-b.ended
	b.ended <- nil // for the end of the test
	if err != nil {
		t.Error(err)
	}
	b.worker.Close()
	if open := b.model.open(); open != 0 {
		t.Errorf("a shadow that hangs keeps %d runners of the champion", open)
	}
	if open := shadow.open(); open != 1 {
		t.Errorf("%d runners are open while one runs, want that one", open)
	}
	close(release)
	eventually(t, "the shadow is freed", func() bool { return shadow.open() == 0 })
}

// TestShadowThatHangsIsNoReasonToEnd: the process goes on.
func TestShadowThatHangsIsNoReasonToEnd(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	logs := &logLines{}
	b := start(t, func(_ *bench, o *Options) {
		o.TooLong, o.Log = 20*time.Millisecond, logs.logger()
		o.Stuck = func(string, uint64) { t.Error("the process would end") }
	})
	shadow := version("2")
	shadow.answer = func(int) ([]contract.Prediction, error) { <-release; return nil, errDown }
	b.serve(t, Serving{Champion: b.model, Shadow: shadow, Shadowed: every})
	b.fixOf(t, nil)
	eventually(t, "a word about it", func() bool { return strings.Contains(logs.String(), "shadow's computation hangs") })
	b.fixOf(t, nil)
}

// logLines is a log to look at.
type logLines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logLines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logLines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *logLines) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

// TestGate opens when few enough are at work.
func TestGate(t *testing.T) {
	g := gate{most: 1}
	if err := g.wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	g.enter()
	g.enter()
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if err := g.wait(ctx); err == nil {
		t.Error("open while two are at work")
	}
	passed := make(chan error)
	go func() { passed <- g.wait(t.Context()) }()
	g.leave()
	if err := <-passed; err != nil {
		t.Error(err)
	}
}
