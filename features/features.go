// Package features turns a capture into the tensors that a model's contract asks for. Serving, evaluation and
// training all go through it, so that they cannot differ.
package features

import (
	"errors"
	"fmt"
	"math"

	"foxhunt/contract"
	"foxhunt/dsp"
	"foxhunt/geo"
	"foxhunt/messages"
)

// speedOfLight in m/s.
const speedOfLight = 299792458

// Features are one capture's tensors, in the order of the contract's inputs, each with a first axis of one.
type Features struct {
	Tensors []contract.Tensor
	Frame   *geo.Frame // of receiver_position, and of an answer in ENU: about the receivers' centroid
	Budget  AppliedBudget
}

// Extractor computes the features of one contract. It keeps its buffers and plans, and serves one goroutine at a time.
type Extractor struct {
	contract     *contract.Contract
	budget       Budget
	aligner      *dsp.Aligner
	buffers      []dsp.Signal // as many as the largest capture had receivers
	signals      []dsp.Signal // of this capture
	spectrograms map[float64]*dsp.Spectrogram // by sample rate
	correlator   *dsp.Correlator              // nil where no pair's feature is asked for
	correlation  dsp.Correlation
	band         dsp.Band
	enu          [][3]float64 // of the receivers
	sigma        []float64    // s, of the receivers
	reach        []float64    // s, of the pairs
}

// New makes an extractor for a contract that is valid.
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

// Extract computes the features of a capture of the named network. The capture is refused with a [messages.Refusal]
// where it cannot give them: too few or too many receivers for the model, samples that do not overlap in time, that
// are too short, or that are not finite.
func (e *Extractor) Extract(capture *messages.Capture, network string, out *Features) error {
	r := len(capture.Receivers)
	if limits := e.contract.Receivers; r < limits.Min {
		return &messages.Refusal{Code: "too_few_receivers", Reason: fmt.Sprintf("the capture has %d; the model needs at least %d", r, limits.Min)}
	} else if r > limits.Max {
		return &messages.Refusal{Code: "too_many_receivers", Reason: fmt.Sprintf("the capture has %d; the model takes at most %d", r, limits.Max)}
	}
	if err := e.load(capture); err != nil {
		return err
	}
	grid, err := e.aligner.Align(e.signals)
	if err != nil {
		return refusal(err)
	}
	if err := e.place(capture, out); err != nil {
		return refusal(err)
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

// load converts the samples, into buffers kept from one capture to the next.
func (e *Extractor) load(capture *messages.Capture) error {
	for len(e.buffers) < len(capture.Receivers) {
		e.buffers = append(e.buffers, dsp.Signal{})
	}
	e.signals = e.buffers[:len(capture.Receivers)]
	for i := range capture.Receivers {
		receiver, signal := &capture.Receivers[i], &e.signals[i]
		n := receiver.Samples()
		signal.Re, signal.Im = grow(signal.Re, n), grow(signal.Im, n)
		signal.SampleRate, signal.StartTime = receiver.SampleRate, receiver.StartTime
		if err := receiver.Split(signal.Re, signal.Im); err != nil {
			var refused *messages.Refusal
			if errors.As(err, &refused) {
				return &messages.Refusal{Code: refused.Code, Reason: fmt.Sprintf("rx[%d]: %s", i, refused.Reason)}
			}
			return err
		}
	}
	return nil
}

func grow[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}

// place puts the receivers into the frame about their centroid.
func (e *Extractor) place(capture *messages.Capture, out *Features) error {
	positions := make([]geo.Position, len(capture.Receivers))
	for i, receiver := range capture.Receivers {
		positions[i] = geo.Position{Latitude: receiver.Latitude, Longitude: receiver.Longitude, Altitude: receiver.Altitude}
	}
	centroid, err := geo.Centroid(positions)
	if err != nil {
		return err
	}
	out.Frame = geo.NewFrame(centroid)
	e.enu = grow(e.enu, len(positions))
	for i, position := range positions {
		e.enu[i][0], e.enu[i][1], e.enu[i][2] = out.Frame.ToENU(position)
	}
	return nil
}

// correlate finds the occupied band, and from it the error budget and the lags that each pair may have.
func (e *Extractor) correlate(capture *messages.Capture, network string, grid *dsp.Grid, out *Features) (err error) {
	e.band = dsp.Band{}
	if e.correlator != nil {
		if e.band, err = e.correlator.Analyse(grid, e.longestReach(capture)); err != nil {
			return err
		}
	}
	out.Budget = e.budget.For(network, capture.Frequency, e.band.Bandwidth)
	e.sigma = grow(e.sigma, len(capture.Receivers))
	for i, receiver := range capture.Receivers {
		e.sigma[i] = math.Hypot(receiver.ClockSigma*1e-9, out.Budget.Propagation)
	}
	if e.correlator == nil {
		return nil
	}
	e.reach = grow(e.reach, dsp.PairCount(len(e.sigma)))
	pair := 0
	for a := range e.sigma {
		for b := a + 1; b < len(e.sigma); b++ {
			e.reach[pair] = e.pairReach(a, b, e.sigma[a], e.sigma[b])
			pair++
		}
	}
	return e.correlator.Correlate(e.reach, &e.correlation)
}

// pairReach is the largest time difference that a pair can have: the baseline's travel time, with a little to spare,
// and four standard deviations of the two clocks and propagation paths.
func (e *Extractor) pairReach(a, b int, sigmaA, sigmaB float64) float64 {
	d := [3]float64{e.enu[a][0] - e.enu[b][0], e.enu[a][1] - e.enu[b][1], e.enu[a][2] - e.enu[b][2]}
	baseline := math.Sqrt(d[0]*d[0] + d[1]*d[1] + d[2]*d[2])
	return 1.05*baseline/speedOfLight + 4*math.Hypot(sigmaA, sigmaB)
}

// longestReach bounds the pairs' reaches before the bandwidth, and so the budget, is known.
func (e *Extractor) longestReach(capture *messages.Capture) (longest float64) {
	for a := range capture.Receivers {
		for b := a + 1; b < len(capture.Receivers); b++ {
			longest = max(longest, e.pairReach(a, b, capture.Receivers[a].ClockSigma*1e-9, capture.Receivers[b].ClockSigma*1e-9))
		}
	}
	return longest
}

// refusal turns what the signals or the geometry refuse into a refusal of the capture.
func refusal(err error) error {
	var signal *dsp.Error
	var place *geo.Error
	switch {
	case errors.As(err, &signal):
		return &messages.Refusal{Code: signal.Code, Reason: signal.Reason}
	case errors.As(err, &place):
		return &messages.Refusal{Code: place.Code, Reason: place.Reason}
	}
	return err
}
