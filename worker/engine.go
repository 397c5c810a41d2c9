package worker

import (
	"context"
	"fmt"
	"log/slog"
	"sync"

	"foxhunt/contract"
	"foxhunt/features"
	"foxhunt/messages"
)

// engine is a loaded model at work: how to make its features and how to run it. It serves until its last job has ended.
type engine struct {
	predictor  Predictor
	identity   messages.Model
	contract   *contract.Contract
	text       []byte // the contract's JSON, which is among what a cache's key is made of
	extractors *extractors
	infer      func(context.Context, *request) error
	stop       func()   // ends what infer needs
	runners    []Runner // closed after stop

	users int // the set that serves, and jobs; under Worker.mu
}

// newEngine makes an engine for the lanes: captures of one shape share a run, and several goroutines run the model.
func (w *Worker) newEngine(p Predictor) (*engine, error) {
	e, err := newEngine(p, w.options.Runners, w.extractors, w.options.Log)
	if err != nil {
		return nil, err
	}
	size := w.options.BatchSize
	if most := p.MaxBatch(); most > 0 {
		size = min(size, most)
	}
	b := newBatcher(size, w.options.BatchDelay, w.runs, w.options.Observer, w.options.Log)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { b.run(ctx, e.runners) })
	e.infer = b.do
	e.stop = func() { cancel(); running.Wait() }
	return e, nil
}

// newEngine makes the runners, and tries whether the contract's features can be made.
func newEngine(p Predictor, runners int, pool *extractors, log *slog.Logger) (*engine, error) {
	e := &engine{predictor: p, identity: p.Identity(), contract: p.Contract(), extractors: pool, stop: func() {}}
	e.text = e.contract.JSON()
	if err := pool.try(e); err != nil {
		return nil, err
	}
	for range runners {
		runner, err := p.NewRunner()
		if err != nil {
			e.close(log)
			return nil, fmt.Errorf("a runner of the model: %w", err)
		}
		e.runners = append(e.runners, runner)
	}
	return e, nil
}

// close ends the engine's goroutines and frees its runners; no job may use it any more.
func (e *engine) close(log *slog.Logger) {
	e.stop()
	for _, runner := range e.runners {
		if err := runner.Close(); err != nil {
			log.Warn("a model's runner could not be freed", "model", e.identity.Name, "version", e.identity.Version, "error", err)
		}
	}
}

// extract computes the capture's features.
func (e *engine) extract(ctx context.Context, capture *messages.Capture, network string, out *features.Features) error {
	extractor, err := e.extractors.take(ctx, e)
	if err != nil {
		return err
	}
	defer e.extractors.give(e, extractor)
	return extractor.Extract(capture, network, out)
}
