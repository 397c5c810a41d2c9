package registry

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// Error says why a model cannot be had. Code is stable, Reason a sentence: one line of printable characters that holds
// no password or token.
type Error struct {
	Code, Reason string

	cause error
}

func (e *Error) Error() string { return e.Code + ": " + e.Reason }

// Unwrap is the error underneath, or nil.
func (e *Error) Unwrap() error { return e.cause }

// The codes of an [Error].
const (
	BadRef          = "bad_ref"           // the reference is none
	BadOptions      = "bad_options"       // a source was given options that cannot work
	NoSource        = "no_source"         // nothing is set up that such a reference could be asked of
	NoModel         = "no_model"          // the source has no such model, version, alias or stage
	NoONNX          = "no_onnx"           // what the source has holds no ONNX model, or several
	BadModel        = "bad_model"         // not an ONNX file, or a torn one
	BadExternalData = "bad_external_data" // weights in other files, and not as they may be
	TooLarge        = "too_large"         // more bytes or files than are taken
	DigestMismatch  = "digest_mismatch"   // the model is not the one that was stated or pinned
	Unauthorized    = "unauthorized"      // the server wants other credentials
	Refused         = "refused"           // the server refuses for another reason
	BadAnswer       = "bad_answer"        // the server's answer is not what its interface promises
	BadLocation     = "bad_location"      // the model lies where it cannot be fetched from
	Unreadable      = "unreadable"        // a file cannot be read
	Away            = "away"              // passing: the source does not answer, or not in time
	Unsettled       = "unsettled"         // passing: the model is being written at this moment
	StoreFailed     = "store_failed"      // passing: the store's directory cannot be written, the disk is full
)

// Passing says that the same may succeed later without anyone changing the model or the reference.
func (e *Error) Passing() bool {
	return slices.Contains([]string{Away, Unsettled, StoreFailed}, e.Code)
}

func fail(code, format string, args ...any) *Error {
	return &Error{Code: code, Reason: fmt.Sprintf(format, args...)}
}

// because is fail with the error underneath, whose text is added.
func because(code string, cause error, format string, args ...any) *Error {
	return &Error{code, fmt.Sprintf(format, args...) + ": " + oneLine(cause.Error(), maxReason), cause}
}

// typed gives err as an *Error: as it is, else with this code. A context that ended is passing in any case.
func typed(code string, err error, format string, args ...any) error {
	var known *Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known):
		return known
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		code = Away
	}
	return because(code, err, format, args...)
}

// maxReason bounds, in bytes, what an error tells of a text from outside.
const maxReason = 300

// oneLine makes a text from outside fit for terminals and logs: printable, on one line, and of bounded length.
func oneLine(text string, limit int) string {
	cut := len(text) > limit
	if cut {
		text = text[:limit]
	}
	text = strings.Map(func(r rune) rune {
		if r == unicode.ReplacementChar || !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, ""))
	if text = strings.TrimSpace(text); cut {
		text += "…"
	}
	return text
}
