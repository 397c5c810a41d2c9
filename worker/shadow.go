package worker

import (
	"context"
	"runtime"
	"time"
)

// The shadow is a model whose fixes nobody relies on: it gets captures that have their fix, and must cost those that come next
// as little as can be. So it has one goroutine, which begins with a capture only where that leaves a processor idle, and then
// rests until it has had no more than its share of them; an extractor and a runner of its own, for which nobody waits; and a
// queue that drops what it has no room for. What goes wrong here is counted, and that is all, but for a computation that hangs:
// like a lane's it ends the process. Until then nobody waits for it.
//
// A thread of low priority would seem the better way and is not: one that holds a lock of the Go runtime, or is to stop for
// the garbage collector, while the system lets it wait, has all others wait for it, too.

// shadowShare of the processors is what the shadow has at most.
const shadowShare = 0.03

// newShadowEngine makes an engine for the shadow's goroutine alone.
func (w *Worker) newShadowEngine(p Predictor) (*engine, error) {
	e, err := newEngine(p, 1, newExtractors(1, w.options.Budget), w.options.Log)
	if err != nil {
		return nil, err
	}
	e.infer = func(_ context.Context, r *request) error {
		runBatch(e.runners[0], []*request{r}, w.options.Log)
		<-r.done
		return r.err
	}
	return e, nil
}

// startShadow has the shadow work until ctx ends. What it returns waits for the end, though not for long: a capture may be
// dear, and nobody needs its fix.
func (w *Worker) startShadow(ctx context.Context) (wait func()) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		w.shadow(ctx)
	}()
	return func() {
		select {
		case <-ended:
		case <-time.After(shadowPatience):
			w.options.Log.Warn("the shadow's capture in hand is left behind", "after", shadowPatience)
		}
	}
}

func (w *Worker) shadow(ctx context.Context) {
	l := w.newLane(1) // whose watch ends the process: a shadow that hangs would take a processor and never end
	l.observer = silent{l.observer}
	defer l.watch.Stop()
	for ctx.Err() == nil {
		select {
		case s := <-l.shadows.captures:
			if l.gate.pass(ctx) == nil {
				rest(ctx, l.follow(ctx, s))
			}
			l.shadows.release(s.size)
		case <-ctx.Done():
		}
	}
}

// rest waits as long after work as it takes for the work to be no more than the shadow's share of the processors.
func rest(ctx context.Context, worked time.Duration) {
	share := min(1, shadowShare*float64(runtime.GOMAXPROCS(0)))
	select {
	case <-time.After(time.Duration(float64(worked) * (1/share - 1))):
	case <-ctx.Done():
	}
}

// follow has the shadow locate a capture, and publishes what it says. It tells how long the computing took, for which it has
// passed the gate; publishing may take long where the server is away, costs no processor, and nobody waits for it.
func (l *lane) follow(ctx context.Context, s shadowed) (worked time.Duration) {
	j := &l.job
	j.message, j.started, j.met = s.message, time.Now(), nil
	j.set = l.beginShadow()
	if j.set != nil {
		defer l.endShadow(j.set)
	}
	located, err := l.compute(ctx, s)
	worked = time.Since(j.started)
	l.gate.passed()
	if located {
		err = l.publishShadow(ctx, j)
	}
	if err != nil {
		l.options.Log.Debug("the shadow has no fix of a capture", "subject", s.message.Subject, "sequence", s.message.Sequence, "error", err)
	}
	return worked
}

// compute has the shadow locate a capture, if it is to.
func (l *lane) compute(ctx context.Context, s shadowed) (located bool, err error) {
	j := &l.job
	if j.set == nil || !j.set.shadows(s.session, s.captureID, s.stored) {
		return false, nil // no longer
	}
	clear(j.took)
	l.watch.Reset(l.options.TooLong)
	defer l.watch.Stop() // the server may be away for long
	if s.event != nil {
		s.event.lay(j)
	} else if l.runStage(ctx, l.first, j) != nil {
		return false, nil // it was in order when the champion had it
	}
	err = l.locateIn(ctx, j, j.set.shadow)
	return err == nil, err
}

// shadowPublishTime bounds what a shadow's fix may take to be safe: one that the server refuses would be tried for ever.
const shadowPublishTime = 3 * time.Second

func (l *lane) publishShadow(ctx context.Context, j *job) error {
	bounded, cancel := context.WithTimeout(ctx, shadowPublishTime)
	defer cancel()
	err := l.runStage(bounded, l.last, j)
	switch {
	case err == nil:
		j.seat.arm.fixed(time.Since(j.started))
	case ctx.Err() == nil:
		j.seat.arm.failed(codeOf(err))
	}
	return err
}

// shadows says whether the shadow is to have a capture.
func (s *set) shadows(session, captureID string, stored time.Time) bool {
	return s.shadow != nil && s.Shadowed != nil && s.Shadowed(session, captureID, stored)
}

// forShadow copies a capture for the shadow, before its delivery ends: nil where it is not to have it, or has no room.
func (l *lane) forShadow(j *job) *shadowed {
	if j.suspect || !j.set.shadows(j.capture.Session, j.capture.ID, j.storedTime()) {
		return nil
	}
	s := l.shadows.copyOf(j)
	if s == nil {
		l.observer.ShadowDropped()
	}
	return s
}

// silent is an observer that is told nothing but what is told of each arm: the rest counts what stations wait for.
type silent struct{ Observer }

func (silent) Stage(string, time.Duration) {}
func (silent) Cache(bool)                  {}
func (silent) Shared()                     {}
func (silent) Repeated()                   {}
