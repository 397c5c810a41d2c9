package worker

import (
	"context"
	"errors"

	"foxhunt/messages"
)

// Codes of fallbacks that are no failures of a model's.
const (
	CodeNotLoaded = "challenger_not_loaded" // the worker does not have the challenger (yet)
	CodeSuspect   = "suspect"               // the capture was delivered before, and may have killed the worker that had it
)

// locateBy has the model whose turn it is locate the capture. Where the challenger fails the champion answers: an experiment
// costs no capture its fix. Where both fail it is the capture's fault, and the champion's word counts.
func (l *lane) locateBy(ctx context.Context, j *job) error {
	j.fallback = nil
	if !j.set.challenges(j) {
		return l.locateIn(ctx, j, j.set.champion)
	}
	challenger := j.set.challenger
	switch {
	case challenger == nil:
		j.fallback = &messages.Fallback{Code: CodeNotLoaded, Sentence: "this worker has not loaded the challenger"}
	case j.suspect || j.met == nil && j.message.NumDelivered > 1: // of the first delivery there is no note, so any may have ended badly
		j.fallback = fallbackOf(challenger, &messages.Refusal{Code: CodeSuspect, Reason: "the capture was delivered before, and it is not known why it had no end"})
	default:
		err := l.locateIn(ctx, j, challenger)
		if err == nil {
			l.options.Challenged(false, "")
			return nil
		}
		if ctx.Err() != nil { // the worker is stopping
			return err
		}
		j.fallback = fallbackOf(challenger, err)
	}
	if err := l.locateIn(ctx, j, j.set.champion); err != nil {
		return err
	}
	l.fellBack(j, challenger)
	return nil
}

func (s *set) challenges(j *job) bool {
	return s.Challenged != nil && s.Challenged(j.capture.Session, j.capture.ID, j.storedTime())
}

func fallbackOf(s *seat, err error) *messages.Fallback {
	reason := err.Error()
	var refusal *messages.Refusal
	if errors.As(err, &refusal) {
		reason = refusal.Reason
	}
	return &messages.Fallback{Model: s.identity, Code: codeOf(err), Sentence: messages.Sentence(reason)}
}

// fellBack counts a fallback, once it is known that it was not for the capture's own fault. It is the challenger's failure if
// that was asked: captures come again for many reasons, the least often by its fault.
func (l *lane) fellBack(j *job, challenger *seat) {
	l.observer.FellBack(j.fallback.Code)
	if challenger == nil || j.fallback.Code == CodeSuspect {
		return
	}
	challenger.arm.failed(j.fallback.Code)
	l.options.Challenged(true, j.fallback.Code)
	l.options.Log.Warn("the challenger could not locate a capture; the champion did",
		"subject", j.message.Subject, "sequence", j.message.Sequence, "code", j.fallback.Code, "reason", j.fallback.Sentence)
}

// locateIn passes the job through the stages of the model that has the seat. What fails at the challenger is counted once
// the champion has been asked.
func (l *lane) locateIn(ctx context.Context, j *job, s *seat) error {
	l.sit(j, s)
	defer l.endComputation(j, nil) // where a stage failed
	for _, stage := range l.stages {
		if err := l.runStage(ctx, stage, j); err != nil {
			if s != j.set.challenger && ctx.Err() == nil {
				s.arm.failed(codeOf(err))
			}
			return err
		}
	}
	return nil
}
