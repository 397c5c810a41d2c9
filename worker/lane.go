package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
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
	observer   Observer
	attempts   int // deliveries after which a failing capture is buried
	desks      []*desk
	facts      []byte
	neighbours neighbours
	first      stage
	second     stage
	stages     []stage // of a model, from the capture to the fix
	last       stage
	watch      *time.Timer // runs while a capture is computed
	job        job
}

// desk is what a lane keeps for an engine.
type desk struct {
	engine   *engine
	keyer    Keyer // nil without a cache
	features features.Features
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
	trace    Trace // nil: nobody follows it
	capture  messages.Capture
	network  string
	source   string
	station  string // the source of the capture in hand, where source is that of an event
	subject  string // that the fix's subject follows
	met      *met   // nil: the capture is located alone
	ended    *endedEvent
	truth    *messages.Position // taken out of the capture, so that no model sees it
	suspect  bool               // work on it was begun before and never ended
	took     map[string]time.Duration

	// What answers it.
	set      *set
	seat     *seat
	desk     *desk // the lane's, of the seat's engine
	fallback *messages.Fallback

	key         [32]byte
	computation *computation // that other lanes may wait for; nil: none
	request     request

	// The answer.
	origin     origin
	prediction contract.Prediction
	budget     features.AppliedBudget
	fix        messages.Fix
	body       []byte
}

func (w *Worker) newLane(attempts int) *lane {
	l := &lane{Worker: w, observer: w.options.Observer, attempts: attempts}
	l.watch = time.AfterFunc(time.Hour, func() { l.options.Stuck(l.job.message.Subject, l.job.message.Sequence) })
	l.watch.Stop()
	l.neighbours.worker = w
	l.job.request.done = make(chan struct{}, 1)
	l.job.took = make(map[string]time.Duration)
	l.first, l.second, l.last = stage{"decode", l.decode}, stage{"meet", l.meet}, stage{"publish", l.publish}
	l.stages = []stage{
		{"cache", l.lookUp},
		{"preprocess", l.preprocess},
		{"model", l.predict},
		{"ellipse", l.ellipse},
	}
	return l
}

// sit gives the job to the model that has the seat.
func (l *lane) sit(j *job, s *seat) {
	j.seat, j.desk = s, nil
	for _, desk := range l.desks {
		if desk.engine == s.engine {
			j.desk = desk
		}
	}
	if j.desk == nil {
		j.desk = l.newDesk(j.set, s.engine)
	}
	s.arm.asked()
}

// newDesk clears those away whose engines the set does not have.
func (l *lane) newDesk(now *set, e *engine) *desk {
	l.desks = slices.DeleteFunc(l.desks, func(d *desk) bool {
		return !slices.ContainsFunc(now.seats(), func(s *seat) bool { return s.engine == d.engine })
	})
	d := &desk{engine: e}
	if l.cache != nil {
		d.keyer = l.cache.NewKeyer(e.identity.Digest, e.text)
	}
	l.desks = append(l.desks, d)
	return d
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
		l.observeNumber(delivery.Message())
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
	ctx = l.begun(ctx, j)
	err := l.runGuarded(ctx, j)
	j.message.NumDelivered = delivery.Message().NumDelivered // it may have been delivered again in the meantime
	v := decide(err, j.tries(), l.attempts)
	l.settle(ctx, j, v)
	j.endTrace(v)
	l.leave(j)
	j.delivery, j.message, j.set, j.seat, j.desk, j.ended = nil, Message{}, nil, nil, nil, nil
}

// runStages passes the job through every stage. A panic becomes the job's error: one capture must not take the
// worker down with it.
func (l *lane) runStages(ctx context.Context, j *job) error {
	clear(j.took)
	l.watch.Reset(l.options.TooLong)
	defer l.watch.Stop()
	if err := l.runStage(ctx, l.first, j); err != nil {
		return err
	}
	j.set = l.begin()
	defer l.end(j.set)
	if l.meets(j) {
		l.watch.Stop() // this waits for the server, and maybe for other lanes, and computes nothing
		if err := l.runStage(ctx, l.second, j); err != nil {
			return err
		}
		l.watch.Reset(l.options.TooLong)
	}
	l.gate.enter()
	err := l.locateBy(ctx, j)
	l.gate.leave()
	if err != nil {
		return err
	}
	l.watch.Stop() // the server may be away for long
	return l.runStage(ctx, l.last, j)
}

// runStage measures the stage, but for one that fails.
func (l *lane) runStage(ctx context.Context, stage stage, j *job) error {
	start := time.Now()
	if err := guarded(ctx, stage, j, l.options.Log); err != nil {
		return err
	}
	j.took[stage.name] = time.Since(start)
	if j.trace != nil {
		j.trace.Stage(stage.name, start, j.took[stage.name])
	}
	l.observer.Stage(stage.name, j.took[stage.name])
	return nil
}

func guarded(ctx context.Context, stage stage, j *job, log *slog.Logger) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &stageError{stage.name, panicked(p, log)}
		}
	}()
	if err = stage.run(ctx, j); err == nil {
		return nil
	}
	var refusal *messages.Refusal
	if !errors.As(err, &refusal) {
		err = &stageError{stage.name, err}
	}
	return err
}
