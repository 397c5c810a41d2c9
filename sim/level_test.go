package sim

import (
	"math"
	"math/rand/v2"
	"testing"

	"foxhunt/dsp"
	"foxhunt/geo"
)

func TestWaveformsOccupyTheirBand(t *testing.T) {
	for _, w := range []Waveform{Noise{20e3}, PSK{SymbolRate: 10e3, RollOff: 0.5, Order: 8}, FM{Deviation: 5e3, Audio: 3e3}} {
		c := record(t, pair(w), 11)
		in, _ := power(t, &c.Receivers[0], 0, w.Bandwidth())
		if in < 0.98 {
			t.Errorf("%T: %g of the power within %g Hz", w, in, w.Bandwidth())
		}
		if half, _ := power(t, &c.Receivers[0], 0, w.Bandwidth()/4); half > 0.9 {
			t.Errorf("%T: %g of the power within a quarter of %g Hz", w, half, w.Bandwidth())
		}
	}
}

func TestSignalToNoise(t *testing.T) {
	for _, snr := range []float64{-5, 0, 10, 20} {
		s := pair(Noise{16e3})
		s.Emitters[0].SNR = []float64{snr, math.Inf(-1)}
		c := record(t, s, 13)
		in, _ := power(t, &c.Receivers[0], 0, 16e3)
		// In the band lie signal and a quarter of the noise; outside three quarters.
		noise := (1 - in) / 3
		if got := 10 * math.Log10((in-noise)/noise); math.Abs(got-snr) > 0.7 {
			t.Errorf("SNR %.2f dB, want %g", got, snr)
		}
		if in, _ = power(t, &c.Receivers[1], 0, 16e3); math.Abs(in-0.25) > 0.03 {
			t.Errorf("silence has %g of its power in a quarter of the band", in)
		}
	}
}

func TestPhysicsOfLevels(t *testing.T) {
	s := pair(Noise{16e3})
	s.Emitters[0].SNR, s.Emitters[0].Power = nil, 30
	s.Emitters[0].Gain = []float64{0, -12}
	c := record(t, s, 17)
	for i, below := range []float64{0, 12} {
		re, im := samples(t, &c.Receivers[i])
		level := dsp.LevelDB(re, im) - c.Receivers[i].Gain
		d := PathLength(s.Emitters[0].Position, s.Receivers[i].Position)
		want := 30 - 20*math.Log10(4*math.Pi*d*145e6/speedOfLight) - below // free space; noise is 40 dB below
		if math.Abs(level-want) > 0.2 {
			t.Errorf("receiver %d hears %.2f dBm, want %.2f", i, level, want)
		}
	}
	s.Propagation = Propagation{Exponent: 4}
	if got, want := s.Propagation.loss(1000, 145e6)-(Propagation{}).loss(1000, 145e6), 60.0; math.Abs(got-want) > 1e-9 {
		t.Errorf("exponent 4 adds %g dB at 1 km, want %g", got, want)
	}
}

func TestShadowingStaysAndSpreads(t *testing.T) {
	s := pair(Noise{16e3})
	s.Emitters[0].SNR = nil
	s.Propagation.Shadowing = 6
	level := func(scene, seed uint64) float64 {
		s.Seed = scene
		r := recording{scene: s, at: noon(), random: rand.New(rand.NewPCG(seed, 0))}
		return 20 * math.Log10(r.amplitude(0, 0))
	}
	if level(1, 1) != level(1, 2) {
		t.Error("shadowing changed between captures")
	}
	var sum, squares float64
	for scene := range uint64(500) {
		x := level(scene, 0)
		sum, squares = sum+x, squares+x*x
	}
	if sigma := math.Sqrt(squares/500 - sum*sum/250000); math.Abs(sigma-6) > 0.8 {
		t.Errorf("shadowing of %.2f dB, want 6", sigma)
	}
}

func TestEchoMakesAComb(t *testing.T) {
	s := pair(Noise{40e3})
	s.Emitters[0].Links = []Link{{EchoDelay: 100e-6}, {}} // as strong as the first: zeros every 10 kHz
	c := record(t, s, 19)
	turn := 145e6 * 100e-6 // turns of the carrier: whole, so the zeros lie at odd multiples of 5 kHz
	if turn != math.Round(turn) {
		t.Fatal("choose a carrier with whole turns")
	}
	zero, _ := power(t, &c.Receivers[0], 5e3, 400)
	peak, _ := power(t, &c.Receivers[0], 10e3, 400)
	if zero > 0.02*peak {
		t.Errorf("the comb's zero has %g of its peak", zero/peak)
	}
	if zero, _ = power(t, &c.Receivers[1], 5e3, 400); zero < 0.002 {
		t.Errorf("the receiver without an echo has a zero too: %g", zero)
	}
}

func TestReceiverFilter(t *testing.T) {
	s := pair(Noise{50e3})
	s.Receivers[0].Bandwidth = 20e3
	s.Emitters[0].SNR = []float64{3, 3}
	c := record(t, s, 23)
	if in, _ := power(t, &c.Receivers[0], 0, 20.2e3); in < 0.999 {
		t.Errorf("%g of the power within the filter", in)
	}
	if in, _ := power(t, &c.Receivers[1], 0, 20.2e3); in > 0.6 {
		t.Errorf("%g of the power in the same band without a filter", in)
	}
}

// An oscillator that runs fast tunes too high, and what is heard lies too low.
func TestTuning(t *testing.T) {
	s := pair(Noise{2e3})
	s.Receivers[1].TuningError = 50e-6 // 7250 Hz at 145 MHz
	c := record(t, s, 37)
	for i, want := range []float64{0, -7250} {
		if in, _ := power(t, &c.Receivers[i], want, 2.1e3); in < 0.98 {
			t.Errorf("receiver %d: %g of the power about %g Hz", i, in, want)
		}
	}
	s.Receivers[1].TuningError, s.Offset = 0, 5e3
	c = record(t, s, 37)
	if c.Frequency != 145.005e6 {
		t.Errorf("tuned to %g Hz", c.Frequency)
	}
	if in, _ := power(t, &c.Receivers[1], -5e3, 2.1e3); in < 0.98 {
		t.Errorf("%g of the power 5 kHz below the middle", in)
	}
}

func TestOtherEmittersAreHeardOffTune(t *testing.T) {
	s := pair(Noise{8e3})
	s.Emitters = append(s.Emitters, Emitter{
		Name: "other", Position: geo.Position{Latitude: 45.1, Longitude: 8}, Frequency: 145.02e6, Waveform: Noise{4e3}, SNR: []float64{40, 40},
	}, Emitter{
		Name: "far off", Position: geo.Position{Latitude: 45.1, Longitude: 8}, Frequency: 146e6, Waveform: Noise{4e3}, SNR: []float64{90, 90},
	})
	c := record(t, s, 29)
	own, _ := power(t, &c.Receivers[0], 0, 8e3)
	other, _ := power(t, &c.Receivers[0], 20e3, 4e3)
	if math.Abs(own-2.0/3) > 0.05 || math.Abs(other-1.0/3) > 0.05 {
		t.Errorf("shares %g and %g of the power, want 2/3 and 1/3", own, other)
	}
}
