package worker

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"strings"
	"testing"
	"time"

	"foxhunt/contract"
	"foxhunt/messages"
)

// bench is a running worker over fakes.
type bench struct {
	worker    *Worker
	source    *fakeSource
	publisher *fakePublisher
	model     *fakeModel
	counts    *counts
	stop      context.CancelFunc
	ended     chan error
}

func start(t *testing.T, change func(*bench, *Options)) *bench {
	t.Helper()
	b := &bench{
		source: newFakeSource(), publisher: &fakePublisher{}, counts: &counts{}, ended: make(chan error, 1),
		model: &fakeModel{contract: contract.Plain("features", 2)},
	}
	options := DefaultOptions()
	options.Observer = b.counts
	options.Log = slog.New(slog.DiscardHandler)
	if change != nil {
		change(b, &options)
	}
	w := newWorker(t, b.publisher, &fakeCache{}, Serving{Champion: b.model}, options)
	b.worker = w
	ctx, stop := context.WithCancel(context.Background())
	b.stop = stop
	go func() { b.ended <- w.Run(ctx, b.source) }()
	t.Cleanup(func() {
		stop()
		if err := <-b.ended; err != nil {
			t.Error(err)
		}
	})
	return b
}

// newWorker makes a worker that serves s, and is closed when the test ends.
func newWorker(t testing.TB, publisher Publisher, cache Cache, s Serving, options Options) *Worker {
	t.Helper()
	w, err := New(publisher, cache, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	if err := w.Serve(s); err != nil {
		t.Fatal(err)
	}
	return w
}

// send gives the worker a capture and waits for how it ends.
func (b *bench) send(t *testing.T, data []byte, delivered int) verb {
	t.Helper()
	d := &fakeDelivery{
		message: Message{Subject: "captures.net.st", Data: data, Sequence: 7, NumDelivered: delivered},
		ended:   make(chan verb, 1), extended: make(chan struct{}, 1),
	}
	b.source.captures <- d
	select {
	case v := <-d.ended:
		return v
	case <-time.After(30 * time.Second):
		t.Fatal("the capture came to no end")
		return verb{}
	}
}

func capture(t testing.TB, change func(*messages.Capture)) []byte {
	t.Helper()
	iq := make([]byte, 2*4480)
	for i := range iq {
		iq[i] = byte(i * i % 251)
	}
	c := messages.Capture{
		Version: messages.CaptureVersion, ID: messages.NewCaptureID(), Frequency: 145e6, Cache: true,
		Receivers: []messages.Receiver{{
			Station: "st", Latitude: 45, Longitude: 8, StartTime: 1_700_000_000_000_000_000, SampleRate: 48_000, Format: "ci8", IQ: iq,
		}},
	}
	if change != nil {
		change(&c)
	}
	data, err := c.Encode(nil)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestCaptureBecomesFix(t *testing.T) {
	b := start(t, func(_ *bench, o *Options) { o.GeoJSON = true })
	if v := b.send(t, capture(t, nil), 1); v.name != "ack" {
		t.Fatalf("the capture ended with %+v, want ack", v)
	}
	fix := b.publisher.only(t)
	if fix.Position.Latitude != 45 || fix.Position.Longitude != 8 || fix.Network != "net" || fix.Source != "st" {
		t.Errorf("the fix is at %+v of %s/%s", fix.Position, fix.Network, fix.Source)
	}
	k := math.Sqrt(-2 * math.Log(0.05))
	if got := fix.Uncertainty.SemiMajor; math.Abs(got-20*k) > 1e-9 {
		t.Errorf("the semi-major axis is %v, want %v", got, 20*k)
	}
	if !strings.Contains(string(fix.GeoJSON), "Polygon") {
		t.Errorf("no polygon in %s", fix.GeoJSON)
	}
}

func TestRepeatComesFromCache(t *testing.T) {
	b := start(t, nil)
	for range 3 {
		b.send(t, capture(t, nil), 1)
	}
	b.counts.with(func() {
		if b.counts.hits != 2 || b.counts.misses != 1 {
			t.Errorf("%d hits and %d misses, want 2 and 1", b.counts.hits, b.counts.misses)
		}
	})
	b.send(t, capture(t, func(c *messages.Capture) { c.Cache = false }), 1)
	if runs := b.model.runs(); len(runs) != 2 {
		t.Errorf("the model ran %d times, want 2: once for the miss, once for the capture that forbids the cache", len(runs))
	}
}

func TestBadCaptureIsBuried(t *testing.T) {
	b := start(t, nil)
	short := capture(t, func(c *messages.Capture) { c.Receivers[0].IQ = c.Receivers[0].IQ[:200] })
	for code, data := range map[string][]byte{"empty": nil, "not_msgpack": {0xc1, 0xff}, "too_short": short} {
		if v := b.send(t, data, 1); v.name != "term" || v.code != code {
			t.Errorf("%s: ended with %+v", code, v)
		}
	}
	if len(b.publisher.dead) != 3 {
		t.Fatalf("%d dead letters, want 3", len(b.publisher.dead))
	}
	for _, letter := range b.publisher.dead {
		if letter.Sentence == "" || letter.Worker != "worker" || letter.Subject != "captures.net.st" {
			t.Errorf("the dead letter says too little: %+v", letter)
		}
	}
}

func TestPassingFailureIsRetriedThenBuried(t *testing.T) {
	b := start(t, func(b *bench, _ *Options) { b.publisher.fails = 2 })
	if v := b.send(t, capture(t, nil), 1); v.name != "nak" || v.delay < firstRetry*3/4 || v.delay > firstRetry*5/4 {
		t.Errorf("the first failure ended with %+v, want nak with a delay of about %v", v, firstRetry)
	}
	if v := b.send(t, capture(t, nil), 12); v.name != "term" || v.code != "gave_up" {
		t.Errorf("the last failure ended with %+v, want term gave_up", v)
	}
	if sentence := b.publisher.dead[0].Sentence; !strings.HasPrefix(sentence, "delivered 12 times, and failed at the last with publish_failed") {
		t.Errorf("the dead letter says %q", sentence)
	}
	if v := b.send(t, capture(t, nil), 1); v.name != "ack" {
		t.Errorf("the worker did not go on: %+v", v)
	}
}

// TestDeathsOfOthersLeaveAttempts has a capture fail for the first time after seven workers stopped or died with it.
func TestDeathsOfOthersLeaveAttempts(t *testing.T) {
	b := start(t, func(b *bench, _ *Options) { b.publisher.fails = 1 })
	if v := b.send(t, capture(t, nil), 8); v.name != "nak" {
		t.Errorf("the first failure ended with %+v, want nak", v)
	}
}

func TestPanicCostsOneCapture(t *testing.T) {
	var calls int
	b := start(t, func(b *bench, _ *Options) {
		b.model.answer = func(n int) ([]contract.Prediction, error) {
			if calls++; calls <= 1 {
				panic("poison")
			}
			return []contract.Prediction{{X: 45, Y: 8, Covariance: contract.Spread{XX: 1, YY: 1}}}, nil
		}
	})
	if v := b.send(t, capture(t, nil), 2); v.name != "nak" {
		t.Errorf("the poison ended with %+v, want nak", v)
	}
	calls = 0
	if v := b.send(t, capture(t, nil), 3); v.name != "term" || v.code != "panic" {
		t.Errorf("the poison's third delivery ended with %+v, want term panic", v)
	}
	if v := b.send(t, capture(t, nil), 1); v.name != "ack" {
		t.Errorf("the next ended with %+v, want ack", v)
	}
}

func TestModelsRefusalIsBuried(t *testing.T) {
	b := start(t, func(b *bench, _ *Options) {
		b.model.answer = func(int) ([]contract.Prediction, error) {
			return []contract.Prediction{{Err: &messages.Refusal{Code: "bad_output", Reason: "not finite"}}}, nil
		}
	})
	if v := b.send(t, capture(t, nil), 1); v.name != "term" || v.code != "bad_output" {
		t.Errorf("ended with %+v, want term bad_output", v)
	}
}

func TestLongWorkIsExtended(t *testing.T) {
	release := make(chan struct{})
	b := start(t, func(b *bench, _ *Options) {
		b.source.ackWait = 60 * time.Millisecond
		b.model.answer = func(int) ([]contract.Prediction, error) {
			<-release
			return nil, errors.New("slow")
		}
	})
	d := &fakeDelivery{message: Message{Subject: "captures.net.st", Data: capture(t, nil), NumDelivered: 1}, ended: make(chan verb, 1), extended: make(chan struct{})}
	b.source.captures <- d
	<-d.extended
	<-d.extended
	close(release)
	<-d.ended
}

func TestStopFinishesWhatIsInHand(t *testing.T) {
	began, release := make(chan struct{}), make(chan struct{})
	b := start(t, func(b *bench, _ *Options) {
		b.model.answer = func(int) ([]contract.Prediction, error) {
			close(began)
			<-release
			return []contract.Prediction{{X: 45, Y: 8, Covariance: contract.Spread{XX: 1, YY: 1}}}, nil
		}
	})
	d := &fakeDelivery{message: Message{Subject: "captures.net.st", Data: capture(t, nil), NumDelivered: 1}, ended: make(chan verb, 1)}
	b.source.captures <- d
	<-began
	b.stop()
	close(release)
	if v := <-d.ended; v.name != "ack" {
		t.Errorf("the capture in hand ended with %+v, want ack", v)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	for name, spoil := range map[string]func(*Options){
		"lanes":      func(o *Options) { o.Lanes = 0 },
		"delay":      func(o *Options) { o.BatchDelay = -1 },
		"confidence": func(o *Options) { o.Confidence = 1 },
		"format":     func(o *Options) { o.FixFormat = "text/plain" },
		"attempts":   func(o *Options) { o.Attempts = 0 },
		"budget":     func(o *Options) { o.Budget.Default = -1 },
	} {
		options := DefaultOptions()
		options.Observer = &counts{}
		spoil(&options)
		if _, err := New(nil, nil, options); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestSourceThatEndsIsAnError(t *testing.T) {
	source := newFakeSource()
	options := DefaultOptions()
	options.Observer = &counts{}
	w := newWorker(t, &fakePublisher{}, nil, Serving{Champion: &fakeModel{contract: contract.Plain("x", 2)}}, options)
	source.Stop()
	if err := w.Run(t.Context(), source); !errors.Is(err, errDown) {
		t.Errorf("error %v, want that of the source", err)
	}
}

// TestStreamsLimitComesFirst has a stream that gives up before the worker would.
func TestStreamsLimitComesFirst(t *testing.T) {
	b := start(t, func(b *bench, _ *Options) {
		b.publisher.fails = 1
		b.source.maxDeliver = 3
	})
	if v := b.send(t, capture(t, nil), 3); v.name != "term" || v.code != "gave_up" {
		t.Errorf("the stream's last delivery ended with %+v, want term gave_up", v)
	}
}
