// Package features turns a capture into the tensors that a model's contract asks for. Serving, evaluation and
// training all go through it, so that they cannot differ.
package features

import (
	"errors"
	"fmt"

	"foxhunt/contract"
	"foxhunt/dsp"
	"foxhunt/geo"
	"foxhunt/messages"
)

// Features are one capture's tensors, in the order of the contract's inputs, each with a first axis of one.
type Features struct {
	Tensors []contract.Tensor
	Frame   *geo.Frame // see [NewFrame]
	Budget  AppliedBudget
}

// Extractor computes the features of one contract. It keeps its buffers and plans, and serves one goroutine at a time.
type Extractor struct {
	contract     *contract.Contract
	budget       Budget
	aligner      *dsp.Aligner
	correlator   *dsp.Correlator              // nil where no pair's feature is asked for
	spectrograms map[float64]*dsp.Spectrogram // by nominal sample rate

	// Of the capture in hand, in memory that is kept for the next.
	samples     []float32    // of all receivers: a capture bounds their sum, not how they share it
	signals     []dsp.Signal // views into samples
	enu         [][3]float64 // m
	sigma       []float64    // s, of the receivers
	reach       []float64    // s, of the pairs
	correlation dsp.Correlation
}

// New makes an extractor for a contract and a budget that are valid.
func New(c *contract.Contract, budget Budget) (*Extractor, error) {
	e := &Extractor{contract: c, budget: budget, aligner: dsp.NewAligner(), spectrograms: make(map[float64]*dsp.Spectrogram)}
	if input := c.Input(contract.CrossCorrelation); input != nil {
		correlator, err := dsp.NewCorrelator(*input.Correlation)
		if err != nil {
			return nil, fmt.Errorf("features: %w", err)
		}
		e.correlator = correlator
	}
	return e, nil
}

// Extract computes the features of a valid capture of the named network. out's memory is used again; after an error
// its contents are worth nothing. The capture is refused with a [messages.Refusal] where it cannot give the features:
// see the codes of this package.
func (e *Extractor) Extract(capture *messages.Capture, network string, out *Features) error {
	if err := e.count(len(capture.Receivers)); err != nil {
		return err
	}
	if err := e.load(capture); err != nil {
		return err
	}
	grid, err := e.aligner.Align(e.signals)
	if err != nil {
		return refusal(err)
	}
	if err := e.place(capture.Receivers, out); err != nil {
		return err
	}
	if err := e.correlate(capture, network, grid, out); err != nil {
		return refusal(err)
	}
	if len(out.Tensors) != len(e.contract.Inputs) {
		out.Tensors = make([]contract.Tensor, len(e.contract.Inputs))
	}
	for i := range e.contract.Inputs {
		out.Tensors[i].Name = e.contract.Inputs[i].Name
		if err := e.fill(&e.contract.Inputs[i], capture, grid, &out.Tensors[i]); err != nil {
			return refusal(err)
		}
	}
	return nil
}

// count refuses a number of receivers that the model does not take.
func (e *Extractor) count(receivers int) error {
	limits := e.contract.Receivers
	switch {
	case receivers < limits.Min:
		return refuse(CodeTooFewReceivers, "the capture has %d; the model needs at least %d", receivers, limits.Min)
	case receivers > limits.Max:
		return refuse(CodeTooManyReceivers, "the capture has %d; the model takes at most %d", receivers, limits.Max)
	}
	return nil
}

// load converts the samples.
func (e *Extractor) load(capture *messages.Capture) error {
	total := 0
	for i := range capture.Receivers {
		total += capture.Receivers[i].Samples()
	}
	e.samples = grow(e.samples, 2*total)
	e.signals = grow(e.signals, len(capture.Receivers))
	free := e.samples
	for i := range capture.Receivers {
		receiver, n := &capture.Receivers[i], capture.Receivers[i].Samples()
		re, im := free[:n:n], free[n:2*n:2*n]
		free = free[2*n:]
		if err := receiver.Split(re, im); err != nil {
			var refused *messages.Refusal
			if errors.As(err, &refused) {
				return refuse(refused.Code, "rx[%d]: %s", i, refused.Reason)
			}
			return err
		}
		e.signals[i] = dsp.Signal{Re: re, Im: im, SampleRate: receiver.SampleRate, StartTime: receiver.StartTime}
	}
	return nil
}

// grow gives a slice of n elements, in s's memory where there is room; what they hold is anyone's guess.
func grow[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}

// place puts the receivers into their frame.
func (e *Extractor) place(receivers []messages.Receiver, out *Features) (err error) {
	if out.Frame, err = NewFrame(receivers); err != nil {
		return err
	}
	e.enu = grow(e.enu, len(receivers))
	for i := range receivers {
		e.enu[i][0], e.enu[i][1], e.enu[i][2] = out.Frame.ToENU(positionOf(&receivers[i]))
	}
	return nil
}
