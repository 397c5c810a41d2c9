package features

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"foxhunt/contract"
	"foxhunt/dsp"
	"foxhunt/geo"
	"foxhunt/messages"
	"foxhunt/sim"
)

// bandwidth of the scenes' emitter, Hz.
const bandwidth = 40e3

// clockSigma is what the scenes' stations say of their clocks, s.
const clockSigma = 1e-6

// places are the scenes' receivers, 35 to 230 km from each other.
var places = [...]geo.Position{
	{Latitude: 45, Longitude: 7, Altitude: 250}, {Latitude: 44.6, Longitude: 9.1, Altitude: 900},
	{Latitude: 45.7, Longitude: 8.2, Altitude: 20}, {Latitude: 44.3, Longitude: 7.6, Altitude: 1500},
	{Latitude: 45.4, Longitude: 9.3, Altitude: 130}, {Latitude: 46, Longitude: 7.4, Altitude: 600},
}

// scene is a strong emitter of noise that the first n places hear alike.
func scene(n int) *sim.Scene {
	s := &sim.Scene{
		Start: time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC), Duration: 0.1,
		Emitters: []sim.Emitter{{
			Name: "e", Position: geo.Position{Latitude: 45.1, Longitude: 7.9}, Frequency: 145e6,
			Waveform: sim.Noise{Width: bandwidth}, SNR: make([]float64, n),
		}},
	}
	for i := range n {
		s.Emitters[0].SNR[i] = 30
		s.Receivers = append(s.Receivers, sim.Receiver{
			Station: fmt.Sprintf("s%d", i), Position: places[i], SampleRate: 64e3, NoiseFigure: 5,
			Format: messages.CF32, ClockSigma: clockSigma,
		})
	}
	return s
}

// lag is by how much later receiver b hears the scene's emitter than a, s.
func lag(s *sim.Scene, a, b int) float64 {
	e := s.Emitters[0].Position
	return (sim.PathLength(e, s.Receivers[b].Position) - sim.PathLength(e, s.Receivers[a].Position)) / speedOfLight
}

func record(t testing.TB, s *sim.Scene) *messages.Capture {
	t.Helper()
	c, _, err := s.Capture(0, s.Start.Add(time.Second), 1)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// asking is a contract for 2 to 6 receivers (1 to 6 where no pair is involved) that asks for the features, each under
// its own name.
func asking(features ...contract.Feature) *contract.Contract {
	c := &contract.Contract{Version: contract.Version, Frame: contract.ENU, Receivers: contract.Receivers{Min: 1, Max: len(places)}}
	for _, f := range features {
		input := contract.Input{Name: string(f), Feature: f}
		switch f {
		case contract.LogSpectrogram:
			config := dsp.DefaultSpectrogramConfig()
			input.Spectrogram = &config
		case contract.CrossCorrelation:
			config := dsp.DefaultCorrelationConfig()
			input.Correlation = &config
			c.Receivers.Min = 2
		}
		c.Inputs = append(c.Inputs, input)
	}
	c.Outputs = []contract.Output{{Name: "p", Kind: contract.Position}, {Name: "s", Kind: contract.Sigma}}
	return c
}

// everything asks for all features.
func everything() *contract.Contract {
	return asking(contract.LogSpectrogram, contract.ReceiverLevel, contract.ReceiverPosition, contract.ReceiverSigma,
		contract.ReceiverMask, contract.CrossCorrelation, contract.Lag, contract.LagWindow, contract.Bandwidth,
		contract.TimeBandwidth, contract.FullPeak, contract.PairMask)
}

func newExtractor(t testing.TB, c *contract.Contract, budget Budget) *Extractor {
	t.Helper()
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	e, err := New(c, budget)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// tensors are a capture's features by name.
type tensors map[contract.Feature]contract.Tensor

func (e *Extractor) must(t testing.TB, c *messages.Capture) (tensors, *Features) {
	t.Helper()
	out := &Features{}
	if err := e.Extract(c, "net", out); err != nil {
		t.Fatal(err)
	}
	byName := tensors{}
	for _, x := range out.Tensors {
		byName[contract.Feature(x.Name)] = x
	}
	return byName, out
}

// at is the value of a tensor of a batch of one.
func at(x contract.Tensor, index ...int64) float64 {
	offset := int64(0)
	for i, n := range index {
		offset = offset*x.Shape[i+1] + n
	}
	return float64(x.Data[offset])
}

func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance) {
		t.Errorf("%s is %g; want %g to %g", what, got, want, tolerance)
	}
}

// wantRefusal wants a refusal of that code, whose sentence holds the words.
func wantRefusal(t *testing.T, err error, code, words string) {
	t.Helper()
	var refused *messages.Refusal
	if !errors.As(err, &refused) {
		t.Fatalf("error is %v; want a messages.Refusal", err)
	}
	if refused.Code != code || !strings.Contains(refused.Reason, words) {
		t.Errorf("refused with %q; want %s with %q", refused, code, words)
	}
}
