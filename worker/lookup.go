package worker

import (
	"context"

	"foxhunt/features"
)

// origin says where a job's answer is from.
type origin int

const (
	computed origin = iota
	cached          // the cache knew it
	shared          // another lane computed it for the very same capture meanwhile
)

// lookUp finds the answer without features or model: in the cache, or by waiting for a lane that computes it for the very
// same capture just now. Where neither knows, this lane computes, and others may wait for it.
func (l *lane) lookUp(ctx context.Context, j *job) error {
	j.origin = computed
	if !l.caches(j) {
		return nil
	}
	j.key = l.keyOf(j)
	if value, ok := l.cache.Get(ctx, j.key); ok && l.take(j, value) {
		j.origin = cached
		l.lookedUp(j, true)
		return nil
	}
	underWay, first := l.computations.join(j.key)
	if first {
		j.computation = underWay
	} else if l.take(j, underWay.wait(ctx)) {
		j.origin = shared
		l.observer.Shared()
		j.seat.arm.lookedUp(false)
		return nil
	}
	l.lookedUp(j, false)
	return nil
}

func (l *lane) lookedUp(j *job, hit bool) {
	l.observer.Cache(hit)
	j.seat.arm.lookedUp(hit)
}

// caches says whether the answer may come from elsewhere, and go there.
func (l *lane) caches(j *job) bool { return l.cache != nil && j.capture.Cache }

// keyOf is the key of all that the answer depends on: the model and its contract, which the keyer knows, the facts, and the
// samples as they came.
func (l *lane) keyOf(j *job) [32]byte {
	l.facts = features.AppendFacts(l.facts[:0], &j.capture, j.network, l.options.Budget)
	keyer := j.desk.keyer
	keyer.Add(l.facts)
	for i := range j.capture.Receivers {
		keyer.Add(j.capture.Receivers[i].IQ)
	}
	return keyer.Key()
}

// take makes a value the job's answer; it says whether the value is one.
func (l *lane) take(j *job, value []byte) bool {
	prediction, propagation, err := decodeAnswer(value)
	if err != nil {
		return false
	}
	j.prediction = prediction
	j.budget = l.options.Budget.For(j.network, j.capture.Frequency, 0)
	j.budget.Propagation = propagation
	return true
}

// remember tells the cache, and the lanes that wait, what was computed.
func (l *lane) remember(ctx context.Context, j *job) {
	if !l.caches(j) {
		return
	}
	value := encodeAnswer(&j.prediction, j.budget.Propagation)
	l.cache.Set(ctx, j.key, value)
	l.endComputation(j, value)
}

// endComputation lets those go on who wait for this lane; without a value each computes for itself.
func (l *lane) endComputation(j *job, value []byte) {
	if j.computation != nil {
		l.computations.end(j.key, j.computation, value)
		j.computation = nil
	}
}
