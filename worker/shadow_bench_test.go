package worker

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"foxhunt/contract"
	"foxhunt/messages"
	"foxhunt/model"
	"foxhunt/model/grid"
	"foxhunt/model/modeltest"
)

// BenchmarkShadow tells what a shadow costs those who wait: captures of 27 KB come at half the rate that the worker serves
// at most, in turns of a second with a shadow that gets all of them and without, both the default model. It reports the
// latencies from when a capture was due, in ms: the medians over the turns of each turn's percentiles, and by how many per cent
// they are higher with the shadow. Other processes that want the processors make it worthless.
//
//	go test ./worker -run '^$' -bench Shadow -benchtime 1x -cpu 2
func BenchmarkShadow(b *testing.B) {
	m, err := modeltest.Runtime(b).Load(grid.File(), model.Options{})
	if err != nil {
		b.Fatal(err)
	}
	h := newHalfLoad(b, loaded{m})
	rate := h.most()
	var turns [2][][]time.Duration // without and with
	for b.Loop() {
		for turn := range 32 {
			with := [...]int{0, 1, 1, 0}[turn%4]
			s := Serving{Champion: loaded{m}}
			if with == 1 {
				s.Shadow, s.Shadowed = loaded{m}, every
			}
			if err := h.worker.Serve(s); err != nil {
				b.Fatal(err)
			}
			turns[with] = append(turns[with], h.send(int(rate/2), rate/2))
		}
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(rate, "most-captures/s") // without it
	for name, q := range map[string]float64{"p50": 0.50, "p95": 0.95, "p99": 0.99} {
		without, with := medianOf(turns[0], q), medianOf(turns[1], q)
		b.ReportMetric(without, name+"-ms")
		b.ReportMetric(with, name+"-ms-shadow")
		b.ReportMetric(100*(with-without)/without, name+"-%")
	}
	counts := h.worker.options.Observer.(*counts)
	counts.with(func() {
		all := float64(len(turns[1]) * int(rate/2))
		b.ReportMetric(float64(counts.arms["shadow "+loaded{m}.Identity().Version+" fixed"])/all, "shadow-fixes/capture")
	})
}

// medianOf is the median over turns of their quantiles, in ms.
func medianOf(turns [][]time.Duration, q float64) float64 {
	var quantiles []time.Duration
	for _, latencies := range turns {
		slices.Sort(latencies)
		quantiles = append(quantiles, latencies[int(q*float64(len(latencies)-1))])
	}
	slices.Sort(quantiles)
	return float64(quantiles[len(quantiles)/2]) / 1e6
}

// halfLoad is a worker and captures for it.
type halfLoad struct {
	worker   *Worker
	source   *fakeSource
	captures [][]byte
}

func newHalfLoad(b *testing.B, p Predictor) *halfLoad {
	options := DefaultOptions()
	options.Observer, options.Log, options.Bundles = &counts{}, slog.New(slog.DiscardHandler), []string{"*.*"}
	h := &halfLoad{source: newFakeSource()}
	h.worker = newWorker(b, &forgetful{}, nil, Serving{Champion: p}, options)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- h.worker.Run(ctx, h.source) }()
	b.Cleanup(func() { stop(); <-ended })
	for range 64 {
		h.captures = append(h.captures, capture(b, func(c *messages.Capture) { sameNoise(c, 3, 4480) }))
	}
	return h
}

// most is how many captures a second are served at most.
func (h *halfLoad) most() float64 {
	h.send(100, 0)
	began := time.Now()
	h.send(500, 0)
	return 500 / time.Since(began).Seconds()
}

// send serves n captures that come at a rate, as independent stations send them; 0: as fast as they are taken.
func (h *halfLoad) send(n int, rate float64) []time.Duration {
	latencies := make([]time.Duration, n)
	random := rand.New(rand.NewPCG(1, 2))
	at := time.Now()
	var wg sync.WaitGroup
	for i := range n {
		due := time.Now()
		if rate > 0 {
			at = at.Add(time.Duration(random.ExpFloat64() / rate * 1e9))
			time.Sleep(time.Until(at))
			due = at
		}
		d := &fakeDelivery{
			message: Message{Subject: "captures.net.st", Data: h.captures[i%len(h.captures)], NumDelivered: 1, Stored: due},
			ended:   make(chan verb, 1), extended: make(chan struct{}, 1),
		}
		h.source.captures <- d
		wg.Go(func() { <-d.ended; latencies[i] = time.Since(due) })
	}
	wg.Wait()
	return latencies
}

// forgetful is a publisher that keeps nothing.
type forgetful struct{ fakePublisher }

func (*forgetful) PublishFix(context.Context, string, string, string, []byte, []string) (uint64, error) {
	return 0, nil
}

// loaded is a real model as a worker's.
type loaded struct{ *model.Model }

func (p loaded) Identity() messages.Model {
	return messages.Model{Name: p.Info().Name, Version: p.Info().Version, Digest: p.Info().Digest}
}
func (p loaded) MaxBatch() int { return p.Info().MaxBatch }
func (p loaded) NewRunner() (Runner, error) {
	r, err := p.Model.NewRunner()
	return realRunner{r}, err
}

type realRunner struct{ *model.Runner }

func (r realRunner) Run(dst []contract.Prediction, batch ...[]contract.Tensor) ([]contract.Prediction, error) {
	return r.Runner.Run(dst, batch...)
}
