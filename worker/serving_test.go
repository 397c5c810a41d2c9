package worker

import (
	"runtime"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"foxhunt/contract"
	"foxhunt/messages"
)

// version makes a model of a version, and so of a digest.
func version(v string) *fakeModel {
	return &fakeModel{contract: contract.Plain("features", 2), version: v}
}

// every and none are choices.
func every(string, string, time.Time) bool { return true }
func none(string, string, time.Time) bool  { return false }

// always is the experiment of every capture.
func always(id string) func(time.Time) string { return func(time.Time) string { return id } }

// fixOf sends a capture and gives its fix.
func (b *bench) fixOf(t *testing.T, change func(*messages.Capture)) *messages.Fix {
	t.Helper()
	var id string
	data := capture(t, func(c *messages.Capture) {
		if change != nil {
			change(c)
		}
		id = c.ID
	})
	if v := b.send(t, data, 1); v.name != "ack" {
		t.Fatalf("the capture ended with %+v, want ack", v)
	}
	return b.publisher.fix(t, "fixes.net.st/"+id)
}

// fix decodes a fix that was published under an id.
func (p *fakePublisher) fix(t *testing.T, id string) *messages.Fix {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	fix, err := messages.DecodeFix(messages.ContentTypeJSON, p.fixes[id])
	if err != nil {
		t.Fatalf("%s: %v", id, err)
	}
	return fix
}

func (b *bench) serve(t *testing.T, s Serving) {
	t.Helper()
	if err := b.worker.Serve(s); err != nil {
		t.Fatal(err)
	}
}

// eventually waits until something has become true.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("not in 30 s: " + what)
		}
	}
}

func TestSwitchServesTheNext(t *testing.T) {
	b := start(t, nil)
	if fix := b.fixOf(t, nil); fix.Arm != messages.ArmChampion || fix.Model.Version != "1" || fix.Experiment != "" || fix.Fallback != nil || fix.Truth != nil {
		t.Errorf("the fix is by %s %+v", fix.Arm, fix)
	}
	next := version("2")
	b.serve(t, Serving{Champion: next})
	if fix := b.fixOf(t, nil); fix.Arm != messages.ArmChampion || fix.Model != next.Identity() {
		t.Errorf("after the switch the fix is by %s %+v", fix.Arm, fix.Model)
	}
	eventually(t, "the first model is freed", func() bool { return b.model.open() == 0 })
}

// TestWhatIsInHandFinishesWithWhatItBegan holds a capture in the model while another takes over.
func TestWhatIsInHandFinishesWithWhatItBegan(t *testing.T) {
	began, release := make(chan struct{}), make(chan struct{})
	b := start(t, func(b *bench, _ *Options) {
		b.model.answer = func(int) ([]contract.Prediction, error) {
			close(began)
			<-release
			return []contract.Prediction{{X: 45, Y: 8, Covariance: contract.Spread{XX: 1, YY: 1}}}, nil
		}
	})
	var id string
	d := &fakeDelivery{
		message: Message{Subject: "captures.net.st", Data: capture(t, func(c *messages.Capture) { id = c.ID }), NumDelivered: 1},
		ended:   make(chan verb, 1), extended: make(chan struct{}, 1),
	}
	b.source.captures <- d
	<-began
	b.serve(t, Serving{Champion: version("2")})
	if fix := b.fixOf(t, nil); fix.Model.Version != "2" {
		t.Errorf("the next capture was served by %+v", fix.Model)
	}
	if b.model.open() == 0 {
		t.Error("the first model was freed while it works")
	}
	close(release)
	if v := <-d.ended; v.name != "ack" || b.publisher.fix(t, "fixes.net.st/"+id).Model.Version != "1" {
		t.Errorf("the capture in hand ended with %+v", v)
	}
	eventually(t, "the first model is freed", func() bool { return b.model.open() == 0 })
}

// TestServeKeepsWhatStays: a model that stays in its arm goes on counting, with the runners it had; one that changes its arm
// keeps its runners.
func TestServeKeepsWhatStays(t *testing.T) {
	b := start(t, nil)
	b.fixOf(t, nil)
	second := version("2")
	b.serve(t, Serving{Champion: b.model, Challenger: second})
	b.fixOf(t, nil)
	if arms := b.worker.Arms(); len(arms) != 2 || arms[0].Captures != 2 || arms[1].Arm != messages.ArmChallenger || arms[1].Captures != 0 || arms[1].Latency != nil {
		t.Errorf("arms %+v", arms)
	}
	b.serve(t, Serving{Champion: second})
	if fix := b.fixOf(t, nil); fix.Model.Version != "2" {
		t.Errorf("by %+v", fix.Model)
	}
	if n := second.opened(); n != runtime.GOMAXPROCS(0) {
		t.Errorf("the promoted model was given %d runners, want %d", n, runtime.GOMAXPROCS(0))
	}
	if arms := b.worker.Arms(); len(arms) != 1 || arms[0].Captures != 1 || arms[0].Model != second.Identity() {
		t.Errorf("arms %+v", arms)
	}
}

// TestModelInTwoArms keeps the figures of each.
func TestModelInTwoArms(t *testing.T) {
	b := start(t, nil)
	both := Serving{Champion: b.model, Challenger: b.model, Challenged: every}
	b.serve(t, both)
	b.fixOf(t, nil)
	before := b.worker.Arms()
	b.serve(t, both)
	if after := b.worker.Arms(); len(after) != 2 || after[1].Fixes != 1 || after[1].Since != before[1].Since || after[0].Since != before[0].Since {
		t.Errorf("the arms were %+v and are %+v", before, after)
	}
	b.serve(t, Serving{Champion: b.model})
	if fix := b.fixOf(t, nil); fix.Arm != messages.ArmChampion || b.model.opened() != b.model.open() {
		t.Errorf("by %s, with %d runners of %d", fix.Arm, b.model.open(), b.model.opened())
	}
}

// TestShadowIsPromoted: the model goes from one engine to another and is not given back in between.
func TestShadowIsPromoted(t *testing.T) {
	b := start(t, nil)
	shadow := version("2")
	b.serve(t, Serving{Champion: b.model, Shadow: shadow, Shadowed: every})
	b.serve(t, Serving{Champion: shadow})
	eventually(t, "the shadow's runner is closed", func() bool { return shadow.opened()-shadow.open() == 1 })
	if fix := b.fixOf(t, nil); fix.Model != shadow.Identity() || shadow.open() == 0 {
		t.Errorf("the fix is by %+v, with %d runners", fix.Model, shadow.open())
	}
	b.serve(t, Serving{Champion: b.model})
	eventually(t, "the promoted model is freed", func() bool { return shadow.open() == 0 })
}

func TestServeRefuses(t *testing.T) {
	b := start(t, nil)
	bad := version("bad")
	bad.noRunner = true
	good := version("good")
	for want, s := range map[string]Serving{
		"there is no champion": {},
		"the champion":         {Champion: bad},
		"the challenger":       {Champion: good, Challenger: bad},
		"the shadow":           {Champion: good, Shadow: bad},
	} {
		if err := b.worker.Serve(s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one of %s", err, want)
		}
	}
	if open := good.open() + bad.open(); open != 0 {
		t.Errorf("%d runners of models that were refused are open", open)
	}
	if fix := b.fixOf(t, nil); fix.Model.Version != "1" || b.model.open() == 0 {
		t.Errorf("after the refusals the fix is by %+v", fix.Model)
	}
}

// TestModelThatNamesItselfStrangely: what the metrics are told is fit for them.
func TestModelThatNamesItselfStrangely(t *testing.T) {
	b := start(t, nil)
	b.serve(t, Serving{Champion: version("\xff\x1b[2J" + strings.Repeat("x", 1000))})
	b.counts.with(func() {
		for told := range b.counts.arms {
			if !utf8.ValidString(told) || len(told) > 600 || strings.Contains(told, "\x1b") {
				t.Errorf("told of %q", told)
			}
		}
		if len(b.counts.arms) != 2 {
			t.Errorf("told of %d arms", len(b.counts.arms))
		}
	})
}

func TestRunWithoutModelAndServeAfterClose(t *testing.T) {
	options := DefaultOptions()
	options.Observer = &counts{}
	w, err := New(&fakePublisher{}, nil, options)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Run(t.Context(), newFakeSource()); err == nil || !strings.Contains(err.Error(), "no model") {
		t.Errorf("a run without a model ended with %v", err)
	}
	m := version("1")
	if err := w.Serve(Serving{Champion: m}); err != nil {
		t.Fatal(err)
	}
	w.Close()
	w.Close()
	if m.open() != 0 || w.Arms() != nil {
		t.Errorf("after Close %d runners are open, and the arms are %+v", m.open(), w.Arms())
	}
	if err := w.Serve(Serving{Champion: m}); err == nil {
		t.Error("a closed worker serves")
	}
}
