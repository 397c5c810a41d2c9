package worker

import (
	"context"
	"slices"
	"sync"

	"foxhunt/features"
)

// extractors are lent to one capture a processor at a time, whatever the model: preprocessing, and the memory that it takes,
// are bounded by the processors and not by the lanes or the models. Models of one contract share them.
type extractors struct {
	budget features.Budget
	turns  chan struct{} // one a processor

	mu   sync.Mutex
	idle []idleExtractor // the one used last comes last
}

type idleExtractor struct {
	contract  string
	extractor *features.Extractor
}

// spareExtractors are kept beside one a processor, so that two models of different contracts that take turns need not make
// new ones all the time.
const spareExtractors = 1

func newExtractors(processors int, budget features.Budget) *extractors {
	return &extractors{budget: budget, turns: make(chan struct{}, processors)}
}

// try makes an extractor for the engine's contract, so that a model whose features cannot be made is refused.
func (x *extractors) try(e *engine) error {
	extractor, err := features.New(e.contract, x.budget)
	if err != nil {
		return err
	}
	x.keep(e, extractor)
	return nil
}

// take waits for a turn and gives an extractor for the engine's contract. Give it back.
func (x *extractors) take(ctx context.Context, e *engine) (*features.Extractor, error) {
	select {
	case x.turns <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if extractor := x.find(e); extractor != nil {
		return extractor, nil
	}
	extractor, err := features.New(e.contract, x.budget)
	if err != nil {
		<-x.turns
	}
	return extractor, err
}

func (x *extractors) find(e *engine) *features.Extractor {
	x.mu.Lock()
	defer x.mu.Unlock()
	for i := len(x.idle) - 1; i >= 0; i-- {
		if x.idle[i].contract == string(e.text) {
			extractor := x.idle[i].extractor
			x.idle = slices.Delete(x.idle, i, i+1)
			return extractor
		}
	}
	return nil
}

func (x *extractors) give(e *engine, extractor *features.Extractor) {
	x.keep(e, extractor)
	<-x.turns
}

// keep makes room by dropping what was not used for longest.
func (x *extractors) keep(e *engine, extractor *features.Extractor) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.idle) >= cap(x.turns)+spareExtractors {
		x.idle = slices.Delete(x.idle, 0, 1)
	}
	x.idle = append(x.idle, idleExtractor{contract: string(e.text), extractor: extractor})
}
