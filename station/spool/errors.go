package spool

import (
	"errors"
	"fmt"
)

// Codes of the errors this package returns. They do not change.
const (
	CodeBadOption = "bad_option"   // an option makes no sense
	CodeFolder    = "spool_folder" // the folder cannot be made or read
	CodeLocked    = "spool_locked" // another process uses the folder
	CodeWrite     = "spool_write"  // a capture could not be written; the disk is full, say. Later ones may be
	CodeClosed    = "spool_closed" // Put after Close
	CodeDamaged   = "damaged"      // a file is not what was written
)

// Error is an error with a stable code and a sentence that helps.
type Error struct {
	Code, Reason string
	Cause        error // may be nil
}

func (e *Error) Error() string { return e.Code + ": " + e.Reason }
func (e *Error) Unwrap() error { return e.Cause }

func fail(code string, cause error, format string, args ...any) *Error {
	return &Error{Code: code, Reason: fmt.Sprintf(format, args...), Cause: cause}
}

// errNever and errSlowly mark what send says of a single capture, errBarred what it says of all.
var (
	errNever  = errors.New("no later attempt can succeed")
	errSlowly = errors.New("nothing that passes by itself")
	errBarred = errors.New("nothing is taken of this station")
)

// Never is what send returns for a capture that nobody will ever take, being too large say: it is set aside at once.
func Never(err error) error { return errors.Join(errNever, err) }

// Slowly is what send returns where somebody must change something first: the capture is tried again now and then, after others.
func Slowly(err error) error { return errors.Join(errSlowly, err) }

// Barred is what send returns where somebody must change something first before any capture of this station is taken, such as a
// permission: as Slowly, and Drain does not wait for it.
func Barred(err error) error { return errors.Join(errBarred, err) }
