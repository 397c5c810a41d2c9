package model

import (
	"errors"
	"fmt"
)

// Error says which rule a model, its runtime or an input breaks. Code is stable, Reason a sentence.
type Error struct {
	Code, Reason string

	cause error
}

func (e *Error) Error() string { return e.Code + ": " + e.Reason }

// Unwrap is the error underneath, or nil.
func (e *Error) Unwrap() error { return e.cause }

// The codes of an [Error].
const (
	NoRuntime      = "no_runtime"      // the ONNX Runtime library is missing
	BadRuntime     = "bad_runtime"     // the library does not load, or is too old
	AlreadyStarted = "already_started" // a process has one runtime, and it is started
	InUse          = "in_use"          // the runtime still has models
	NoProvider     = "no_provider"     // the library cannot run on the provider that was asked for
	BadOptions     = "bad_options"     // the options are not ones that a session can have
	Closed         = "closed"          // the model or the runner was closed
	Unreadable     = "unreadable"      // the model's file cannot be read
	TooLarge       = "too_large"       // the model is larger than MaxModelBytes, or has more parts than any model needs
	BadModel       = "bad_model"       // not an ONNX model, or one that ONNX Runtime refuses
	ExternalData   = "external_data"   // the model keeps weights in other files
	CustomOperator = "custom_operator" // the model needs a library of operators that ONNX Runtime does not bring
	NoContract     = "no_contract"     // no contract, and not the plain one either
	BadContract    = "bad_contract"    // the contract is not valid
	MissingInput   = "missing_input"   // the contract names an input that the model lacks
	UnfedInput     = "unfed_input"     // the model takes an input that the contract does not name
	MissingOutput  = "missing_output"  // the contract names an output that the model lacks
	BadShape       = "bad_shape"       // an input or output has not the shape that the contract implies
	BadType        = "bad_type"        // an input or output is not a float32 tensor
	BadInput       = "bad_input"       // a run was given tensors that are not the contract's
	RunFailed      = "run_failed"      // ONNX Runtime reports an error from a run
	BadOutput      = "bad_output"      // a prediction is not finite, or its covariance not positive definite
)

// What is wrong with a prediction of code bad_output; errors.Is finds it.
var (
	ErrNotFinite    = errors.New("not finite")
	ErrOffGlobe     = errors.New("off the globe")
	ErrNoCovariance = errors.New("not positive definite")
	ErrConfidence   = errors.New("not a confidence")
)

func badOutput(cause error, format string, args ...any) *Error {
	return &Error{BadOutput, fmt.Sprintf(format, args...), cause}
}

func refuse(code, format string, args ...any) *Error {
	return &Error{Code: code, Reason: fmt.Sprintf(format, args...)}
}
