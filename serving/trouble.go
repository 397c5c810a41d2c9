package serving

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"foxhunt/model"
	"foxhunt/model/registry"
	"foxhunt/rollout"
)

// Trouble is why something that is wanted is not so.
type Trouble struct {
	Code    string    `json:"code"`
	Reason  string    `json:"reason"`
	Passing bool      `json:"passing"` // it is tried again soon; else when its source is looked at again, the plan or the model changes, or on a reload
	Since   time.Time `json:"since"`
}

// troubleOf reads an error. What nobody has judged may pass: a full disk, say.
func troubleOf(err error, now time.Time) *Trouble {
	t := &Trouble{Code: "failed", Reason: err.Error(), Passing: true, Since: now}
	var (
		ours      *Error
		bad       *model.Error
		found     *registry.Error
		planned   *rollout.Error
		judgement interface{ Passing() bool }
	)
	if errors.As(err, &judgement) {
		t.Passing = judgement.Passing()
	}
	switch {
	case errors.As(err, &ours):
		t.Code, t.Reason, t.Passing = ours.Code, ours.Reason, false
	case errors.As(err, &bad):
		t.Code, t.Reason, t.Passing = bad.Code, bad.Reason, false
	case errors.As(err, &found):
		t.Code, t.Reason = found.Code, found.Reason
	case errors.As(err, &planned):
		t.Code, t.Reason = planned.Code, planned.Reason
	case errors.Is(err, context.DeadlineExceeded):
		t.Code = "timeout"
	}
	return t
}

// isSources reports whether an error is a source's that did not give a model, and tells nothing of the model.
func isSources(err error) bool {
	var found *registry.Error
	if !errors.As(err, &found) {
		return false
	}
	switch found.Code {
	case registry.NoSource, registry.NoModel, registry.Unauthorized, registry.Refused, registry.BadAnswer, registry.BadLocation, registry.Unreadable:
		return true
	}
	return false
}

// Pauses before what failed is tried again: they double from the first to the last.
const (
	firstPause = 500 * time.Millisecond
	lastPause  = 15 * time.Second
)

// pause is how long to wait after so many failures in a row, with jitter, so that a fleet does not ask all at once.
func pause(failures int) time.Duration {
	d := lastPause
	if failures < 8 {
		d = min(d, firstPause<<failures)
	}
	return jitter(d)
}

// jitter takes up to a fifth off or puts it on.
func jitter(d time.Duration) time.Duration {
	return d - d/5 + rand.N(2*d/5+1)
}
