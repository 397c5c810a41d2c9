package rollout

import (
	"errors"
	"fmt"
)

// Codes of the errors this package returns. They do not change.
const (
	CodeBadPlan         = "bad_plan"         // the entry holds no plan
	CodeNewerPlan       = "newer_plan"       // a later foxhunt wrote it
	CodeTooLarge        = "too_large"        // more bytes than a plan may have
	CodeBadModel        = "bad_model"        // a model's reference or digest cannot be one
	CodeBadShare        = "bad_share"        // a share out of bounds
	CodeBadTime         = "bad_time"         // a time or a span that makes no sense
	CodeBadErrorRate    = "bad_error_rate"   // an error rate out of bounds
	CodeBadText         = "bad_text"         // an id, a name or a note that is missing, too long, or not printable
	CodeNoChampion      = "no_champion"      // nothing was promoted yet
	CodeAlreadyChampion = "already_champion" // the model is champion already
	CodeNoPrevious      = "no_previous"      // there is no other model to go back to
	CodeSplitRunning    = "split_running"    // another experiment has not ended
	CodeNoSplit         = "no_split"         // none runs
	CodeNoShadow        = "no_shadow"        // none runs
	CodeBusy            = "busy"             // others changed the plan at every attempt
	CodeDeleted         = "deleted"          // the entry was deleted
	CodeUnreadable      = "unreadable"       // the file cannot be read or written
)

// ErrConflict is returned by [Entry.Put] when the entry is not, or no longer, at the revision given.
var ErrConflict = errors.New("the entry has changed meanwhile")

// Error is an error with a stable code and a sentence that helps.
type Error struct {
	Code, Reason string
	Cause        error // may be nil
}

func (e *Error) Error() string { return e.Code + ": " + e.Reason }
func (e *Error) Unwrap() error { return e.Cause }

// Passing reports whether the same call may succeed later without anyone changing anything.
func (e *Error) Passing() bool { return e.Code == CodeBusy }

func fail(code string, format string, args ...any) error {
	return &Error{Code: code, Reason: fmt.Sprintf(format, args...)}
}
