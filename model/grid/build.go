package grid

import (
	_ "embed"
	"strconv"

	"foxhunt/contract"
	"foxhunt/dsp"
	"foxhunt/model/graph"
)

// Name and Version are the default model's, as its metadata states them.
const (
	Name    = "grid"
	Version = 1
)

// lags is how many lags of a pair's correlation the model takes, stepsPerBandwidth how many of
// them make 1/B. A parabola over steps of 1/(8B) costs a fifth of the bound, of 1/(2B) twice it.
const (
	lags              = 33
	stepsPerBandwidth = 8
)

//go:embed grid.onnx
var onnx []byte

// File is the default model as it is embedded in the program: the bytes that [Build] gives. They
// are not to be changed.
func File() []byte { return onnx }

// Contract says which tensors the model takes and gives.
func Contract() *contract.Contract {
	input := func(f contract.Feature) contract.Input {
		return contract.Input{Name: string(f), Feature: f}
	}
	correlation := input(contract.CrossCorrelation)
	correlation.Correlation = &dsp.CorrelationConfig{
		Lags: lags, StepsPerBandwidth: stepsPerBandwidth, Channels: []string{"correlation"}, Around: "peak"}
	output := func(k contract.Kind) contract.Output {
		return contract.Output{Name: string(k), Kind: k}
	}
	return &contract.Contract{
		Version:   contract.Version,
		Frame:     contract.ENU,
		Receivers: contract.Receivers{Min: 2, Max: contract.MaxReceivers},
		Inputs: []contract.Input{
			input(contract.ReceiverPosition), input(contract.ReceiverSigma), correlation,
			input(contract.Lag), input(contract.LagWindow), input(contract.Bandwidth),
			input(contract.TimeBandwidth), input(contract.FullPeak)},
		Outputs: []contract.Output{
			output(contract.Position), output(contract.Covariance), output(contract.Confidence),
			output(contract.ReceiverUsed), output(contract.ReceiverResidual)},
	}
}

// Build writes the estimator of [Locate] as an ONNX model. B captures share a run, each with R
// receivers (2 to 32) and P = R(R-1)/2 pairs; all are dynamic. What is small is computed in
// double precision; what is large, pairs times cells, in single, on differences small enough for
// it. A capture's answer has the same bits alone and in a batch.
func Build() ([]byte, error) {
	n := newNetwork()
	peaks := n.measurePeaks()
	active := n.exclude(peaks)
	e := n.weigh(peaks, active)

	coarse := n.coarse(e)
	first, isMode := n.firstWindows(e, coarse)
	last := n.refine(e, first, isMode)
	fix := n.answer(last)

	used, far := n.used(last, fix, active), n.outside(coarse)
	confidence := n.Mul(fix.confidence, n.inside(far))
	position := n.Concat(2, fix.mean.x, fix.mean.y)
	covariance := n.Concat(2, n.honest(e, fix.cov, used, far)...)
	n.output(contract.Position, n.Squeeze(position, 1), "2")
	n.output(contract.Covariance, n.Squeeze(covariance, 1), "3")
	n.output(contract.Confidence, n.Squeeze(confidence, 1), "1")
	n.output(contract.ReceiverUsed, n.Squeeze(used, 2), "R")
	n.output(contract.ReceiverResidual, n.Squeeze(n.residuals(e, peaks, used, fix.mean), 2), "R")
	return n.Marshal()
}

// describe writes who made the model and what it is.
func (n *network) describe() {
	n.Producer("foxhunt")
	n.Version(Version)
	n.Description("Locates an emitter from time differences between receivers: a Bayesian grid estimator, no training.")
	n.Metadata(contract.MetadataKey, string(Contract().JSON()))
	n.Metadata("foxhunt.name", Name)
	n.Metadata("foxhunt.version", strconv.Itoa(Version))
	n.Metadata("foxhunt.budget", "receiver_sigma, per capture: clock and propagation, one standard deviation in seconds")
}

func (n *network) output(kind contract.Kind, v graph.Value, width string) {
	n.Output(string(kind), n.Cast(v, graph.Float32), graph.Float32, "B", width)
}
