package worker

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"foxhunt/messages"
)

// Serving says which models serve. A Predictor that was served before, and is equal to it, goes on where it was: Predictors
// must be comparable.
type Serving struct {
	Champion   Predictor // serves all that no other does
	Challenger Predictor // nil: none
	Shadow     Predictor // nil: none

	// Challenged and Shadowed choose the captures of the challenger, and those that the shadow gets, too; nil chooses none.
	// stored is when the stream stored the capture, so that a capture delivered again is chosen alike.
	Challenged, Shadowed func(session, captureID string, stored time.Time) bool

	// Experiment names, in the fixes, the split among whose captures Challenged chooses: 1 to 64 of A-Z a-z 0-9 _ -, or "" for
	// captures of none; nil: of none. It goes by the time that Challenged goes by, so that each fix of an experiment is of one of
	// its arms, and none is missing.
	Experiment func(stored time.Time) string
}

// Validate refuses what cannot be served.
func (s *Serving) Validate() error {
	if s.Champion == nil {
		return errors.New("there is no champion")
	}
	return nil
}

// set is what is served at a time. A job takes one when its work begins and keeps it to its end.
type set struct {
	Serving
	champion, challenger, shadow *seat // the last two may be nil
}

// seat is a model in an arm.
type seat struct {
	*engine
	arm *arm
}

// experiment is that of a capture.
func (s *set) experiment(stored time.Time) string {
	if s.Experiment == nil {
		return ""
	}
	return s.Experiment(stored)
}

// seats are those that are taken.
func (s *set) seats() []*seat {
	return slices.DeleteFunc([]*seat{s.champion, s.challenger, s.shadow}, func(s *seat) bool { return s == nil })
}

// Serve has the worker serve these models from the next capture on. It may be called before Run and at any time while it
// runs: what is in hand is finished with the models it began with, and then the runners of those that do not stay are closed.
// After an error all goes on as before.
func (w *Worker) Serve(s Serving) error {
	if err := s.Validate(); err != nil {
		return fmt.Errorf("worker: %w", err)
	}
	w.serving.Lock()
	defer w.serving.Unlock()
	if w.closed {
		return errors.New("worker: it is closed")
	}
	next, err := w.newSet(s)
	if err != nil {
		return fmt.Errorf("worker: %w", err)
	}
	w.change(next)
	return nil
}

// newSet makes what is new in s, and takes over from the set that serves what is in it already.
func (w *Worker) newSet(s Serving) (*set, error) {
	next := &set{Serving: s}
	for _, want := range []struct {
		to        **seat
		arm       string
		predictor Predictor
	}{
		{&next.champion, messages.ArmChampion, s.Champion},
		{&next.challenger, messages.ArmChallenger, s.Challenger},
		{&next.shadow, messages.ArmShadow, s.Shadow},
	} {
		if want.predictor == nil {
			continue
		}
		var err error
		if *want.to, err = w.newSeat(want.arm, want.predictor); err != nil {
			w.discard(next)
			return nil, fmt.Errorf("the %s: %w", want.arm, err)
		}
	}
	return next, nil
}

// newSeat takes the predictor's seat from the set that serves, with its figures, if it stays in its arm, or else its engine, if
// it is there.
func (w *Worker) newSeat(name string, p Predictor) (*seat, error) {
	if old := w.seatOf(p, func(arm string) bool { return arm == name }); old != nil {
		return old, nil
	}
	apart := name == messages.ArmShadow // whose engines are made otherwise
	if old := w.seatOf(p, func(arm string) bool { return !apart && arm != messages.ArmShadow }); old != nil {
		return &seat{engine: old.engine, arm: newArm(name, old.identity, w.options.Observer)}, nil
	}
	make := w.newEngine
	if apart {
		make = w.newShadowEngine
	}
	e, err := make(p)
	if err != nil {
		return nil, err
	}
	return &seat{engine: e, arm: newArm(name, e.identity, w.options.Observer)}, nil
}

// seatOf is a predictor's seat in the set that serves, in an arm that will do; nil: there is none.
func (w *Worker) seatOf(p Predictor, fits func(arm string) bool) *seat {
	if w.now == nil { // which only Serve and Close change
		return nil
	}
	for _, s := range w.now.seats() {
		if s.predictor == p && fits(s.arm.name) {
			return s
		}
	}
	return nil
}

// discard closes what was made for a set that is not to be.
func (w *Worker) discard(s *set) {
	for _, seat := range s.seats() {
		w.mu.Lock()
		made := seat.users == 0
		w.mu.Unlock()
		if made {
			seat.close(w.options.Log)
		}
	}
}

// Arms tells what the models that serve did so far, the champion first.
func (w *Worker) Arms() (all []ArmStats) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.now == nil {
		return nil
	}
	for _, seat := range w.now.seats() {
		all = append(all, seat.arm.read())
	}
	return all
}
