package worker

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"foxhunt/contract"
)

// batcher lets captures of one shape share a run of the model. A batch leaves when it is full or when its oldest
// member has waited for the delay, whichever comes first.
type batcher struct {
	size     int
	delay    time.Duration
	requests chan *request
	ready    chan *batch
	turns    chan struct{} // bounds the runs at once over all models
	observer Observer
	log      *slog.Logger
}

// request is one capture's features on their way through the model. The lane that made it owns the tensors and
// waits on done before it touches them again.
type request struct {
	tensors    []contract.Tensor
	prediction contract.Prediction
	err        error
	done       chan struct{}
}

type batch struct {
	size     int // captures it may hold
	deadline time.Time
	requests []*request
}

func newBatcher(size int, delay time.Duration, turns chan struct{}, observer Observer, log *slog.Logger) *batcher {
	return &batcher{
		size: size, delay: delay, requests: make(chan *request), ready: make(chan *batch), turns: turns, observer: observer, log: log,
	}
}

// run collects and runs batches until the context ends; the lanes must have finished by then.
func (b *batcher) run(ctx context.Context, runners []Runner) {
	var wg sync.WaitGroup
	for _, runner := range runners {
		wg.Go(func() {
			for batch := range b.ready {
				b.turns <- struct{}{}
				b.observer.Batch(len(batch.requests))
				runBatch(runner, batch.requests, b.log)
				<-b.turns
			}
		})
	}
	b.collect(ctx)
	close(b.ready)
	wg.Wait()
}

// collect groups requests by shape. While all runners are busy, batches that are due go on filling up.
func (b *batcher) collect(ctx context.Context) {
	var open []*batch // in order of deadline
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		var ready chan *batch
		var due *batch
		i := nextDue(open, time.Now())
		if i >= 0 {
			due, ready = open[i], b.ready
		} else if len(open) > 0 {
			timer.Reset(time.Until(open[0].deadline))
		}
		select {
		case <-ctx.Done():
			return
		case r := <-b.requests:
			open = add(open, r, time.Now().Add(b.delay), b.size)
		case ready <- due:
			open = slices.Delete(open, i, i+1)
		case <-timer.C:
		}
	}
}

// nextDue gives the index of a batch that is full or past its deadline, or -1.
func nextDue(open []*batch, now time.Time) int {
	for i, batch := range open {
		if len(batch.requests) >= batch.size || !now.Before(batch.deadline) {
			return i
		}
	}
	return -1
}

func add(open []*batch, r *request, deadline time.Time, size int) []*batch {
	for _, batch := range open {
		if len(batch.requests) < batch.size && sameShapes(batch.requests[0].tensors, r.tensors) {
			batch.requests = append(batch.requests, r)
			return open
		}
	}
	size = min(size, max(1, maxBatchValues/values(r.tensors)))
	return append(open, &batch{size: size, deadline: deadline, requests: []*request{r}})
}

// maxBatchValues bounds the features of a batch. ONNX Runtime keeps the largest memory that a run ever took, and large
// captures gain nothing by sharing one: with the default model and 32 receivers, eight captures a run take 300 MB and
// are no faster than one by one.
const maxBatchValues = 64 << 10

func values(tensors []contract.Tensor) (n int) {
	for i := range tensors {
		n += len(tensors[i].Data)
	}
	return max(n, 1)
}

func sameShapes(a, b []contract.Tensor) bool {
	return slices.EqualFunc(a, b, func(x, y contract.Tensor) bool { return slices.Equal(x.Shape, y.Shape) })
}

// do sends one request through the model and waits for its answer.
func (b *batcher) do(ctx context.Context, r *request) error {
	r.err = nil
	select {
	case b.requests <- r:
	case <-ctx.Done():
		return ctx.Err()
	}
	<-r.done // a runner owns the tensors now, and always answers
	return r.err
}

// runBatch runs the requests together; where that fails, it runs each alone, so that one capture's fault stays its
// own.
func runBatch(runner Runner, requests []*request, log *slog.Logger) {
	if err := runTogether(runner, requests, log); err != nil {
		for i, r := range requests {
			if len(requests) > 1 {
				err = runTogether(runner, requests[i:i+1], log)
			}
			if err != nil {
				r.err = err
			}
		}
	}
	for _, r := range requests {
		r.done <- struct{}{}
	}
}

func runTogether(runner Runner, requests []*request, log *slog.Logger) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = panicked(p, log)
		}
	}()
	batch := make([][]contract.Tensor, len(requests))
	for i, r := range requests {
		batch[i] = r.tensors
	}
	predictions, err := runner.Run(nil, batch...)
	if err != nil {
		return err
	}
	if len(predictions) != len(requests) {
		return fmt.Errorf("the model answered %d of %d captures", len(predictions), len(requests))
	}
	for i, r := range requests {
		r.prediction, r.err = predictions[i], predictions[i].Err
	}
	return nil
}
