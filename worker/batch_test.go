package worker

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"foxhunt/contract"
)

// runBatcher runs a batcher over one runner of the model until the test ends.
func runBatcher(t *testing.T, b *batcher, model *fakeModel) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); b.run(ctx, []Runner{fakeRunner{model}}) }()
	t.Cleanup(func() { stop(); <-ended })
}

func newRequest(receivers int64) *request {
	t := contract.Tensor{Name: "x"}
	t.Resize(1, receivers)
	return &request{tensors: []contract.Tensor{t}, done: make(chan struct{}, 1)}
}

// TestEqualShapesShareARun gives the batcher, while its one runner is busy, captures of two shapes.
func TestEqualShapesShareARun(t *testing.T) {
	busy, release := make(chan struct{}), make(chan struct{})
	first := true
	model := &fakeModel{}
	model.answer = func(n int) ([]contract.Prediction, error) {
		if first {
			first = false
			close(busy)
			<-release
		}
		return make([]contract.Prediction, n), nil
	}
	b := newBatcher(4, time.Nanosecond, make(chan struct{}, 1), &counts{}, slog.New(slog.DiscardHandler))
	runBatcher(t, b, model)
	var wg sync.WaitGroup
	do := func(receivers int64) {
		wg.Go(func() {
			if err := b.do(context.Background(), newRequest(receivers)); err != nil {
				t.Error(err)
			}
		})
	}
	do(2)
	<-busy
	for range 4 {
		do(3)
	}
	for range 2 {
		do(7)
	}
	close(release)
	wg.Wait()
	total := 0
	for _, n := range model.runs() {
		if total += n; n > 4 {
			t.Errorf("a batch of %d, want at most 4", n)
		}
	}
	if total != 7 {
		t.Errorf("%d captures went through the model, want 7", total)
	}
}

func TestAddGroupsByShape(t *testing.T) {
	now := time.Now()
	var open []*batch
	for _, receivers := range []int64{3, 3, 7, 3, 3} {
		open = add(open, newRequest(receivers), now, 3)
	}
	var sizes []int
	for _, b := range open {
		sizes = append(sizes, len(b.requests))
	}
	if len(sizes) != 3 || sizes[0] != 3 || sizes[1] != 1 || sizes[2] != 1 {
		t.Errorf("batches of %v, want [3 1 1]: a full batch takes no more", sizes)
	}
	if i := nextDue(open, now.Add(-time.Second)); i != 0 {
		t.Errorf("batch %d is due, want the full one, 0", i)
	}
	if i := nextDue(open[1:], now.Add(-time.Second)); i != -1 {
		t.Errorf("batch %d is due before its deadline", i)
	}
}

func TestLargeCapturesShareLess(t *testing.T) {
	var open []*batch
	for range 3 {
		open = add(open, newRequest(maxBatchValues/2), time.Now(), 8)
	}
	if len(open) != 2 || len(open[0].requests) != 2 {
		t.Errorf("%d batches, want two of the size that memory allows", len(open))
	}
}

// TestOneBadCaptureSpoilsNoOther lets every run of more than one capture fail.
func TestOneBadCaptureSpoilsNoOther(t *testing.T) {
	model := &fakeModel{}
	calls := 0
	model.answer = func(n int) ([]contract.Prediction, error) {
		if calls++; n > 1 || calls == 3 {
			return nil, errors.New("poison")
		}
		return make([]contract.Prediction, n), nil
	}
	requests := []*request{newRequest(3), newRequest(3), newRequest(3)}
	runBatch(fakeRunner{model}, requests, slog.New(slog.DiscardHandler))
	for i, r := range requests {
		<-r.done
		if (r.err != nil) != (i == 1) {
			t.Errorf("request %d: error %v", i, r.err)
		}
	}
}

func TestModelThatAnswersTooFew(t *testing.T) {
	model := &fakeModel{answer: func(int) ([]contract.Prediction, error) { return nil, nil }}
	r := newRequest(3)
	runBatch(fakeRunner{model}, []*request{r}, slog.New(slog.DiscardHandler))
	if <-r.done; r.err == nil {
		t.Error("no error")
	}
}

func TestRequestGivesUpWithItsContext(t *testing.T) {
	b := newBatcher(1, 0, make(chan struct{}, 1), &counts{}, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := b.do(ctx, newRequest(3)); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want canceled", err)
	}
}
