package golden_test

import (
	"testing"

	"foxhunt/contract"
	"foxhunt/dsp"
	"foxhunt/model/golden"
	"foxhunt/model/graph"
	"foxhunt/model/modeltest"
)

// hungry is a model of one receiver in degrees whose spectrograms have frames of so many samples, and which answers
// where it is told to.
func hungry(t *testing.T, frame int, latitude float32) []byte {
	spectrogram := dsp.DefaultSpectrogramConfig()
	spectrogram.NFFT, spectrogram.HopLength = frame, frame/4
	c := contract.Plain("x", 2)
	c.Receivers = contract.Receivers{Min: 1, Max: 1}
	c.Inputs[0].Spectrogram = &spectrogram
	g := graph.New("hungry")
	x := g.Input("x", graph.Float32, "B", "1", "128", "32")
	zero := g.Mul(g.ReduceMean(x, false, 2, 3), g.Float32(0)) // [B, 1]
	g.Output("positions", g.Add(zero, g.Float32s([]int64{1, 2}, latitude, 8)), graph.Float32, "B", "2")
	g.Output("uncertainties", g.Add(zero, g.Float32s([]int64{1, 2}, 100, 100)), graph.Float32, "B", "2")
	g.Metadata(contract.MetadataKey, string(c.JSON()))
	return modeltest.Marshal(t, g)
}

func TestCapturesSuitTheContract(t *testing.T) {
	for _, frame := range []int{512, 2048, 16384} { // a tenth of a second at 48 kHz has enough of the first only
		if err := golden.Check(t.Context(), load(t, hungry(t, frame, 44))); err != nil {
			t.Errorf("frames of %d samples: %v", frame, err)
		}
	}
	wantCode(t, golden.Check(t.Context(), load(t, hungry(t, 65536, 44))), golden.Unfit)
	wantCode(t, golden.WarmUp(t.Context(), load(t, hungry(t, 65536, 44))), golden.Unfit)
	wantCode(t, golden.Check(t.Context(), load(t, hungry(t, 512, 91))), golden.NotOnEarth)
}
