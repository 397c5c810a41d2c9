package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"foxhunt/contract"
	"foxhunt/messages"
)

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

// TestRunsAreBoundedOverModels gives two models work at once, with one run allowed.
func TestRunsAreBoundedOverModels(t *testing.T) {
	var mu sync.Mutex
	now, most := 0, 0
	slow := func(n int) ([]contract.Prediction, error) {
		mu.Lock()
		now++
		most = max(most, now)
		mu.Unlock()
		runtime.Gosched()
		mu.Lock()
		now--
		mu.Unlock()
		return slices.Repeat([]contract.Prediction{{X: 45, Y: 8, Covariance: contract.Spread{XX: 1, YY: 1}}}, n), nil
	}
	b := start(t, func(b *bench, o *Options) { b.model.answer, o.Runners, o.BatchSize = slow, 1, 1 })
	challenger := version("2")
	challenger.answer = slow
	b.serve(t, Serving{Champion: b.model, Challenger: challenger, Challenged: func(_, id string, _ time.Time) bool { return id[0] < '8' }})
	for _, v := range b.differing(t, 64) {
		if v.name != "ack" {
			t.Errorf("a capture ended with %+v", v)
		}
	}
	if most != 1 || len(challenger.runs()) == 0 || len(b.model.runs()) == 0 {
		t.Errorf("%d runs at once, %d and %d in all", most, len(b.model.runs()), len(challenger.runs()))
	}
}

// differing sends n captures of which no two are the same at once, and waits for them.
func (b *bench) differing(t *testing.T, n int) []verb {
	t.Helper()
	var wg sync.WaitGroup
	verbs := make([]verb, n)
	for i := range n {
		d := &fakeDelivery{
			message: Message{Subject: "captures.net.st", NumDelivered: 1, Data: capture(t, func(c *messages.Capture) { c.Receivers[0].Gain = float64(i) })},
			ended:   make(chan verb, 1), extended: make(chan struct{}, 1),
		}
		b.source.captures <- d
		wg.Go(func() {
			select {
			case verbs[i] = <-d.ended:
			case <-time.After(30 * time.Second):
			}
		})
	}
	wg.Wait()
	return verbs
}
