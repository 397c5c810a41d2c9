package worker

import (
	"context"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"foxhunt/contract"
	"foxhunt/geo"
	"foxhunt/messages"
)

// told is what the worker said of its challenger.
type told struct {
	mu    sync.Mutex
	codes []string // "" for a success
}

func (h *told) challenged(failed bool, code string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if failed == (code == "") {
		code = "failed without a code, or with one and not"
	}
	h.codes = append(h.codes, code)
}

func (h *told) all() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return strings.Join(h.codes, ",")
}

func TestChallengerServesItsShare(t *testing.T) {
	var heard told
	b := start(t, func(_ *bench, o *Options) { o.Challenged = heard.challenged })
	challenger := version("2")
	stored := time.Unix(1_700_000_000, 0)
	b.serve(t, Serving{
		Champion: b.model, Challenger: challenger, Experiment: always("two"),
		Challenged: func(session, id string, at time.Time) bool {
			return session == "theirs" && id != "" && at.Equal(stored)
		},
	})
	for session, want := range map[string]string{"theirs": messages.ArmChallenger, "others": messages.ArmChampion} {
		var id string
		d := &fakeDelivery{
			message: Message{Subject: "captures.net.st", NumDelivered: 1, Stored: stored, Data: capture(t, func(c *messages.Capture) {
				c.Session, id = session, c.ID
			})},
			ended: make(chan verb, 1), extended: make(chan struct{}, 1),
		}
		b.source.captures <- d
		if v := <-d.ended; v.name != "ack" {
			t.Fatalf("ended with %+v", v)
		}
		fix := b.publisher.fix(t, "fixes.net.st/"+id)
		if fix.Arm != want || fix.Experiment != "two" || fix.Fallback != nil || (want == messages.ArmChallenger) != (fix.Model == challenger.Identity()) {
			t.Errorf("session %s: arm %s, experiment %s, model %+v, fallback %+v", session, fix.Arm, fix.Experiment, fix.Model, fix.Fallback)
		}
	}
	if codes := heard.all(); codes != "" || len(heard.codes) != 1 {
		t.Errorf("told of %q", heard.codes)
	}
}

// TestExperimentIsOfTheTimeOfStoring: the one that the capture was assigned in, not the one that runs now.
func TestExperimentIsOfTheTimeOfStoring(t *testing.T) {
	b := start(t, nil)
	until := time.Unix(1_700_000_000, 0)
	b.serve(t, Serving{Champion: b.model, Shadow: version("2"), Shadowed: every, Experiment: func(stored time.Time) string {
		if stored.Before(until) {
			return "early"
		}
		return ""
	}})
	for stored, want := range map[time.Time]string{until.Add(-1): "early", until: ""} {
		var id string
		d := &fakeDelivery{
			message: Message{Subject: "captures.net.st", NumDelivered: 1, Stored: stored, Data: capture(t, func(c *messages.Capture) { id = c.ID })},
			ended:   make(chan verb, 1), extended: make(chan struct{}, 1),
		}
		b.source.captures <- d
		if v := <-d.ended; v.name != "ack" {
			t.Fatalf("ended with %+v", v)
		}
		eventually(t, "the shadow's fix", func() bool { return b.publisher.has("fixes.shadow.net.st/" + id) })
		for _, subject := range []string{"fixes.net.st/", "fixes.shadow.net.st/"} {
			if got := b.publisher.fix(t, subject+id).Experiment; got != want {
				t.Errorf("%s: experiment %q of a capture stored %v, want %q", subject, got, stored, want)
			}
		}
	}
}

// TestChallengerThatFails: the champion answers, and says for whom and why; what both fail at is the capture's fault.
func TestChallengerThatFails(t *testing.T) {
	bad := func(err error) func(int) ([]contract.Prediction, error) {
		return func(int) ([]contract.Prediction, error) { return []contract.Prediction{{Err: err}}, nil }
	}
	for name, c := range map[string]struct {
		spoil func(*fakeModel)
		code  string
		words string
	}{
		"a run that fails": {func(m *fakeModel) { m.answer = func(int) ([]contract.Prediction, error) { return nil, errDown } }, "model_failed", "the server is down"},
		"a bad output":     {func(m *fakeModel) { m.answer = bad(&messages.Refusal{Code: "bad_output", Reason: "not\x1b[2J finite"}) }, "bad_output", "not [2J finite"},
		"a panic":          {func(m *fakeModel) { m.answer = func(int) ([]contract.Prediction, error) { panic("boom") } }, "panic", "boom"},
		"no ellipse": {func(m *fakeModel) {
			m.answer = func(int) ([]contract.Prediction, error) { return []contract.Prediction{{X: 45, Y: 8}}, nil }
		}, "degenerate_covariance", "the model's answer"},
		"off the globe": {func(m *fakeModel) {
			m.answer = func(int) ([]contract.Prediction, error) {
				return []contract.Prediction{{X: 450, Y: 8, Covariance: contract.Spread{XX: 1, YY: 1}}}, nil
			}
		}, "bad_position", ""},
		"too few receivers": {func(m *fakeModel) { m.contract = contract.Plain("features", 2); m.contract.Receivers.Min = 2 }, "too_few_receivers", "at least 2"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var heard told
			b := start(t, func(_ *bench, o *Options) { o.Challenged = heard.challenged })
			challenger := version("2")
			c.spoil(challenger)
			b.serve(t, Serving{Champion: b.model, Challenger: challenger, Challenged: every, Experiment: always("x")})
			fix := b.fixOf(t, nil)
			if fix.Arm != messages.ArmChampion || fix.Model != b.model.Identity() || fix.Experiment != "x" || fix.Fallback == nil {
				t.Fatalf("the fix is by %s %+v, fallback %+v", fix.Arm, fix.Model, fix.Fallback)
			}
			if f := fix.Fallback; f.Model != challenger.Identity() || f.Code != c.code || !strings.Contains(f.Sentence, c.words) || f.Sentence == "" {
				t.Errorf("fallback %+v; want code %s and %q", f, c.code, c.words)
			}
			if heard.all() != c.code {
				t.Errorf("told of %q, want %s", heard.all(), c.code)
			}
			b.counts.with(func() {
				if b.counts.arms["challenger 2 "+c.code] != 1 || b.counts.arms["fallback "+c.code] != 1 {
					t.Errorf("counted %v", b.counts.arms)
				}
			})
			b.model.answer = bad(&messages.Refusal{Code: "worse", Reason: "the champion's"})
			if v := b.send(t, capture(t, func(c *messages.Capture) { c.Cache = false }), 1); v.name != "term" || v.code != "worse" {
				t.Errorf("what both fail at ended with %+v", v)
			}
			if heard.all() != c.code {
				t.Errorf("what both failed at was told: %q", heard.all())
			}
		})
	}
}

// TestChallengerThatIsNotLoaded: a worker that does not have it says so in its fixes.
func TestChallengerThatIsNotLoaded(t *testing.T) {
	var heard told
	b := start(t, func(_ *bench, o *Options) { o.Challenged = heard.challenged })
	b.serve(t, Serving{Champion: b.model, Challenged: every})
	fix := b.fixOf(t, nil)
	if fix.Fallback == nil || fix.Fallback.Code != CodeNotLoaded || fix.Fallback.Sentence == "" || fix.Fallback.Model != (messages.Model{}) {
		t.Errorf("fallback %+v", fix.Fallback)
	}
	if heard.all() != "" || len(heard.codes) > 0 {
		t.Errorf("told of %q", heard.codes)
	}
	b.counts.with(func() {
		if b.counts.arms["fallback "+CodeNotLoaded] != 1 {
			t.Errorf("counted %v", b.counts.arms)
		}
	})
	b.serve(t, Serving{Champion: b.model, Challenger: version("2"), Challenged: none})
	if fix := b.fixOf(t, nil); fix.Fallback != nil || fix.Arm != messages.ArmChampion {
		t.Errorf("a capture that is not the challenger's: %+v", fix)
	}
}

// TestSuspectIsTheChampions: what may have killed a worker in the challenger's hands is not given to it again, and is no
// failure of its. Of the first delivery nothing is noted, so the second may be such a capture, too.
func TestSuspectIsTheChampions(t *testing.T) {
	for name, c := range map[string]struct{ delivered, begun int }{"begun": {3, 1}, "second delivery": {2, 0}} {
		t.Run(name, func(t *testing.T) {
			var heard told
			b := start(t, func(_ *bench, o *Options) { o.Challenged = heard.challenged })
			challenger := version("2")
			b.serve(t, Serving{Champion: b.model, Challenger: challenger, Challenged: every})
			d := &fakeDelivery{
				message: Message{Subject: "captures.net.st", Data: capture(t, nil), NumDelivered: c.delivered}, begun: c.begun,
				ended: make(chan verb, 1), extended: make(chan struct{}, 1),
			}
			b.source.captures <- d
			if v := <-d.ended; v.name != "ack" {
				t.Fatalf("ended with %+v", v)
			}
			fix := b.publisher.only(t)
			if f := fix.Fallback; f == nil || f.Code != CodeSuspect || f.Model != challenger.Identity() || fix.Arm != messages.ArmChampion {
				t.Errorf("the fix: %+v, fallback %+v", fix, f)
			}
			if len(challenger.runs()) > 0 || len(heard.codes) > 0 || b.worker.Arms()[1].Errors > 0 {
				t.Errorf("the challenger ran %d times; told of %q; %+v", len(challenger.runs()), heard.codes, b.worker.Arms()[1])
			}
			b.counts.with(func() {
				if b.counts.arms["fallback "+CodeSuspect] != 1 {
					t.Errorf("counted %v", b.counts.arms)
				}
			})
		})
	}
}

// TestStopIsNoFailureOfTheChallengers ends a capture's context while it waits for the challenger.
func TestStopIsNoFailureOfTheChallengers(t *testing.T) {
	var heard told
	l := startLane(t, version("1"), nil, func(o *Options) { o.Challenged = heard.challenged })
	if err := l.Serve(Serving{Champion: version("1"), Challenger: version("2"), Challenged: every}); err != nil {
		t.Fatal(err)
	}
	for range cap(l.extractors.turns) { // all are taken
		l.extractors.turns <- struct{}{}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	l.job.message = Message{Subject: "captures.net.st", Data: capture(t, nil)}
	if err := l.runStages(ctx, &l.job); err == nil || l.job.fallback != nil || heard.all() != "" {
		t.Errorf("error %v, fallback %+v, told of %q", err, l.job.fallback, heard.all())
	}
	if arms := l.Arms(); arms[0].Errors+arms[1].Errors > 0 {
		t.Errorf("failures are counted: %+v", arms)
	}
}

// TestNoFixOfAnotherModel has both arms, and models after a switch, take the same captures with one cache.
func TestNoFixOfAnotherModel(t *testing.T) {
	b := start(t, nil)
	second := version("2")
	same := func(session string) func(*messages.Capture) {
		return func(c *messages.Capture) { c.Session = session }
	}
	look := func(session, version string, hit bool) {
		t.Helper()
		fix := b.fixOf(t, same(session))
		if fix.Model.Version != version || fix.Position.Longitude != placeOf(version) || fix.CacheHit != hit {
			t.Errorf("session %q: model %s at %v, cache hit %v; want model %s, %v", session, fix.Model.Version, fix.Position.Longitude, fix.CacheHit, version, hit)
		}
	}
	look("", "1", false)
	b.serve(t, Serving{Champion: b.model, Challenger: second, Challenged: func(session, _ string, _ time.Time) bool { return session == "b" }})
	look("b", "2", false) // the split
	look("", "1", true)
	look("b", "2", true)
	b.serve(t, Serving{Champion: second}) // the promotion
	look("", "2", true)
	b.serve(t, Serving{Champion: b.model}) // the way back
	look("b", "1", true)
	b.serve(t, Serving{Champion: version("3")}) // a reload
	look("b", "3", false)
	if arms := b.worker.Arms(); arms[0].LookUps != 1 || arms[0].Hits != 0 {
		t.Errorf("arms %+v", arms)
	}
}

// TestTruth: the fix says how far off it is, and the model's features and the cache's key are those of a capture without.
func TestTruth(t *testing.T) {
	b := start(t, nil)
	b.fixOf(t, nil)
	truth := messages.Position{Latitude: 45.001, Longitude: 8}
	fix := b.fixOf(t, func(c *messages.Capture) { c.Truth = &truth })
	if !fix.CacheHit || fix.Truth == nil || fix.Truth.Latitude != truth.Latitude || fix.Truth.Longitude != truth.Longitude {
		t.Fatalf("cache hit %v, truth %+v", fix.CacheHit, fix.Truth)
	}
	distance, _, _ := geo.Inverse(geo.Position{Latitude: 45, Longitude: 8}, geo.Position{Latitude: truth.Latitude, Longitude: truth.Longitude})
	if math.Abs(fix.Truth.Error-distance) > 1e-6 || math.Abs(fix.Truth.D2-distance*distance/400) > 1e-6 { // the variance to the north
		t.Errorf("%v m off, d2 %v; want %v m and %v", fix.Truth.Error, fix.Truth.D2, distance, distance*distance/400)
	}
	far := b.fixOf(t, func(c *messages.Capture) { c.Truth = &messages.Position{Latitude: -45, Longitude: -172} })
	if far.Truth == nil || !(far.Truth.Error > 19e6) || math.IsInf(far.Truth.D2, 0) {
		t.Errorf("at the antipodes: %+v", far.Truth)
	}
	if v := b.send(t, capture(t, func(c *messages.Capture) { c.Truth = &messages.Position{} }), 1); v.name != "ack" {
		t.Errorf("a truth at 0, 0 ended with %+v", v)
	}
}

// TestNoStageSeesTheTruth looks at what the stages after the first are given.
func TestNoStageSeesTheTruth(t *testing.T) {
	l := startLane(t, version("1"), nil, nil)
	for i, s := range l.stages {
		l.stages[i].run = func(ctx context.Context, j *job) error {
			if j.capture.Truth != nil {
				t.Errorf("%s sees the truth", s.name)
			}
			return s.run(ctx, j)
		}
	}
	j := l.serveOne(t, "net", capture(t, func(c *messages.Capture) { c.Truth = &messages.Position{Latitude: 45, Longitude: 8} }))
	if j.fix.Truth == nil || j.fix.Truth.Error != 0 {
		t.Errorf("truth %+v", j.fix.Truth)
	}
	if j := l.serveOne(t, "net", capture(t, nil)); j.fix.Truth != nil {
		t.Errorf("the next capture has the truth of the one before: %+v", j.fix.Truth)
	}
}
