package model_test

import (
	"encoding/json"
	"testing"

	"foxhunt/contract"
	"foxhunt/dsp"
	"foxhunt/model"
	"foxhunt/model/graph"
	"foxhunt/model/modeltest"
)

// mirrorContract is the contract of the mirror network below.
func mirrorContract() *contract.Contract {
	return &contract.Contract{
		Version:   contract.Version,
		Frame:     contract.ENU,
		Receivers: contract.Receivers{Min: 1, Max: contract.MaxReceivers},
		Inputs: []contract.Input{
			{Name: "where", Feature: contract.ReceiverPosition},
			{Name: "sigma", Feature: contract.ReceiverSigma},
		},
		Outputs: []contract.Output{
			{Name: "place", Kind: contract.Position},
			{Name: "spread", Kind: contract.Covariance},
			{Name: "sure", Kind: contract.Confidence},
			{Name: "used", Kind: contract.ReceiverUsed},
			{Name: "late", Kind: contract.ReceiverResidual},
		},
	}
}

// mirrorGraph is a network whose every output is set by its inputs: the position is the receivers' mean, the
// covariance the first receiver's three coordinates, the confidence its sigma, a receiver is used if its sigma is below
// 1, and its residual is its sigma. A sigma of 10 or more makes the run itself fail.
func mirrorGraph() *graph.Graph {
	g := graph.New("mirror")
	g.Version(7)
	g.Producer("foxhunt tests")
	where := g.Input("where", graph.Float32, "B", "R", "3")
	sigma := g.Input("sigma", graph.Float32, "B", "R")
	g.Output("place", g.Slice(g.ReduceMean(where, false, 1), 1, 0, 2), graph.Float32, "B", "2")
	g.Output("spread", g.Squeeze(g.Slice(where, 1, 0, 1), 1), graph.Float32, "B", "3")
	ten := g.Float32s([]int64{10}, make([]float32, 10)...)
	zero := g.Gather(ten, g.Cast(g.ReduceMax(sigma, true, 1), graph.Int64), 0)
	g.Output("sure", g.Add(zero, g.Slice(sigma, 1, 0, 1)), graph.Float32, "B", "1")
	g.Output("used", g.Cast(g.Less(sigma, g.Float32(1)), graph.Float32), graph.Float32, "B", "R")
	g.Output("late", sigma, graph.Float32, "B", "R")
	return g
}

func mirror(t testing.TB) []byte {
	g := mirrorGraph()
	g.Metadata(contract.MetadataKey, string(mirrorContract().JSON()))
	g.Metadata(model.NameKey, "mirror")
	g.Metadata(model.AccuracyKey, "0 m")
	return modeltest.Marshal(t, g)
}

// mirrorInput is what the mirror network eats for one capture: a row of east, north, up and sigma a receiver.
func mirrorInput(receivers ...[4]float32) []contract.Tensor {
	n := int64(len(receivers))
	where := contract.Tensor{Name: "where", Shape: []int64{1, n, 3}}
	sigma := contract.Tensor{Name: "sigma", Shape: []int64{1, n}}
	for _, r := range receivers {
		where.Data = append(where.Data, r[:3]...)
		sigma.Data = append(sigma.Data, r[3])
	}
	return []contract.Tensor{where, sigma}
}

// goodReceiver has a covariance (4, 9, 1) and a confidence of 0.5.
func goodReceiver() [4]float32 { return [4]float32{4, 9, 1, 0.5} }

func spectrogram(captures, channels int) []contract.Tensor {
	t := contract.Tensor{Name: "mel_spectrogram"}
	t.Resize(int64(captures), int64(channels), 128, 32)
	for i := range t.Data {
		t.Data[i] = float32(i%37)/10 - 1.8
	}
	return []contract.Tensor{t}
}

func load(t testing.TB, data []byte, options model.Options) *model.Model {
	t.Helper()
	m, err := modeltest.Runtime(t).Load(data, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

func newRunner(t testing.TB, m *model.Model) *model.Runner {
	t.Helper()
	r, err := m.NewRunner()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

func asJSON(t testing.TB, v any) []byte {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// pairs is a network that takes features of pairs alone.
func pairs(t testing.TB) []byte {
	c := &contract.Contract{
		Version:   contract.Version,
		Frame:     contract.ENU,
		Receivers: contract.Receivers{Min: 2, Max: contract.MaxReceivers},
		Inputs: []contract.Input{
			{Name: "w", Feature: contract.LagWindow},
			{Name: "rho", Feature: contract.CrossCorrelation, Correlation: &dsp.CorrelationConfig{
				Lags: 5, StepsPerBandwidth: 8, Channels: []string{"correlation", "phat"}, Around: "peak"}},
		},
		Outputs: []contract.Output{{Name: "place", Kind: contract.Position}, {Name: "sigma", Kind: contract.Sigma}},
	}
	g := graph.New("pairs")
	w := g.Input("w", graph.Float32, "B", "P")
	rho := g.Input("rho", graph.Float32, "B", "P", "2", "5")
	sum := g.Add(g.ReduceSum(w, true, 1), g.ReduceSum(g.ReduceSum(rho, false, 2, 3), true, 1))
	place := g.Concat(1, sum, sum)
	g.Output("place", place, graph.Float32, "B", "2")
	g.Output("sigma", g.Exp(place), graph.Float32, "B", "2")
	g.Metadata(contract.MetadataKey, string(c.JSON()))
	return modeltest.Marshal(t, g)
}

// copying is a network whose outputs are its input.
func copying(t testing.TB) []byte {
	c := mirrorContract()
	c.Receivers = contract.Receivers{Min: 2, Max: 2}
	c.Inputs = []contract.Input{{Name: "sigma", Feature: contract.ReceiverSigma}}
	c.Outputs = []contract.Output{{Name: "place", Kind: contract.Position}, {Name: "spread", Kind: contract.Sigma}}
	g := graph.New("copying")
	sigma := g.Input("sigma", graph.Float32, "B", "2")
	g.Output("place", sigma, graph.Float32, "B", "2")
	g.Output("spread", sigma, graph.Float32, "B", "2")
	g.Metadata(contract.MetadataKey, string(c.JSON()))
	return modeltest.Marshal(t, g)
}
