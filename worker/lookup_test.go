package worker

import (
	"context"
	"log/slog"
	"math"
	"testing"

	"foxhunt/contract"
	"foxhunt/features"
	"foxhunt/messages"
)

// startLane makes a lane of a worker over fakes; change may be nil.
func startLane(t testing.TB, model Predictor, cache Cache, change func(*Options)) *lane {
	t.Helper()
	options := DefaultOptions()
	options.Observer, options.Log, options.Bundles = &counts{}, slog.New(slog.DiscardHandler), []string{"*.*"}
	if change != nil {
		change(&options)
	}
	w := newWorker(t, &fakePublisher{}, cache, Serving{Champion: model}, options)
	return w.newLane(8)
}

// serveOne passes a capture through the lane.
func (l *lane) serveOne(t testing.TB, network string, data []byte) *job {
	t.Helper()
	l.job.message = Message{Subject: "captures." + network + ".st", Data: data}
	if err := l.runStages(context.Background(), &l.job); err != nil {
		t.Fatal(err)
	}
	return &l.job
}

// pair is a capture of two receivers.
func pair(c *messages.Capture) {
	second := c.Receivers[0]
	second.Station, second.Latitude = "second", 45.3
	c.Receivers = append(c.Receivers, second)
}

// otherModel is a model of another digest.
type otherModel struct{ *fakeModel }

func (otherModel) Identity() messages.Model { return messages.Model{Digest: "def"} }

// TestWhatAnAnswerDependsOn changes what a capture, its network or the worker has, one at a time: the cache must not know
// what the answer, or the fix's budget, may depend on, and must know all else.
func TestWhatAnAnswerDependsOn(t *testing.T) {
	model := &fakeModel{contract: contract.Plain("features", 2)}
	cases := []struct {
		name    string
		hit     bool
		network string // "" for net
		capture func(*messages.Capture)
		options func(*Options)
		model   Predictor
	}{
		{name: "nothing", hit: true},
		{name: "id", hit: true, capture: func(c *messages.Capture) { c.ID = messages.NewCaptureID() }},
		{name: "event", hit: true, capture: func(c *messages.Capture) { c.Event = "another" }},
		{name: "session", hit: true, capture: func(c *messages.Capture) { c.Session = "another" }},
		{name: "station", hit: true, capture: func(c *messages.Capture) { c.Receivers[1].Station = "another" }},
		{name: "network", hit: true, network: "another"},
		{name: "all times alike", hit: true, capture: func(c *messages.Capture) { c.Receivers[0].StartTime += 5; c.Receivers[1].StartTime += 5 }},
		{name: "confidence interval", hit: true, options: func(o *Options) { o.Confidence = 0.5 }},
		{name: "cache", capture: func(c *messages.Capture) { c.Cache = false }},
		{name: "frequency", capture: func(c *messages.Capture) { c.Frequency++ }},
		{name: "latitude", capture: func(c *messages.Capture) { c.Receivers[1].Latitude += 1e-9 }},
		{name: "longitude", capture: func(c *messages.Capture) { c.Receivers[1].Longitude += 1e-9 }},
		{name: "altitude", capture: func(c *messages.Capture) { c.Receivers[1].Altitude++ }},
		{name: "time", capture: func(c *messages.Capture) { c.Receivers[1].StartTime++ }},
		{name: "clock", capture: func(c *messages.Capture) { c.Receivers[1].ClockSigma++ }},
		{name: "rate", capture: func(c *messages.Capture) { c.Receivers[1].SampleRate += 1e-6 }},
		{name: "gain", capture: func(c *messages.Capture) { c.Receivers[1].Gain++ }},
		{name: "format", capture: func(c *messages.Capture) { c.Receivers[1].Format = messages.CU8 }},
		{name: "a bit", capture: func(c *messages.Capture) { c.Receivers[1].IQ = flipped(c.Receivers[1].IQ) }},
		{name: "a sample more", capture: func(c *messages.Capture) { c.Receivers[1].IQ = append(flipped(c.Receivers[1].IQ), 0, 0) }},
		{name: "order", capture: func(c *messages.Capture) { c.Receivers[0], c.Receivers[1] = c.Receivers[1], c.Receivers[0] }},
		{name: "a receiver less", capture: func(c *messages.Capture) { c.Receivers = c.Receivers[:1] }},
		{name: "budget", options: func(o *Options) { o.Budget.Default = 1e-6 }},
		{name: "network's budget", options: func(o *Options) { o.Budget.Networks = map[string]float64{"net": 1e-6} }},
		{name: "another network's budget", hit: true, options: func(o *Options) { o.Budget.Networks = map[string]float64{"another": 1e-6} }},
		{name: "model", model: otherModel{model}},
		{name: "contract", model: &fakeModel{contract: contract.Plain("other", 2)}},
	}
	id := messages.NewCaptureID()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			cache := &fakeCache{}
			original := func(c *messages.Capture) { c.ID = id; pair(c) }
			startLane(t, model, cache, nil).serveOne(t, "net", capture(t, original))
			network, changed := "net", Predictor(model)
			if c.network != "" {
				network = c.network
			}
			if c.model != nil {
				changed = c.model
			}
			data := capture(t, func(m *messages.Capture) {
				original(m)
				if c.capture != nil {
					c.capture(m)
				}
			})
			if hit := startLane(t, changed, cache, c.options).serveOne(t, network, data).fix.CacheHit; hit != c.hit {
				t.Errorf("hit: %v; want %v", hit, c.hit)
			}
		})
	}
}

func flipped(iq []byte) []byte {
	iq = append([]byte(nil), iq...)
	iq[len(iq)-1] ^= 1
	return iq
}

// TestHitNeedsNoExtractor takes all extractors away, as captures that are being computed do.
func TestHitNeedsNoExtractor(t *testing.T) {
	l := startLane(t, &fakeModel{contract: contract.Plain("features", 2)}, &fakeCache{}, nil)
	first := l.serveOne(t, "net", capture(t, pair)).fix
	for range cap(l.extractors.turns) {
		l.extractors.turns <- struct{}{}
	}
	again := l.serveOne(t, "net", capture(t, pair)).fix
	again.CaptureID = first.CaptureID
	if !again.CacheHit || !messages.SameFix(&first, &again) {
		t.Errorf("the computed fix and the cached one:\n%+v\n%+v", first, again)
	}
}

// TestComputationUnderWay has another lane work on the same capture, and come to an end that is of use to who waits, or not.
func TestComputationUnderWay(t *testing.T) {
	prediction := contract.Prediction{X: 44, Y: 7, Covariance: contract.Spread{XX: 100, YY: 400}}
	impossible := contract.Prediction{X: 44, Y: 7}
	for _, c := range []struct {
		name     string
		value    []byte
		latitude float64
		shared   int
	}{
		{"an answer", encodeAnswer(&prediction, 1e-6), 44, 1},
		{"a failure", nil, 45, 0},
		{"an answer that is none", encodeAnswer(&impossible, 1e-6), 45, 0},
		{"no budget", encodeAnswer(&prediction, math.NaN()), 45, 0},
		{"bytes", []byte("bytes"), 45, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := startLane(t, &fakeModel{contract: contract.Plain("features", 2)}, &fakeCache{}, nil)
			data := capture(t, nil)
			key := l.keyOfCapture(t, data)
			other, _ := l.computations.join(key)
			other.value = c.value
			close(other.done) // but it stays open to those who join
			fix, seen := l.serveOne(t, "net", data).fix, l.options.Observer.(*counts)
			if fix.Position.Latitude != c.latitude || fix.CacheHit || seen.shared != c.shared || seen.misses != 1-c.shared || seen.hits != 0 {
				t.Errorf("latitude %v, cache_hit %v, %d shared, %d misses, %d hits", fix.Position.Latitude, fix.CacheHit, seen.shared, seen.misses, seen.hits)
			}
			if n := len(l.computations.open); n != 1 {
				t.Errorf("%d computations are open; want the other's", n)
			}
		})
	}
}

func (l *lane) keyOfCapture(t *testing.T, data []byte) [32]byte {
	t.Helper()
	j := job{network: "net"}
	if err := j.capture.Decode(data); err != nil {
		t.Fatal(err)
	}
	j.set = l.begin()
	defer l.end(j.set)
	l.sit(&j, j.set.champion)
	return l.keyOf(&j)
}

// TestNoComputationOutlivesItsCapture fails in each stage after the look-up; who comes next must not wait.
func TestNoComputationOutlivesItsCapture(t *testing.T) {
	model := &fakeModel{contract: contract.Plain("features", 2)}
	l := startLane(t, model, &fakeCache{}, nil)
	tooShort := capture(t, func(c *messages.Capture) { c.Receivers[0].IQ = c.Receivers[0].IQ[:200] })
	fail := func(name string, data []byte) {
		t.Helper()
		l.job.message = Message{Subject: "captures.net.st", Data: data}
		if err := l.runStages(context.Background(), &l.job); err == nil {
			t.Errorf("%s: no error", name)
		}
		if n := len(l.computations.open); n != 0 || l.job.computation != nil {
			t.Errorf("%s: %d computations go on for ever", name, n)
		}
	}
	fail("preprocess", tooShort)
	model.answer = func(int) ([]contract.Prediction, error) { return nil, errDown }
	fail("model", capture(t, nil))
	model.answer = nil
	for i := range l.stages {
		if l.stages[i].name == "preprocess" {
			l.stages[i].run = func(context.Context, *job) error { panic("poison") }
		}
	}
	fail("panic", capture(t, nil))
}

// TestHitStatesItsOwnBudget: the figure follows from the samples, its source from the capture's own network.
func TestHitStatesItsOwnBudget(t *testing.T) {
	l := startLane(t, &fakeModel{contract: contract.Plain("features", 2)}, &fakeCache{}, nil)
	data := capture(t, nil)
	l.cache.Set(t.Context(), l.keyOfCapture(t, data), encodeAnswer(
		&contract.Prediction{X: 45, Y: 8, Covariance: contract.Spread{XX: 1, YY: 1}}, 7e-6))
	want := messages.Budget{Propagation: 7e-6, Source: features.Budget{}.For("net", 145e6, 0).Source}
	if fix := l.serveOne(t, "net", data).fix; !fix.CacheHit || fix.Budget != want {
		t.Errorf("hit %v, budget %+v; want %+v", fix.CacheHit, fix.Budget, want)
	}
}
