package dsp

import "fmt"

// Error is a refusal: a stable code for programs and a sentence for people.
//
// The codes: bad_size (a transform's or buffer's length), bad_config (an option out of range), bad_shape
// (inputs that do not fit each other), bad_samples (NaN or an infinity), too_short (not enough samples),
// no_overlap (receivers that share no time span), bad_rate (a sample rate that cannot be used).
type Error struct {
	Code   string
	Reason string
}

// Error returns "code: reason".
func (e *Error) Error() string { return e.Code + ": " + e.Reason }

func refuse(code, format string, args ...any) *Error {
	return &Error{Code: code, Reason: fmt.Sprintf(format, args...)}
}
