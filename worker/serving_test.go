package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"sync"
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
	eventually(t, "the first model is freed", func() bool { return b.freed(b.model) })
	if open := b.model.open(); open != 0 {
		t.Errorf("%d runners of the first model are open", open)
	}
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
	if b.freed(b.model) || b.model.open() == 0 {
		t.Error("the first model was freed while it works")
	}
	close(release)
	if v := <-d.ended; v.name != "ack" || b.publisher.fix(t, "fixes.net.st/"+id).Model.Version != "1" {
		t.Errorf("the capture in hand ended with %+v", v)
	}
	eventually(t, "the first model is freed", func() bool { return b.freed(b.model) && b.model.open() == 0 })
}

// TestManySwitches switches 200 times while captures flow: each gets one fix, by a model that was served, and all models but
// the last are freed.
func TestManySwitches(t *testing.T) {
	b := start(t, nil)
	models := []*fakeModel{b.model}
	var sent sync.WaitGroup
	stop := make(chan struct{})
	var ids []string
	sent.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			var id string
			data := capture(t, func(c *messages.Capture) {
				id = c.ID
				c.Cache = len(ids)%2 == 0
				c.Receivers[0].Gain = float64(len(ids) % 3)
			})
			ids = append(ids, id)
			d := &fakeDelivery{
				message: Message{Subject: "captures.net.st", Data: data, NumDelivered: 1}, ended: make(chan verb, 1), extended: make(chan struct{}, 1),
			}
			b.source.captures <- d
			sent.Go(func() {
				select {
				case v := <-d.ended:
					if v.name != "ack" {
						t.Errorf("a capture ended with %+v", v)
					}
				case <-time.After(30 * time.Second):
					t.Error("a capture came to no end")
				}
			})
		}
	})
	for i := range 200 {
		s := Serving{Champion: models[len(models)-1], Challenged: func(_, id string, _ time.Time) bool { return id[0] < '8' }}
		models = append(models, version(fmt.Sprint(i+2)))
		switch i % 3 {
		case 0:
			s.Champion = models[len(models)-1]
		case 1:
			s.Challenger = models[len(models)-1]
		case 2:
			s.Shadow, s.Shadowed = models[len(models)-1], every
		}
		b.serve(t, s)
		time.Sleep(time.Duration(i%3) * 500 * time.Microsecond) // under load, not under nothing but switches
	}
	last := version("last")
	b.serve(t, Serving{Champion: last})
	close(stop)
	sent.Wait()
	b.eachHasOneFix(t, ids, len(models))
	for i, m := range models {
		eventually(t, fmt.Sprintf("model %d is freed", i), func() bool { return b.freed(m) && m.open() == 0 })
	}
	if b.freed(last) {
		t.Error("the model that serves was freed")
	}
}

// eachHasOneFix looks at what was published: each fix names the model that its position is of, so that none came from the cache
// of another.
func (b *bench) eachHasOneFix(t *testing.T, ids []string, versions int) {
	t.Helper()
	b.publisher.mu.Lock()
	defer b.publisher.mu.Unlock()
	if len(b.publisher.kept) > 0 {
		t.Errorf("%d captures got a second fix", len(b.publisher.kept))
	}
	seen := map[string]bool{}
	for _, id := range ids {
		fix, err := messages.DecodeFix("", b.publisher.fixes["fixes.net.st/"+id])
		if err != nil {
			t.Fatalf("capture %s: %v", id, err)
		}
		if want := placeOf(fix.Model.Version); fix.Position.Longitude != want {
			t.Fatalf("the fix names model %s and lies at %v, want %v", fix.Model.Version, fix.Position.Longitude, want)
		}
		if fix.Arm == messages.ArmShadow {
			t.Errorf("a fix of the shadow on %s", fix.Source)
		}
		seen[fix.Model.Version] = true
	}
	t.Logf("%d captures, fixes by %d of %d models", len(ids), len(seen), versions)
	if len(seen) < 10 {
		t.Errorf("only %d models served", len(seen))
	}
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

// TestShadowIsPromoted: the model goes from one engine to another and is not given back in between.
func TestShadowIsPromoted(t *testing.T) {
	b := start(t, nil)
	shadow := version("2")
	b.serve(t, Serving{Champion: b.model, Shadow: shadow, Shadowed: every})
	b.serve(t, Serving{Champion: shadow})
	eventually(t, "the shadow's runner is closed", func() bool { return shadow.opened()-shadow.open() == 1 })
	if fix := b.fixOf(t, nil); fix.Model != shadow.Identity() || b.freed(shadow) {
		t.Errorf("the fix is by %+v; the promoted model was freed: %v", fix.Model, b.freed(shadow))
	}
	b.serve(t, Serving{Champion: b.model})
	eventually(t, "the promoted model is freed", func() bool { return b.freed(shadow) && shadow.open() == 0 })
}

func TestServeRefuses(t *testing.T) {
	b := start(t, nil)
	bad := version("bad")
	bad.noRunner = true
	good := version("good")
	for want, s := range map[string]Serving{
		"there is no champion": {},
		"experiment":           {Champion: b.model, Experiment: "a b"},
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
	if fix := b.fixOf(t, nil); fix.Model.Version != "1" || b.freed(b.model) || b.freed(good) {
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

// TestExtractorsAreBounded has many lanes of three models of different contracts preprocess at once.
func TestExtractorsAreBounded(t *testing.T) {
	const processors = 2
	x := newExtractors(processors, DefaultOptions().Budget)
	engines := make([]*engine, 3)
	for i := range engines {
		m := &fakeModel{contract: contract.Plain(fmt.Sprint("features", i), 2)}
		var err error
		if engines[i], err = newEngine(m, 1, x, slog.New(slog.DiscardHandler)); err != nil {
			t.Fatal(err)
		}
	}
	var mu sync.Mutex
	now, most := 0, 0
	var lanes sync.WaitGroup
	for i := range 12 {
		lanes.Go(func() {
			for range 50 {
				e := engines[i%3]
				extractor, err := x.take(t.Context(), e)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				now++
				most = max(most, now)
				mu.Unlock()
				runtime.Gosched()
				mu.Lock()
				now--
				mu.Unlock()
				x.give(e, extractor)
			}
		})
	}
	lanes.Wait()
	if most > processors || len(x.idle) > processors+spareExtractors {
		t.Errorf("%d at once, %d kept", most, len(x.idle))
	}
	for range processors {
		if _, err := x.take(t.Context(), engines[0]); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := x.take(ctx, engines[0]); !errors.Is(err, ctx.Err()) {
		t.Errorf("error %v", err)
	}
}

func (b *bench) freed(p Predictor) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Contains(b.free, p)
}
