// Package contract says what a model eats and what it gives, in the model's own words.
//
// A model file carries its contract as JSON under the ONNX metadata key [MetadataKey], or beside itself in a sidecar
// file. Whoever trains and whoever serves read the same text, so the features of training and of serving cannot
// drift apart.
package contract

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	"foxhunt/dsp"
)

// MetadataKey is the ONNX metadata key, and the name of the sidecar file, that hold the contract.
const MetadataKey = "foxhunt.contract"

// Version is the version of the contract's own format.
const Version = 1

// MaxReceivers is the largest number of receivers that one capture may hold.
const MaxReceivers = 32

// Frame is the coordinate frame of a model's positions.
type Frame string

// The frames a model may answer in.
const (
	WGS84 Frame = "wgs84" // (latitude, longitude) in degrees
	ENU   Frame = "enu"   // metres east and north of the receivers' centroid
)

// Feature names a tensor that can be computed from a capture. B captures share a batch, R is the number of receivers,
// P = R(R-1)/2 the number of pairs in the order (0,1), (0,2), ....
type Feature string

// The features, with the shapes of their tensors.
const (
	LogSpectrogram   Feature = "log_spectrogram"   // [B, R, bands, frames]
	ReceiverLevel    Feature = "receiver_level"    // [B, R] dB
	ReceiverPosition Feature = "receiver_position" // [B, R, 3] m, ENU about the receivers' centroid
	ReceiverSigma    Feature = "receiver_sigma"    // [B, R] s, clock and propagation together
	ReceiverMask     Feature = "receiver_mask"     // [B, R] 1 for a receiver, 0 for padding
	CrossCorrelation Feature = "cross_correlation" // [B, P, C, L]
	Lag              Feature = "lag"               // [B, P, L] s
	LagWindow        Feature = "lag_window"        // [B, P] s, half-width
	Bandwidth        Feature = "bandwidth"         // [B, P] Hz
	TimeBandwidth    Feature = "time_bandwidth"    // [B, P]
	FullPeak         Feature = "full_peak"         // [B, P, 2] value and lag (s) over the whole range of lags
	PairMask         Feature = "pair_mask"         // [B, P] 1 for a pair, 0 for padding
)

// Kind says what one of a model's outputs means.
type Kind string

// The outputs a model may give; position is needed, and one of covariance, sigma and sigma_theta.
const (
	Position         Kind = "position"          // [B, 2] (east, north) or (latitude, longitude) by Frame
	Covariance       Kind = "covariance"        // [B, 3] m²: east-east, north-north, east-north
	Sigma            Kind = "sigma"             // [B, 2] m: east, north
	SigmaTheta       Kind = "sigma_theta"       // [B, 3] m, m, degrees: along and across the major axis, and its angle from east
	Confidence       Kind = "confidence"        // [B, 1] 0..1
	ReceiverUsed     Kind = "receiver_used"     // [B, R] 1 where the receiver took part in the fix
	ReceiverResidual Kind = "receiver_residual" // [B, R] s
)

// Input is one input of a model: the ONNX name and the feature it wants, with the feature's parameters.
type Input struct {
	Name        string                 `json:"name"`
	Feature     Feature                `json:"feature"`
	Spectrogram *dsp.SpectrogramConfig `json:"spectrogram,omitempty"` // for log_spectrogram
	Correlation *dsp.CorrelationConfig `json:"correlation,omitempty"` // for cross_correlation; lag and the like follow it
}

// Output is one output of a model: the ONNX name and what it means.
type Output struct {
	Name string `json:"name"`
	Kind Kind   `json:"kind"`
}

// Receivers bounds how many receivers a capture must have for the model. Pad is the fixed R of a model that wants
// every capture padded to one size, with masks; 0 leaves R as it is.
type Receivers struct {
	Min int `json:"min"`
	Max int `json:"max"`
	Pad int `json:"pad,omitempty"`
}

// Contract is everything a worker must know to feed a model and to read its answer.
type Contract struct {
	Version   int       `json:"version"`
	Frame     Frame     `json:"frame"`
	Receivers Receivers `json:"receivers"`
	Inputs    []Input   `json:"inputs"`
	Outputs   []Output  `json:"outputs"`
}

// Error says which rule a contract breaks. Code is stable.
type Error struct{ Code, Reason string }

func (e *Error) Error() string { return e.Code + ": " + e.Reason }

func refuse(format string, args ...any) error {
	return &Error{Code: "bad_contract", Reason: fmt.Sprintf(format, args...)}
}

// Parse reads a contract and validates it. Unknown keys are refused: a misspelt parameter must not silently become
// its default. Errors are of type [*Error].
func Parse(text []byte) (*Contract, error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	c := &Contract{}
	if err := decoder.Decode(c); err != nil {
		return nil, refuse("not a contract: %v", err)
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, refuse("something follows the contract's closing brace")
	}
	if err := c.Validate(); err != nil {
		return nil, err
	}
	return c, nil
}

// JSON is a valid contract's canonical text: the same contract always gives the same bytes, whatever text it was parsed
// from.
func (c *Contract) JSON() []byte {
	text, err := json.Marshal(c)
	if err != nil {
		panic("contract: not a valid one: " + err.Error()) // a NaN, which Validate refuses
	}
	return text
}

// Plain is the contract of a model that carries none, takes one input [B, C, 128, 32] and gives positions [B, 2] and
// uncertainties [B, width]: 2 for sigma east and north, 3 for sigma_x, sigma_y and theta.
func Plain(input string, width int) *Contract {
	spectrogram := dsp.DefaultSpectrogramConfig()
	uncertainty := Sigma
	if width == 3 {
		uncertainty = SigmaTheta
	}
	return &Contract{
		Version:   Version,
		Frame:     WGS84,
		Receivers: Receivers{Min: 1, Max: MaxReceivers},
		Inputs:    []Input{{Name: input, Feature: LogSpectrogram, Spectrogram: &spectrogram}},
		Outputs:   []Output{{Name: "positions", Kind: Position}, {Name: "uncertainties", Kind: uncertainty}},
	}
}

// Input gives the input that wants the feature, or nil.
func (c *Contract) Input(feature Feature) *Input {
	for i := range c.Inputs {
		if c.Inputs[i].Feature == feature {
			return &c.Inputs[i]
		}
	}
	return nil
}

// Output gives the output of that kind, or nil.
func (c *Contract) Output(kind Kind) *Output {
	for i := range c.Outputs {
		if c.Outputs[i].Kind == kind {
			return &c.Outputs[i]
		}
	}
	return nil
}
