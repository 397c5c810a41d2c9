package features

import (
	"errors"
	"fmt"

	"foxhunt/dsp"
	"foxhunt/geo"
	"foxhunt/messages"
)

// Codes of the refusals that come of a capture and a model together. Beside them a capture is refused with the codes of
// messages (bad_samples), dsp (no_overlap, too_short, bad_rate) and geo (no_centroid).
const (
	CodeTooFewReceivers  = "too_few_receivers"
	CodeTooManyReceivers = messages.CodeTooManyReceivers
	CodeTooShort         = "too_short"       // the time span that the receivers share
	CodeNoBaseline       = "no_baseline"     // receivers at one place
	CodeUnfit            = "unfit_for_model" // the model's parameters do not suit the sample rate, distances or clocks
)

func refuse(code, format string, args ...any) error {
	return &messages.Refusal{Code: code, Reason: fmt.Sprintf(format, args...)}
}

// refusal turns what the signals or the geometry refuse into a refusal of the capture.
func refusal(err error) error {
	var signal *dsp.Error
	var place *geo.Error
	switch {
	case errors.As(err, &signal) && signal.Code == "bad_config": // the contract is valid: it is this capture that does not suit
		return refuse(CodeUnfit, "the model cannot take this capture: %s", signal.Reason)
	case errors.As(err, &signal):
		return refuse(signal.Code, "%s", signal.Reason)
	case errors.As(err, &place):
		return refuse(place.Code, "%s", place.Reason)
	}
	return err
}
