package contract

import "slices"

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
