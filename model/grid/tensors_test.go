package grid

import (
	"testing"

	"foxhunt/contract"
	"foxhunt/model"
	"foxhunt/model/modeltest"
)

// rounded is the features in single precision, as the model gets them.
func rounded(f *Features) *Features {
	out := &Features{}
	for _, p := range f.ReceiverPosition {
		out.ReceiverPosition = append(out.ReceiverPosition, [3]float64{
			float64(float32(p[0])), float64(float32(p[1])), float64(float32(p[2]))})
	}
	row := func(x []float64) []float64 {
		y := make([]float64, len(x))
		for i := range x {
			y[i] = float64(float32(x[i]))
		}
		return y
	}
	out.ReceiverSigma, out.LagWindow = row(f.ReceiverSigma), row(f.LagWindow)
	out.Bandwidth, out.TimeBandwidth = row(f.Bandwidth), row(f.TimeBandwidth)
	for p := range f.Lag {
		out.Lag = append(out.Lag, row(f.Lag[p]))
		out.CrossCorrelation = append(out.CrossCorrelation, row(f.CrossCorrelation[p]))
		out.FullPeak = append(out.FullPeak, [2]float64(row(f.FullPeak[p][:])))
	}
	return out
}

// tensors are the model's inputs for one capture, in the contract's order.
func tensors(f *Features) []contract.Tensor {
	r, p := int64(len(f.ReceiverPosition)), int64(len(f.Lag))
	out := []contract.Tensor{
		{Name: "receiver_position", Shape: []int64{1, r, 3}},
		{Name: "receiver_sigma", Shape: []int64{1, r}},
		{Name: "cross_correlation", Shape: []int64{1, p, 1, lags}},
		{Name: "lag", Shape: []int64{1, p, lags}},
		{Name: "lag_window", Shape: []int64{1, p}},
		{Name: "bandwidth", Shape: []int64{1, p}},
		{Name: "time_bandwidth", Shape: []int64{1, p}},
		{Name: "full_peak", Shape: []int64{1, p, 2}},
	}
	add := func(t int, values ...float64) {
		for _, v := range values {
			out[t].Data = append(out[t].Data, float32(v))
		}
	}
	for i := range f.ReceiverPosition {
		add(0, f.ReceiverPosition[i][:]...)
	}
	add(1, f.ReceiverSigma...)
	for i := range f.Lag {
		add(2, f.CrossCorrelation[i]...)
		add(3, f.Lag[i]...)
		add(7, f.FullPeak[i][:]...)
	}
	add(4, f.LagWindow...)
	add(5, f.Bandwidth...)
	add(6, f.TimeBandwidth...)
	return out
}

// newRunner loads the model into ONNX Runtime.
func newRunner(t testing.TB) *model.Runner {
	t.Helper()
	runtime := modeltest.Runtime(t)
	m, err := runtime.Load(File(), model.Options{})
	if err != nil {
		t.Fatal(err)
	}
	runner, err := m.NewRunner()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		runner.Close()
		m.Close()
	})
	return runner
}
