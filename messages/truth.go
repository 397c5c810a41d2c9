package messages

import (
	"encoding/json"
	"math"
)

// Truth says where a simulated emitter was. It travels as JSON on TruthSubject, apart from
// the capture, so that what locates cannot see it.
type Truth struct {
	CaptureID string  `json:"capture_id"`
	Emitter   string  `json:"emitter"`
	Latitude  float64 `json:"latitude"`  // degrees
	Longitude float64 `json:"longitude"` // degrees
	Time      Instant `json:"time"`      // of the capture's earliest sample
}

// Encode writes the truth as JSON. The error is a *Refusal with CodeBadTruth.
func (t *Truth) Encode() ([]byte, error) {
	if err := t.validate(); err != nil {
		return nil, err
	}
	b, err := json.Marshal(t)
	if err != nil {
		return nil, refuse(CodeBadTruth, "the truth cannot be written: %v", err)
	}
	return b, nil
}

// DecodeTruth reads what Encode wrote. The error is a *Refusal with CodeBadTruth.
func DecodeTruth(msg []byte) (*Truth, error) {
	t := &Truth{}
	if err := json.Unmarshal(msg, t); err != nil {
		return nil, refuse(CodeBadTruth, "the truth is not JSON as expected: %v", err)
	}
	if err := t.validate(); err != nil {
		return nil, err
	}
	return t, nil
}

func (t *Truth) validate() error {
	if !(math.Abs(t.Latitude) <= 90) || !(math.Abs(t.Longitude) <= 180) {
		return refuse(CodeBadTruth, "position %g, %g is off the globe", t.Latitude, t.Longitude)
	}
	if !isName(t.CaptureID) {
		return badName(CodeBadTruth, "capture_id", t.CaptureID)
	}
	if !isName(t.Emitter) {
		return badName(CodeBadTruth, "emitter", t.Emitter)
	}
	return nil
}
