package features

import (
	"math"

	"foxhunt/contract"
	"foxhunt/dsp"
	"foxhunt/messages"
)

// maxSpectrograms bounds the plans kept for different sample rates.
const maxSpectrograms = 16

// fill computes the tensor of one input.
func (e *Extractor) fill(input *contract.Input, capture *messages.Capture, grid *dsp.Grid, t *contract.Tensor) error {
	switch input.Feature {
	case contract.LogSpectrogram:
		return e.spectrogram(input.Spectrogram, grid, t)
	case contract.ReceiverLevel:
		e.perReceiver(t, 1, func(i int, v []float32) {
			v[0] = float32(dsp.LevelDB(grid.Re[i], grid.Im[i]) - capture.Receivers[i].Gain)
		})
	case contract.ReceiverPosition:
		e.perReceiver(t, 3, func(i int, v []float32) {
			v[0], v[1], v[2] = float32(e.enu[i][0]), float32(e.enu[i][1]), float32(e.enu[i][2])
		})
	case contract.ReceiverSigma:
		e.perReceiver(t, 1, func(i int, v []float32) { v[0] = float32(e.sigma[i]) })
	case contract.ReceiverMask:
		e.perReceiver(t, 1, func(_ int, v []float32) { v[0] = 1 })
	case contract.PairMask:
		e.perPair(t, func(_ int, v []float32) { v[0] = 1 })
	default:
		e.ofCorrelation(input, t)
	}
	return nil
}

// ofCorrelation copies what the correlator computed.
func (e *Extractor) ofCorrelation(input *contract.Input, t *contract.Tensor) {
	config := e.contract.Input(contract.CrossCorrelation).Correlation
	c := &e.correlation
	copying := func(from []float32, axes ...int) {
		width := 1
		for _, n := range axes {
			width *= n
		}
		e.perPair(t, func(p int, v []float32) { copy(v, from[p*width:]) }, axes...)
	}
	switch input.Feature {
	case contract.CrossCorrelation:
		copying(c.CrossCorrelation, len(config.Channels), config.Lags)
	case contract.Lag:
		copying(c.Lag, config.Lags)
	case contract.LagWindow:
		copying(c.LagWindow)
	case contract.Bandwidth:
		copying(c.Bandwidth)
	case contract.TimeBandwidth:
		copying(c.TimeBandwidth)
	case contract.FullPeak:
		copying(c.FullPeak, 2)
	}
}

// perReceiver shapes the tensor [1, R] or [1, R, width] and has each receiver's part set; padding stays zero.
func (e *Extractor) perReceiver(t *contract.Tensor, width int, set func(receiver int, values []float32)) {
	r := e.paddedReceivers()
	if width == 1 {
		t.Resize(1, int64(r))
	} else {
		t.Resize(1, int64(r), int64(width))
	}
	clear(t.Data)
	for i := range e.enu {
		set(i, t.Data[i*width:(i+1)*width])
	}
}

// perPair shapes the tensor [1, P, axes...] and has each pair's part set; padding stays zero.
func (e *Extractor) perPair(t *contract.Tensor, set func(pair int, values []float32), axes ...int) {
	padded := e.paddedReceivers()
	shape := append(make([]int64, 0, 4), 1, int64(dsp.PairCount(padded)))
	width := 1
	for _, n := range axes {
		shape = append(shape, int64(n))
		width *= n
	}
	t.Resize(shape...)
	clear(t.Data)
	pair := 0
	for a := range e.enu {
		for b := a + 1; b < len(e.enu); b++ {
			at := pairIndex(a, b, padded)
			set(pair, t.Data[at*width:(at+1)*width])
			pair++
		}
	}
}

// pairIndex is the place of the pair (a, b), a < b, among r receivers' pairs in the order (0,1), (0,2), ...
func pairIndex(a, b, r int) int { return a*(2*r-a-1)/2 + b - a - 1 }

// paddedReceivers is the size of the receivers' axis.
func (e *Extractor) paddedReceivers() int { return max(len(e.enu), e.contract.Receivers.Pad) }

// spectrogram computes [1, R, bands, frames] on the common time grid.
func (e *Extractor) spectrogram(config *dsp.SpectrogramConfig, grid *dsp.Grid, t *contract.Tensor) error {
	if n := grid.Samples(); n < config.MinSamples() {
		return refuse(CodeTooShort, "the receivers share a time span of %d samples at %g Hz; the model needs %d", n, grid.SampleRate, config.MinSamples())
	}
	plan, err := e.plan(config, nominal(grid.SampleRate))
	if err != nil {
		return err
	}
	t.Resize(1, int64(e.paddedReceivers()), int64(config.Bands), int64(config.Frames))
	used := len(grid.Re) * config.Bands * config.Frames
	clear(t.Data[used:])
	return plan.Features(grid.Re, grid.Im, t.Data[:used])
}

// plan keeps the spectrograms of the rates that were seen.
func (e *Extractor) plan(config *dsp.SpectrogramConfig, rate float64) (*dsp.Spectrogram, error) {
	if plan, ok := e.spectrograms[rate]; ok {
		return plan, nil
	}
	plan, err := dsp.NewSpectrogram(*config, rate)
	if err != nil {
		return nil, err
	}
	if len(e.spectrograms) == maxSpectrograms {
		clear(e.spectrograms)
	}
	e.spectrograms[rate] = plan
	return plan, nil
}

// nominal rounds a rate to five digits. True rates differ by a few parts in a million from capture to capture, which no
// filter bank resolves, and each would need a bank of its own.
func nominal(rate float64) float64 {
	unit := math.Pow(10, math.Floor(math.Log10(rate))-4)
	return math.Round(rate/unit) * unit
}
