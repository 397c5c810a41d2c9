package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"foxhunt/contract"
	"foxhunt/features"
	"foxhunt/messages"
)

var errPanicked = errors.New("a stage panicked")

// panicked turns a recovered panic into an error, and keeps its stack in the log, where it says what to mend.
func panicked(p any, log *slog.Logger) error {
	log.Error("a capture made the worker panic", "panic", p, "stack", string(debug.Stack()))
	return fmt.Errorf("%w: %v", errPanicked, p)
}

// lane works on one capture at a time and keeps its buffers from one to the next.
type lane struct {
	*Worker
	attempts int   // deliveries after which a failing capture is buried
	keyer    Keyer // nil without a cache
	facts    []byte
	stages   []stage
	watch    *time.Timer // runs while a capture is computed
	job      job
}

// stage is one step on a capture's way; an error ends the way and is decided upon.
type stage struct {
	name string
	run  func(context.Context, *job) error
}

// job is one capture on its way through the stages.
type job struct {
	delivery Delivery
	message  Message
	started  time.Time
	capture  messages.Capture
	network  string
	source   string
	took     map[string]time.Duration

	key         [32]byte
	computation *computation // that other lanes may wait for; nil: none
	features    features.Features
	request     request

	// The answer.
	origin     origin
	prediction contract.Prediction
	budget     features.AppliedBudget
	fix        messages.Fix
	body       []byte
}

func (w *Worker) newLane(attempts int) *lane {
	l := &lane{Worker: w, attempts: attempts}
	if w.cache != nil {
		l.keyer = w.cache.NewKeyer(w.identity.Digest, w.contract.JSON())
	}
	l.watch = time.AfterFunc(time.Hour, func() { l.options.Stuck(l.job.message.Subject, l.job.message.Sequence) })
	l.watch.Stop()
	l.job.request.done = make(chan struct{}, 1)
	l.job.took = make(map[string]time.Duration)
	l.stages = []stage{
		{"decode", l.decode},
		{"cache", l.lookUp},
		{"preprocess", l.preprocess},
		{"model", l.predict},
		{"ellipse", l.ellipse},
		{"publish", l.publish},
	}
	return l
}

// serve takes captures, and works on them under the context working, until the source has no more; the error says why.
func (l *lane) serve(working context.Context, source Source) error {
	for working.Err() == nil {
		delivery, err := source.Next(working)
		if err != nil {
			return err
		}
		l.options.Observer.InFlight(1)
		l.inHand.add(delivery)
		l.handle(working, delivery)
		l.inHand.remove(delivery)
		l.options.Observer.InFlight(-1)
		source.Observe(time.Since(l.job.started))
	}
	return working.Err()
}

func (l *lane) handle(ctx context.Context, delivery Delivery) {
	j := &l.job
	j.delivery, j.message, j.started = delivery, delivery.Message(), time.Now()
	err := l.runGuarded(ctx, j)
	j.message.NumDelivered = delivery.Message().NumDelivered // it may have been delivered again in the meantime
	l.settle(ctx, j, decide(err, j.message.NumDelivered, l.attempts))
	j.delivery, j.message = nil, Message{}
}

// runStages passes the job through every stage. A panic becomes the job's error: one capture must not take the
// worker down with it.
func (l *lane) runStages(ctx context.Context, j *job) (err error) {
	clear(j.took)
	l.watch.Reset(l.options.TooLong)
	defer l.watch.Stop()
	defer l.endComputation(j, nil) // where a stage failed
	for _, stage := range l.stages {
		if stage.name == "publish" {
			l.watch.Stop() // the server may be away for long
		}
		start := time.Now()
		if err := l.runStage(ctx, stage, j); err != nil {
			return err
		}
		j.took[stage.name] = time.Since(start)
		l.options.Observer.Stage(stage.name, j.took[stage.name])
	}
	return nil
}

func (l *lane) runStage(ctx context.Context, stage stage, j *job) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &stageError{stage.name, panicked(p, l.options.Log)}
		}
	}()
	err = stage.run(ctx, j)
	var refusal *messages.Refusal
	if err != nil && !errors.As(err, &refusal) {
		err = &stageError{stage.name, err}
	}
	return err
}
