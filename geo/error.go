package geo

import "fmt"

// Error is a refusal: a stable code for programs and a sentence for people.
//
// Codes: bad_position, no_centroid, beyond_horizon, bad_covariance,
// degenerate_covariance, bad_confidence, ellipse_too_large, bad_vertices.
type Error struct{ Code, Reason string }

func (e *Error) Error() string { return e.Code + ": " + e.Reason }

func refuse(code, format string, args ...any) *Error {
	return &Error{Code: code, Reason: fmt.Sprintf(format, args...)}
}
