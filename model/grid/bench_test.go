package grid

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"foxhunt/contract"
)

// BenchmarkModel is one run of the model in ONNX Runtime, one thread.
func BenchmarkModel(b *testing.B) {
	runner := newRunner(b)
	for _, receivers := range []int{3, 7, 32} {
		f := tensors(benchmarkFeatures(receivers))
		for _, batch := range []int{1, 8} {
			b.Run(fmt.Sprintf("receivers=%d/batch=%d", receivers, batch), func(b *testing.B) {
				items := make([][]contract.Tensor, batch)
				for i := range items {
					items[i] = f
				}
				var got []contract.Prediction
				for b.Loop() {
					var err error
					if got, err = runner.Run(got, items...); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.N*batch)/b.Elapsed().Seconds(), "captures/s")
			})
		}
	}
}

// BenchmarkLocate is the same in plain Go.
func BenchmarkLocate(b *testing.B) {
	for _, receivers := range []int{3, 7} {
		f := benchmarkFeatures(receivers)
		b.Run(fmt.Sprintf("receivers=%d", receivers), func(b *testing.B) {
			for b.Loop() {
				Locate(f)
			}
		})
	}
}

// benchmarkFeatures are a network's with an emitter in its middle; the cost depends on R alone.
func benchmarkFeatures(receivers int) *Features {
	r := rand.New(rand.NewPCG(1, uint64(receivers)))
	f := &Features{}
	for range receivers {
		f.ReceiverPosition = append(f.ReceiverPosition, [3]float64{2e5 * (r.Float64() - 0.5), 2e5 * (r.Float64() - 0.5), 0})
		f.ReceiverSigma = append(f.ReceiverSigma, 1e-6)
	}
	for _, ab := range pairs(receivers) {
		a, b := f.ReceiverPosition[ab.a], f.ReceiverPosition[ab.b]
		from, _ := groundDistance(a[0], a[1], 0)
		to, _ := groundDistance(b[0], b[1], 0)
		rho, lag := make([]float64, lags), make([]float64, lags)
		for l := range lags {
			x := float64(l-lags/2) / stepsPerBandwidth
			rho[l], lag[l] = 0.5/(1+x*x), (to-from)/lightSpeed+x/1e5
		}
		f.CrossCorrelation, f.Lag = append(f.CrossCorrelation, rho), append(f.Lag, lag)
		f.LagWindow, f.Bandwidth = append(f.LagWindow, 1e-3), append(f.Bandwidth, 1e5)
		f.TimeBandwidth, f.FullPeak = append(f.TimeBandwidth, 1e4), append(f.FullPeak, [2]float64{0.5, lag[lags/2]})
	}
	return f
}
