package sim

import "fmt"

// Error is a refused scene: code bad_scene and a sentence that names the field.
type Error struct{ Code, Reason string }

func (e *Error) Error() string { return e.Code + ": " + e.Reason }

func refuse(format string, args ...any) *Error {
	return &Error{Code: "bad_scene", Reason: fmt.Sprintf(format, args...)}
}
