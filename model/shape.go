package model

import (
	"fmt"

	"foxhunt/contract"
)

// axis is one axis of a tensor that a contract implies: a fixed size, or one of the symbols below.
type axis int64

const (
	batchAxis    axis = -1 // B captures
	receiverAxis axis = -2 // R receivers
	pairAxis     axis = -3 // R(R-1)/2 pairs of receivers
)

// size is the axis's length for so many captures of so many receivers.
func (a axis) size(captures, receivers int) int64 {
	switch a {
	case batchAxis:
		return int64(captures)
	case receiverAxis:
		return int64(receivers)
	case pairAxis:
		return int64(receivers * (receivers - 1) / 2)
	}
	return int64(a)
}

// inputAxes is the shape that package contract gives a feature, with its parameters filled in.
func inputAxes(c *contract.Contract, in *contract.Input) []axis {
	switch in.Feature {
	case contract.LogSpectrogram:
		return []axis{batchAxis, receiverAxis, axis(in.Spectrogram.Bands), axis(in.Spectrogram.Frames)}
	case contract.ReceiverLevel, contract.ReceiverSigma, contract.ReceiverMask:
		return []axis{batchAxis, receiverAxis}
	case contract.ReceiverPosition:
		return []axis{batchAxis, receiverAxis, 3}
	case contract.CrossCorrelation:
		return []axis{batchAxis, pairAxis, axis(len(in.Correlation.Channels)), axis(in.Correlation.Lags)}
	case contract.Lag:
		return []axis{batchAxis, pairAxis, axis(c.Input(contract.CrossCorrelation).Correlation.Lags)}
	case contract.FullPeak:
		return []axis{batchAxis, pairAxis, 2}
	}
	return []axis{batchAxis, pairAxis} // lag_window, bandwidth, time_bandwidth, pair_mask
}

// outputAxes is the shape that package contract gives a kind of output.
func outputAxes(kind contract.Kind) []axis {
	switch kind {
	case contract.Position, contract.Sigma:
		return []axis{batchAxis, 2}
	case contract.Covariance, contract.SigmaTheta:
		return []axis{batchAxis, 3}
	case contract.Confidence:
		return []axis{batchAxis, 1}
	}
	return []axis{batchAxis, receiverAxis} // receiver_used, receiver_residual
}

// checkValue refuses an input or output whose declaration the contract's axes do not fit.
func checkValue(v Value, axes []axis, receivers contract.Receivers) error {
	if v.Type != "float32" {
		return refuse(BadType, "%s is %s; want a float32 tensor", v.Name, v.Type)
	}
	if v.Shape == nil { // the file does not say; a run will
		return nil
	}
	if len(v.Shape) != len(axes) {
		return refuse(BadShape, "%s has %d axes; the contract implies %d", v, len(v.Shape), len(axes))
	}
	for i, d := range v.Shape {
		if d.Size > 0 && !axes[i].allows(d.Size, receivers) {
			return refuse(BadShape, "axis %d of %s is fixed at %d; %s", i, v, d.Size, axes[i].wants(receivers))
		}
	}
	return nil
}

// allows tells whether a model may fix the axis at this size. A batch may be fixed at 1: captures then go one by one.
func (a axis) allows(size int64, receivers contract.Receivers) bool {
	if a == batchAxis {
		return size == 1
	}
	return size == a.size(1, receivers.Max) && (a > 0 || receivers.Min == receivers.Max || receivers.Pad == receivers.Max)
}

func (a axis) wants(receivers contract.Receivers) string {
	switch a {
	case batchAxis:
		return "the batch axis must be dynamic or 1"
	case receiverAxis, pairAxis:
		return fmt.Sprintf("the contract takes %d to %d receivers (pad %d)", receivers.Min, receivers.Max, receivers.Pad)
	}
	return fmt.Sprintf("the contract implies %d", int64(a))
}
