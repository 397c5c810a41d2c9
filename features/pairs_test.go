package features

import (
	"math"
	"testing"

	"foxhunt/contract"
	"foxhunt/dsp"
	"foxhunt/sim"
)

// ofPairs asks for all that the default model is told of pairs.
func ofPairs() *contract.Contract {
	return asking(contract.CrossCorrelation, contract.Lag, contract.LagWindow, contract.Bandwidth, contract.TimeBandwidth, contract.FullPeak)
}

// wantLags wants every pair's correlation to peak, in the middle of its lags, at the lag that the scene's geometry makes.
func wantLags(t *testing.T, x tensors, s *sim.Scene, tolerance float64) {
	t.Helper()
	pair := int64(0)
	for a := range s.Receivers {
		for b := a + 1; b < len(s.Receivers); b++ {
			want := lag(s, a, b)
			near(t, "lag in the middle", at(x[contract.Lag], pair, 16), want, tolerance)
			near(t, "lag of the full peak", at(x[contract.FullPeak], pair, 1), want, tolerance)
			middle := at(x[contract.CrossCorrelation], pair, 0, 16)
			near(t, "full peak", at(x[contract.FullPeak], pair, 0), middle, 0.01)
			if !(middle > 0.9 && middle <= 1.001) {
				t.Errorf("pair %d: correlation at the peak is %g; want nearly 1 at 30 dB", pair, middle)
			}
			for k := range int64(33) {
				if v := at(x[contract.CrossCorrelation], pair, 0, k); v > middle+1e-4 {
					t.Errorf("pair %d: correlation %g at step %d is above the middle's, %g", pair, v, k, middle)
				}
			}
			pair++
		}
	}
}

// TestKnownDelays puts an emitter among five receivers: each pair's lag must be found at the pair's own place, positive
// where the second receiver hears it later.
func TestKnownDelays(t *testing.T) {
	s := scene(5)
	if lag(s, 0, 1) < 50e-6 || lag(s, 1, 2) > -50e-6 {
		t.Fatal("the scene has no lags of both signs to tell apart")
	}
	x, _ := newExtractor(t, ofPairs(), Budget{}).must(t, record(t, s))
	wantLags(t, x, s, 0.05e-6) // a five-hundredth of 1/B
}

// TestMixedRatesAndStarts has receivers of their own rates, formats and start times, rates off by ppm.
func TestMixedRatesAndStarts(t *testing.T) {
	s := scene(4)
	for i, rate := range []float64{64e3, 96e3, 80e3, 250e3} {
		s.Receivers[i].SampleRate = rate
		s.Receivers[i].RateError = float64(i) * 7e-6
		s.Receivers[i].StartJitter = 4e-3
	}
	s.Receivers[2].Format, s.Receivers[3].Format = "ci16_le", "cu8"
	capture := record(t, s)
	if capture.Receivers[0].StartTime == capture.Receivers[1].StartTime {
		t.Fatal("the receivers start together")
	}
	x, _ := newExtractor(t, ofPairs(), Budget{}).must(t, capture)
	wantLags(t, x, s, 0.2e-6)
}

// TestSlowClock moves one station's stamps: just its pairs' lags move.
func TestSlowClock(t *testing.T) {
	s := scene(3)
	s.Receivers[1].ClockOffset = -3e-6
	s.Receivers[1].ClockSigma = 3e-6
	x, _ := newExtractor(t, ofPairs(), Budget{}).must(t, record(t, s))
	near(t, "lag (0,1)", at(x[contract.Lag], 0, 16), lag(s, 0, 1)-3e-6, 0.05e-6)
	near(t, "lag (0,2)", at(x[contract.Lag], 1, 16), lag(s, 0, 2), 0.05e-6)
	near(t, "lag (1,2)", at(x[contract.Lag], 2, 16), lag(s, 1, 2)+3e-6, 0.05e-6)
}

func TestLagSteps(t *testing.T) {
	x, out := newExtractor(t, ofPairs(), Budget{}).must(t, record(t, scene(3)))
	band := at(x[contract.Bandwidth], 0)
	near(t, "bandwidth", band, bandwidth, 0.05*bandwidth)
	// The windows leave out a little at the two ends of the recording.
	near(t, "time times bandwidth", at(x[contract.TimeBandwidth], 0), 0.85*0.1*bandwidth, 0.15*0.1*bandwidth)
	near(t, "propagation error", out.Budget.Propagation, math.Hypot(vhfFloor, vhfShare/band), 1e-12)
	e := newExtractor(t, ofPairs(), Budget{})
	e.must(t, record(t, scene(3)))
	for pair := range int64(3) {
		near(t, "step", at(x[contract.Lag], pair, 1)-at(x[contract.Lag], pair, 0), 1/(8*band), 1e-3/(8*band))
		near(t, "bandwidth", at(x[contract.Bandwidth], pair), band, 0)
		near(t, "window", at(x[contract.LagWindow], pair), e.reach[pair]+1/band, 1e-9)
	}
	sigma := math.Hypot(clockSigma, out.Budget.Propagation)
	distance := math.Hypot(math.Hypot(e.enu[0][0]-e.enu[1][0], e.enu[0][1]-e.enu[1][1]), e.enu[0][2]-e.enu[1][2])
	near(t, "reach", e.reach[0], 1.05*distance/speedOfLight+4*math.Sqrt2*sigma, 1e-9)
	near(t, "distance", distance, sim.PathLength(places[0], places[1]), 60)
}

// TestWindowAndChannels asks for the other layout: both channels over the whole window.
func TestWindowAndChannels(t *testing.T) {
	c := ofPairs()
	config := c.Input(contract.CrossCorrelation).Correlation
	config.Around, config.Lags = dsp.AroundWindow, 129
	config.Channels = []string{dsp.ChannelPHAT, dsp.ChannelCorrelation}
	s := scene(3)
	x, _ := newExtractor(t, c, Budget{}).must(t, record(t, s))
	wide := newExtractor(t, ofPairs(), Budget{})
	plain, _ := wide.must(t, record(t, s))
	for pair := range int64(3) {
		window := at(x[contract.LagWindow], pair)
		near(t, "first lag", at(x[contract.Lag], pair, 0), -window, 1e-6*window)
		near(t, "last lag", at(x[contract.Lag], pair, 128), window, 1e-6*window)
		for channel := range int64(2) {
			best := int64(0)
			for k := range int64(129) {
				if at(x[contract.CrossCorrelation], pair, channel, k) > at(x[contract.CrossCorrelation], pair, channel, best) {
					best = k
				}
			}
			near(t, "lag of the peak", at(x[contract.Lag], pair, best), at(plain[contract.Lag], pair, 16), window/64)
		}
	}
}

// TestNetworkBudget has the network's propagation error widen the window and the sigmas.
func TestNetworkBudget(t *testing.T) {
	capture := record(t, scene(2))
	c := asking(contract.CrossCorrelation, contract.LagWindow, contract.ReceiverSigma)
	narrow, _ := newExtractor(t, c, Budget{}).must(t, capture)
	wide, out := newExtractor(t, c, Budget{Networks: map[string]float64{"net": 100e-6}}).must(t, capture)
	near(t, "sigma", at(wide[contract.ReceiverSigma], 0), math.Hypot(clockSigma, 100e-6), 1e-10)
	if out.Budget.Source != "network option" {
		t.Errorf("the budget is from %q", out.Budget.Source)
	}
	more := 4 * math.Sqrt2 * (at(wide[contract.ReceiverSigma], 0) - at(narrow[contract.ReceiverSigma], 0))
	near(t, "window", at(wide[contract.LagWindow], 0)-at(narrow[contract.LagWindow], 0), more, 1e-8)
}
