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
	"slices"

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

// Validate says the first rule that the contract breaks.
func (c *Contract) Validate() error {
	switch {
	case c.Version != Version:
		return refuse("version is %d; this foxhunt reads version %d", c.Version, Version)
	case c.Frame != WGS84 && c.Frame != ENU:
		return refuse("frame is %q; want wgs84 or enu", c.Frame)
	}
	for _, rule := range []func() error{c.validateReceivers, c.validateInputs, c.validateOutputs} {
		if err := rule(); err != nil {
			return err
		}
	}
	return nil
}

func (c *Contract) validateReceivers() error {
	r := c.Receivers
	if r.Min < 1 || r.Max < r.Min || r.Max > MaxReceivers {
		return refuse("receivers are %d to %d; want 1 <= min <= max <= %d", r.Min, r.Max, MaxReceivers)
	}
	if r.Pad != 0 && r.Pad != r.Max {
		return refuse("receivers.pad is %d; want 0 or the maximum, %d", r.Pad, r.Max)
	}
	if r.Pad != 0 && c.Input(ReceiverMask) == nil {
		return refuse("receivers.pad is %d but no input takes receiver_mask", r.Pad)
	}
	return nil
}

func (c *Contract) validateInputs() error {
	if len(c.Inputs) == 0 {
		return refuse("inputs is empty; want at least one")
	}
	var names []string
	var features []Feature
	for _, input := range c.Inputs {
		if input.Name == "" || slices.Contains(names, input.Name) {
			return refuse("input name %q is empty or given twice", input.Name)
		}
		if slices.Contains(features, input.Feature) {
			return refuse("feature %q is asked for twice", input.Feature)
		}
		if err := input.validate(); err != nil {
			return err
		}
		names, features = append(names, input.Name), append(features, input.Feature)
	}
	return c.validatePairs(features)
}

// validatePairs holds the features of pairs together: they all belong to the one correlation that is configured.
func (c *Contract) validatePairs(features []Feature) error {
	ofPairs := []Feature{Lag, LagWindow, Bandwidth, TimeBandwidth, FullPeak, PairMask}
	for _, f := range features {
		if slices.Contains(ofPairs, f) && c.Input(CrossCorrelation) == nil {
			return refuse("feature %q needs an input of feature cross_correlation, which it belongs to", f)
		}
	}
	if c.Input(CrossCorrelation) != nil && c.Receivers.Min < 2 {
		return refuse("receivers.min is %d; cross_correlation needs 2", c.Receivers.Min)
	}
	return nil
}

func (in *Input) validate() error {
	switch in.Feature {
	case LogSpectrogram:
		if in.Spectrogram == nil {
			return refuse("input %q: log_spectrogram needs its parameters under spectrogram", in.Name)
		}
		if err := in.Spectrogram.Validate(); err != nil {
			return refuse("input %q: %v", in.Name, err)
		}
	case CrossCorrelation:
		if in.Correlation == nil {
			return refuse("input %q: cross_correlation needs its parameters under correlation", in.Name)
		}
		if err := in.Correlation.Validate(); err != nil {
			return refuse("input %q: %v", in.Name, err)
		}
	case ReceiverLevel, ReceiverPosition, ReceiverSigma, ReceiverMask, Lag, LagWindow, Bandwidth, TimeBandwidth, FullPeak, PairMask:
	default:
		return refuse("input %q: unknown feature %q", in.Name, in.Feature)
	}
	if in.Spectrogram != nil && in.Feature != LogSpectrogram {
		return refuse("input %q: spectrogram belongs to log_spectrogram", in.Name)
	}
	if in.Correlation != nil && in.Feature != CrossCorrelation {
		return refuse("input %q: correlation belongs to cross_correlation", in.Name)
	}
	return nil
}

func (c *Contract) validateOutputs() error {
	known := []Kind{Position, Covariance, Sigma, SigmaTheta, Confidence, ReceiverUsed, ReceiverResidual}
	var names []string
	var kinds []Kind
	uncertainties := 0
	for _, output := range c.Outputs {
		switch {
		case output.Name == "" || slices.Contains(names, output.Name):
			return refuse("output name %q is empty or given twice", output.Name)
		case !slices.Contains(known, output.Kind):
			return refuse("output %q: unknown kind %q", output.Name, output.Kind)
		case slices.Contains(kinds, output.Kind):
			return refuse("output kind %q is given twice", output.Kind)
		case output.Kind == Covariance || output.Kind == Sigma || output.Kind == SigmaTheta:
			uncertainties++
		}
		names, kinds = append(names, output.Name), append(kinds, output.Kind)
	}
	if !slices.Contains(kinds, Position) || uncertainties != 1 {
		return refuse("outputs are %v; want position and exactly one of covariance, sigma, sigma_theta", kinds)
	}
	return nil
}
