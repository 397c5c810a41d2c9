package worker

import (
	"context"
	"errors"
	"testing"
	"time"

	"foxhunt/contract"
	"foxhunt/messages"
)

// TestShadowFollows: a capture's fix is the champion's, and the shadow's has a subject and an id of its own.
func TestShadowFollows(t *testing.T) {
	b := start(t, nil)
	shadow := version("2")
	b.serve(t, Serving{Champion: b.model, Shadow: shadow, Experiment: always("look"), Shadowed: func(session, id string, _ time.Time) bool {
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

// sendSuspect sends a capture on which work was begun before and never ended, and waits for its fix.
func (b *bench) sendSuspect(t *testing.T) {
	t.Helper()
	d := &fakeDelivery{
		message: Message{Subject: "captures.net.st", Data: capture(t, nil), NumDelivered: 3}, begun: 1,
		ended: make(chan verb, 1), extended: make(chan struct{}, 1),
	}
	b.source.captures <- d
	select {
	case v := <-d.ended:
		if v.name != "ack" {
			t.Fatalf("the suspect ended with %+v, want ack", v)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("the suspect waits for the shadow")
	}
}

// TestNobodyWaitsForAShadowThatHangs, a suspect neither but for a moment; and the process is told to end.
func TestNobodyWaitsForAShadowThatHangs(t *testing.T) {
	t.Parallel()
	hanging, release, stuck := make(chan struct{}), make(chan struct{}), make(chan struct{})
	b := start(t, func(_ *bench, o *Options) {
		o.Lanes, o.TooLong = 2, 500*time.Millisecond
		o.Stuck = func(string, uint64) { close(stuck) }
	})
	shadow := version("2")
	shadow.answer = func(int) ([]contract.Prediction, error) { close(hanging); <-release; return nil, errDown }
	defer close(release)
	b.serve(t, Serving{Champion: b.model, Shadow: shadow, Shadowed: every})
	b.fixOf(t, nil)
	<-hanging
	b.sendSuspect(t)
	for range 4 {
		b.fixOf(t, nil)
	}
	select {
	case <-stuck:
	case <-time.After(30 * time.Second):
		t.Error("the shadow hangs, and nobody was told")
	}
}

// TestNobodyWaitsForAShadowsFixThatIsDenied: it is tried for some seconds and then an error; nobody is told that it hangs, and
// the time is none of the shadow's work, after which it would have to rest.
func TestNobodyWaitsForAShadowsFixThatIsDenied(t *testing.T) {
	t.Parallel()
	trying := make(chan struct{}, 1)
	b := start(t, func(b *bench, o *Options) {
		b.publisher.denyShadows = true
		b.publisher.during = func(subject string) {
			if messages.IsShadow(subject) {
				trying <- struct{}{}
			}
		}
		o.Lanes, o.TooLong = 2, time.Second
		o.Stuck = func(string, uint64) { t.Error("a shadow that waits for the server is said to hang") }
	})
	b.serve(t, Serving{Champion: b.model, Shadow: version("2"), Shadowed: every})
	b.fixOf(t, nil)
	<-trying
	b.sendSuspect(t)
	b.fixOf(t, nil)
	b.fixOf(t, nil)
	eventually(t, "the shadow's error", func() bool { return b.worker.Arms()[1].Errors == 1 })
	<-trying
	b.counts.with(func() {
		if b.counts.arms["shadow 2 deadline"] != 1 {
			t.Errorf("counted %v", b.counts.arms)
		}
	})
}

// TestShadowsWorkIsItsComputing: what it waits for the server is none of it.
func TestShadowsWorkIsItsComputing(t *testing.T) {
	var computed time.Time
	publisher := &fakePublisher{during: func(string) { computed = time.Now(); time.Sleep(20 * time.Millisecond) }}
	l := startLane(t, version("1"), nil, nil)
	l.publisher = publisher
	if err := l.Serve(Serving{Champion: version("1"), Shadow: version("2"), Shadowed: every}); err != nil {
		t.Fatal(err)
	}
	if err := l.gate.pass(t.Context()); err != nil {
		t.Fatal(err)
	}
	l.job.message = Message{Subject: "captures.net.st", Data: capture(t, nil)}
	worked := l.follow(t.Context(), shadowed{message: l.job.message})
	if most := computed.Sub(l.job.started); worked <= 0 || worked > most {
		t.Errorf("it is said to have worked %v, and was publishing after %v", worked, most)
	}
	publisher.only(t)
}

// TestGate opens when few enough are at work, and no suspect.
func TestGate(t *testing.T) {
	g := gate{most: 1}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	passes := func(want bool, when string) {
		t.Helper()
		err := g.pass(ended)
		if err == nil {
			g.passed()
		}
		if (err == nil) != want {
			t.Errorf("%s: %v", when, err)
		}
	}
	passes(true, "nobody at work")
	g.enter()
	passes(true, "one at work")
	g.enter()
	passes(false, "two at work")
	waiter := make(chan error)
	wait := func() { waiter <- g.pass(t.Context()) }
	go wait()
	g.leave()
	if err := <-waiter; err != nil {
		t.Error(err)
	}
	suspect := make(chan struct{})
	go func() { g.enterSuspect(t.Context()); close(suspect) }()
	eventually(t, "a suspect", func() bool { g.mu.Lock(); defer g.mu.Unlock(); return g.suspects == 1 })
	g.passed()
	<-suspect
	passes(false, "a suspect at work")
	go wait()
	g.leaveSuspect()
	if err := <-waiter; err != nil {
		t.Error(err)
	}
	g.passed()
}
