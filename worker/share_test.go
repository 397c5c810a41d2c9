package worker

import (
	"slices"
	"sync"
	"testing"
	"time"

	"foxhunt/contract"
)

// together sends n captures that differ in their ids alone at once and waits until all have been published, or handed back.
func (b *bench) together(t *testing.T, n int) []verb {
	t.Helper()
	var wg sync.WaitGroup
	verbs := make([]verb, n)
	data := make([][]byte, n)
	for i := range n {
		data[i] = capture(t, nil)
	}
	for i := range n {
		d := &fakeDelivery{
			message: Message{Subject: "captures.net.st", Data: data[i], Sequence: uint64(i + 1), NumDelivered: 1},
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

// TestIdenticalCapturesShareOneComputation: while the model works on one, the others wait for its answer.
func TestIdenticalCapturesShareOneComputation(t *testing.T) {
	working := make(chan struct{})
	release := make(chan struct{})
	b := start(t, func(b *bench, o *Options) {
		o.BatchSize, o.Lanes = 1, 8
		b.model.answer = func(n int) ([]contract.Prediction, error) {
			close(working) // a second run would panic here
			<-release
			return []contract.Prediction{{X: 45, Y: 8, Covariance: contract.Spread{XX: 100, YY: 400}, Confidence: 0.9}}, nil
		}
	})
	go func() {
		<-working
		time.AfterFunc(50*time.Millisecond, func() { close(release) })
	}()
	for i, v := range b.together(t, 6) {
		if v.name != "ack" {
			t.Errorf("capture %d ended with %+v", i, v)
		}
	}
	if runs := b.model.runs(); len(runs) != 1 {
		t.Errorf("the model ran %d times for six captures that differ in their ids alone", len(runs))
	}
	eventually(t, "six fixes", func() (six bool) { b.counts.with(func() { six = b.counts.fixed == 6 }); return six }) // counted after the Ack
	b.counts.with(func() {
		// One that came too late to wait found the answer in the cache.
		if c := b.counts; c.shared+c.hits != 5 || c.shared == 0 || c.misses != 1 || c.fixed != 6 {
			t.Errorf("%d shared, %d hits, %d misses, %d fixes; want 5 together, 1, 6", c.shared, c.hits, c.misses, c.fixed)
		}
	})
}

// TestAFailedComputationIsNotShared: those who waited try for themselves.
func TestAFailedComputationIsNotShared(t *testing.T) {
	var once sync.Once
	b := start(t, func(b *bench, o *Options) {
		o.BatchSize, o.Lanes = 1, 4
		b.model.answer = func(n int) (p []contract.Prediction, err error) {
			once.Do(func() { err = errDown })
			return []contract.Prediction{{X: 45, Y: 8, Covariance: contract.Spread{XX: 100, YY: 400}, Confidence: 0.9}}, err
		}
	})
	verbs := b.together(t, 3)
	ends := map[string]int{}
	for _, v := range verbs {
		ends[v.name]++
	}
	if ends["nak"] != 1 || ends["ack"] != 2 {
		t.Errorf("ends %v; want the one that failed handed back, and the others acknowledged", ends)
	}
}

// TestAnAnswerThatIsNoneIsNotShared: the same captures come to the same end, whoever was first.
func TestAnAnswerThatIsNoneIsNotShared(t *testing.T) {
	b := start(t, func(b *bench, o *Options) {
		o.BatchDelay, o.Lanes = 20*time.Millisecond, 4
		b.model.answer = func(n int) ([]contract.Prediction, error) {
			return slices.Repeat([]contract.Prediction{{X: 45, Y: 8, Covariance: contract.Spread{YY: 400}}}, n), nil
		}
	})
	for i, v := range b.together(t, 4) {
		if v.name != "term" || v.code != "degenerate_covariance" {
			t.Errorf("capture %d ended with %+v", i, v)
		}
	}
}
