package grid

import (
	"math"
	"math/rand/v2"
	"testing"
)

// wild draws features of any finite numbers: zeros, subnormal and huge ones, equal ones, negative
// ones, mixed with plausible ones.
func wild(r *rand.Rand, receivers int) *Features {
	habit := r.IntN(6)
	number := func(plausible float64) float64 {
		switch habit {
		case 0:
			return 0
		case 1:
			return plausible
		case 2:
			return math.MaxFloat32 * (2*r.Float64() - 1)
		case 3:
			return float64(math.Float32frombits(r.Uint32() &^ (1 << 30))) // below 2 in magnitude
		}
		return []float64{0, plausible, -plausible, 1e-45, math.MaxFloat32, -math.MaxFloat32, 1}[r.IntN(7)]
	}
	f := &Features{}
	for range receivers {
		f.ReceiverPosition = append(f.ReceiverPosition, [3]float64{
			number(1e5 * r.NormFloat64()), number(1e5 * r.NormFloat64()), number(100)})
		f.ReceiverSigma = append(f.ReceiverSigma, number(1e-6))
	}
	for range pairs(receivers) {
		rho, lag := make([]float64, lags), make([]float64, lags)
		for l := range lags {
			rho[l], lag[l] = number(r.Float64()), number(float64(l)*1e-6)
		}
		f.CrossCorrelation, f.Lag = append(f.CrossCorrelation, rho), append(f.Lag, lag)
		f.LagWindow = append(f.LagWindow, number(1e-3))
		f.Bandwidth = append(f.Bandwidth, number(1e5))
		f.TimeBandwidth = append(f.TimeBandwidth, number(1e4))
		f.FullPeak = append(f.FullPeak, [2]float64{number(r.Float64()), number(1e-2 * r.NormFloat64())})
	}
	return rounded(f)
}

// FuzzFinite: whatever finite features come, both estimators answer with finite numbers and a
// covariance that is one.
func FuzzFinite(f *testing.F) {
	for seed := range uint64(60) {
		f.Add(seed, uint8(seed))
	}
	runner := newRunner(f)
	f.Fuzz(func(t *testing.T, seed uint64, size uint8) {
		receivers := 2 + int(size)%6
		features := wild(rand.New(rand.NewPCG(seed, 1)), receivers)
		e := Locate(features)
		numbers := append([]float64{e.Position[0], e.Position[1], e.Confidence}, e.Covariance[:]...)
		for _, v := range append(numbers, e.Residual...) {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				t.Fatalf("not finite: %+v", e)
			}
		}
		c := e.Covariance
		if !(c[0] > 0 && c[1] > 0 && c[0]*c[1] > c[2]*c[2]) || e.Confidence < 0 || e.Confidence > 1 {
			t.Fatalf("no covariance or no confidence: %+v", e)
		}
		got, err := runner.Run(nil, tensors(features))
		if err != nil {
			t.Fatal(err)
		}
		if got[0].Err != nil {
			t.Fatalf("%v: %+v, Locate gives %+v", got[0].Err, got[0], e)
		}
		for _, v := range append(got[0].Residual, got[0].X, got[0].Y, got[0].Confidence) {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				t.Fatalf("not finite: %+v", got[0])
			}
		}
	})
}
