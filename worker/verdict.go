package worker

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"foxhunt/messages"
)

// action is what becomes of a capture after its stages.
type action int

const (
	acknowledge action = iota // its fix is published
	bury                      // it can never be processed: dead letter, then Term
	retry                     // something passing failed: hand it back
	wait                      // others of its event are to come: hand it back
	done                      // there is nothing to do: acknowledge it
)

// verdict is the decision about one capture.
type verdict struct {
	action action
	code   string
	reason string
	delay  time.Duration
}

// Retry delays double from the first to the largest.
const (
	firstRetry   = 5 * time.Second
	largestRetry = time.Minute
)

// panicAttempts is how many deliveries a capture that makes the worker panic is given: the same bytes hardly ever fare
// better, and each attempt may harm what shares the process.
const panicAttempts = 3

// decide is the one place where the kind of error chooses what becomes of a capture. A refusal says that the capture
// itself is at fault, so no retry can help; anything else is taken as passing, until the capture has been delivered so
// many times, some minutes after the first. Deliveries are what the stream counts: among them are those to workers that
// stopped or died, which is why there are more of them than failures would need. A panic is given fewer.
func decide(err error, delivered, attempts int) verdict {
	var refusal *messages.Refusal
	var waits *waits
	switch {
	case err == nil:
		return verdict{action: acknowledge}
	case errors.As(err, &waits):
		return verdict{action: wait, delay: waits.delay}
	case errors.Is(err, settled{}):
		return verdict{action: done}
	case errors.As(err, &refusal):
		return verdict{action: bury, code: refusal.Code, reason: refusal.Reason}
	case errors.Is(err, context.Canceled): // the worker is stopping: no fault of the capture's
		return verdict{action: retry, code: "stopping", reason: "the worker stopped before it was done", delay: 0}
	}
	code := transientCode(err)
	switch {
	case errors.Is(err, errPanicked) && delivered >= panicAttempts:
		return verdict{action: bury, code: code, reason: fmt.Sprintf("made the worker panic, at the latest of %d deliveries with: %v", delivered, err)}
	case delivered >= attempts:
		return verdict{action: bury, code: "gave_up", reason: fmt.Sprintf("delivered %d times, and failed at the last with %s: %v", delivered, code, err)}
	}
	return verdict{action: retry, code: code, reason: err.Error(), delay: retryDelay(delivered)}
}

// retryDelay grows by two with each delivery, and is spread by a quarter either way so that captures that failed
// together do not come back together.
func retryDelay(delivered int) time.Duration {
	delay := firstRetry << min(max(delivered-1, 0), 16)
	delay = min(delay, largestRetry)
	return time.Duration(float64(delay) * (0.75 + 0.5*rand.Float64()))
}

// stageError carries the stage in which a passing failure happened; its code is for metrics and logs.
type stageError struct {
	stage string
	err   error
}

func (e *stageError) Error() string { return e.stage + ": " + e.err.Error() }
func (e *stageError) Unwrap() error { return e.err }

// codeOf is the code of any failure.
func codeOf(err error) string {
	var refusal *messages.Refusal
	if errors.As(err, &refusal) {
		return refusal.Code
	}
	return transientCode(err)
}

func transientCode(err error) string {
	var stage *stageError
	switch {
	case errors.Is(err, errPanicked):
		return "panic"
	case errors.Is(err, context.DeadlineExceeded):
		return "deadline"
	case errors.As(err, &stage):
		return stage.stage + "_failed"
	default:
		return "failed"
	}
}
