package sim

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"foxhunt/geo"
)

func TestDelayIsTheGeometrys(t *testing.T) {
	for name, w := range map[string]Waveform{
		"noise": Noise{30e3},
		"PSK":   PSK{SymbolRate: 20e3, RollOff: 0.3, Order: 4},
		"FM":    FM{Deviation: 5e3, Audio: 3e3},
	} {
		s := pair(w)
		s.Receivers[1].Position = geo.Position{Latitude: 45.3, Longitude: 11, Altitude: 300}
		s.Receivers[1].StartJitter = 2e-3
		want := (PathLength(s.Emitters[0].Position, s.Receivers[1].Position) - PathLength(s.Emitters[0].Position, s.Receivers[0].Position)) / speedOfLight
		c := record(t, s, 7)
		if got := delay(t, &c.Receivers[0], &c.Receivers[1]); math.Abs(got-want) > 0.15e-6 {
			t.Errorf("%s: delay %.3f us, want %.3f", name, got*1e6, want*1e6)
		}
	}
}

func TestEqualPathsAndClockErrors(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(s *Scene)
		want   float64
	}{
		{"equal paths", func(*Scene) {}, 0},
		// A fast clock stamps the same samples with a later time: the signal seems late.
		{"a fast clock", func(s *Scene) { s.Receivers[1].ClockOffset = 1.7e-3 }, 1.7e-3},
		{"a slow clock", func(s *Scene) { s.Receivers[1].ClockOffset = -3e-6 }, -3e-6},
		{"a drifting clock", func(s *Scene) { s.Receivers[1].ClockDrift = 20e-6 }, 20e-6}, // after one second
		{"an obstacle", func(s *Scene) { s.Emitters[0].Links = []Link{{}, {Excess: 5e-6}} }, 5e-6},
		{"whole nanoseconds", func(s *Scene) { s.Receivers[1].ClockOffset = 0.4e-9 }, 0.4e-9},
	} {
		s := pair(Noise{40e3})
		c.change(s)
		got := record(t, s, 3)
		if d := delay(t, &got.Receivers[0], &got.Receivers[1]); math.Abs(d-c.want) > 0.1e-6 {
			t.Errorf("%s: delay %.3f us, want %.3f", c.name, d*1e6, c.want*1e6)
		}
	}
}

// Noise and bandwidth together decide how well a delay can be measured; the spread of
// measured delays is the theory's: (1 + 2s)/(2 N kappa s^2).
func TestDelaySpreadIsTheTheorys(t *testing.T) {
	s := pair(Noise{30e3})
	s.Emitters[0].SNR = []float64{6, 6}
	snr := math.Pow(10, 0.6)
	kappa := math.Pow(2*math.Pi*30e3, 2) / 12
	s.Receivers[0].Bandwidth, s.Receivers[1].Bandwidth = 30e3, 30e3 // no noise beside the signal
	// delay tapers the samples, and so uses two thirds of them.
	n := 0.064 * 30e3 * 2 / 3
	want := math.Sqrt((1 + 2*snr) / (2 * n * kappa * snr * snr))
	var squares float64
	const trials = 60
	for seed := range uint64(trials) {
		c := record(t, s, seed)
		d := delay(t, &c.Receivers[0], &c.Receivers[1])
		squares += d * d
	}
	if got := math.Sqrt(squares / trials); got < 0.75*want || got > 1.35*want {
		t.Errorf("delays spread by %.1f ns, want %.1f", got*1e9, want*1e9)
	}
}

func TestClockJitterIsDrawnAnew(t *testing.T) {
	s := pair(Noise{40e3})
	s.Emitters[0].SNR = []float64{60, 60}
	s.Receivers[1].ClockJitter = 50e-6
	var sum, squares float64
	const n = 24
	for seed := range uint64(n) {
		c := record(t, s, seed)
		d := delay(t, &c.Receivers[0], &c.Receivers[1])
		sum, squares = sum+d, squares+d*d
	}
	if sigma := math.Sqrt(squares/n - sum*sum/n/n); sigma < 25e-6 || sigma > 80e-6 {
		t.Errorf("jitter of %.1f us, want 50", sigma*1e6)
	}
}

// Paths that scatter are never shorter than their excess, and vary from capture to capture by what is stated.
func TestScatterIsDrawnAnew(t *testing.T) {
	s := pair(Noise{40e3})
	s.Emitters[0].SNR = []float64{60, 60}
	s.Emitters[0].Links = []Link{{}, {Excess: 20e-6, Scatter: 30e-6}}
	var sum, squares float64
	const n = 16
	for seed := range uint64(n) {
		c := record(t, s, seed)
		d := delay(t, &c.Receivers[0], &c.Receivers[1])
		if d < 19.9e-6 {
			t.Errorf("the path is %.1f us longer, want 20 or more", d*1e6)
		}
		sum, squares = sum+d, squares+d*d
	}
	if sigma := math.Sqrt(squares/n - sum*sum/n/n); sigma < 15e-6 || sigma > 45e-6 {
		t.Errorf("scatter of %.1f us, want 30", sigma*1e6)
	}
}

// High ground is farther round: by a part in 6371 for each kilometre of height.
func TestPathLengthGrowsWithHeight(t *testing.T) {
	a, b := geo.Position{Latitude: 45, Longitude: 7}, geo.Position{Latitude: 45, Longitude: 9}
	low := PathLength(a, b)
	a.Altitude, b.Altitude = 2000, 2000
	if got, want := PathLength(a, b)-low, low*2/6371; math.Abs(got-want) > 0.01 {
		t.Errorf("%.2f m longer at 2 km, want %.2f", got, want)
	}
	// Where both see each other, a straight line is all but that.
	b = geo.Position{Latitude: 45, Longitude: 7.1, Altitude: 2000}
	if got, want := PathLength(a, b), geo.Chord(a, b); math.Abs(got-want) > 0.05 {
		t.Errorf("%.3f m along the ground, %.3f straight", got, want)
	}
}

// Samples of different nominal rates and rate errors describe the same signal at the
// stated times: brought back to the spectrum at common frequencies they agree.
func TestRateErrorIsStated(t *testing.T) {
	s := pair(Noise{20e3})
	s.Receivers[1].RateError = 100e-6
	s.Receivers[1].RateUnknown = true
	c := record(t, s, 5)
	if c.Receivers[1].SampleRate != 64e3 || c.Receivers[0].SampleRate != 64e3 {
		t.Errorf("rates %v %v", c.Receivers[0].SampleRate, c.Receivers[1].SampleRate)
	}
	// Read at the nominal rate, what a fast sampler heard in the middle seems 100 ppm late.
	if d := delay(t, &c.Receivers[0], &c.Receivers[1]); math.Abs(d-3.2e-6) > 0.5e-6 {
		t.Errorf("mean delay of a fast sampler %.3f us, want 3.2", d*1e6)
	}
	s.Receivers[1].RateUnknown = false
	if c = record(t, s, 5); c.Receivers[1].SampleRate != 64e3*(1+100e-6) {
		t.Errorf("true rate %v", c.Receivers[1].SampleRate)
	}
}

// A clock that drifts also measures its receiver's rate: its stamps and its rate tell one time.
func TestDriftIsInTheRate(t *testing.T) {
	s := pair(Noise{20e3})
	s.Receivers[1].ClockDrift = 100e-6
	s.Receivers[1].RateError = 30e-6
	c := record(t, s, 5)
	if got, want := c.Receivers[1].SampleRate, 64e3*(1+30e-6)/(1+100e-6); math.Abs(got-want) > 1e-6 {
		t.Errorf("states %.6f Hz, want %.6f", got, want)
	}
	later := s.Start.Add(2 * time.Second)
	next, _, err := s.Capture(0, later, 5)
	if err != nil {
		t.Fatal(err)
	}
	// Counting samples from one stamp to the next at the stated rate agrees with the true rate and the true time.
	clock := float64(next.Receivers[1].StartTime-c.Receivers[1].StartTime) * 1e-9
	if got, want := clock*c.Receivers[1].SampleRate, 64e3*(1+30e-6); math.Abs(got-want) > 1e-3 {
		t.Errorf("%.4f samples in a true second by its own account, want %.4f", got, want)
	}
}

// The sampler against the plain sum it stands for.
func TestSamplerIsExact(t *testing.T) {
	x, err := Noise{9e3}.spectrum(0.0213, rand.New(rand.NewPCG(1, 1)))
	if err != nil {
		t.Fatal(err)
	}
	re, im := make([]float32, 300), make([]float32, 300)
	weight := func(f float64) complex128 { return complex(1, f/1e4) }
	s := newSampler()
	for _, spacing := range []float64{1 / 12e3, 1 / 12001.7} {
		clear(re)
		clear(im)
		if err := s.sample(x, -0.0017, spacing, weight, re, im); err != nil {
			t.Fatal(err)
		}
		for m := range re {
			at := -0.0017 + float64(m)*spacing
			var want complex128
			for q := range x.re {
				f := float64(x.first+q) * x.step
				want += complex(float64(x.re[q]), float64(x.im[q])) * weight(f) * cis(f*at)
			}
			if math.Hypot(float64(re[m])-real(want), float64(im[m])-imag(want)) > 1e-5 {
				t.Fatalf("sample %d is %g %g, want %g", m, re[m], im[m], want)
			}
		}
	}
}

func TestMovingEmitter(t *testing.T) {
	s := pair(Noise{200})
	a, b := geo.Position{Latitude: 45, Longitude: 7.9}, geo.Position{Latitude: 45, Longitude: 8.9}
	s.Emitters[0].Track = Track{Waypoints: []geo.Position{a, b}, Speed: 300}
	c, truth, err := s.Capture(0, noon().Add(20*time.Second), 31)
	if err != nil {
		t.Fatal(err)
	}
	d, _, _ := geo.Inverse(a, geo.Position{Latitude: truth.Latitude, Longitude: truth.Longitude})
	if math.Abs(d-6000) > 0.01 {
		t.Errorf("after 20 s at 300 m/s it is %.2f m on", d)
	}
	// It leaves west and nears east: 145 Hz of Doppler, down and up.
	for i, want := range []float64{-145.1, 145.1} {
		share, _ := power(t, &c.Receivers[i], want, 260)
		if share < 0.95 {
			t.Errorf("receiver %d: %g of the power about %g Hz", i, share, want)
		}
	}
	// Round and back again: half way through the return leg.
	leg, _, _ := geo.Inverse(a, b)
	back := s.Emitters[0].At(noon(), noon().Add(time.Duration(1.75*leg/300*1e9)))
	if e, _, _ := geo.Inverse(a, back); math.Abs(e-leg/4) > 1 {
		t.Errorf("on the way back %.0f m from the start, want %.0f", e, leg/4)
	}
	before := s.Emitters[0].At(noon(), noon().Add(-10*time.Second))
	if e, _, _ := geo.Inverse(a, before); math.Abs(e-3000) > 1 {
		t.Errorf("before the start %.0f m off", e)
	}
	still := Track{Waypoints: []geo.Position{a}}
	if still.at(1e6) != a {
		t.Error("a track of one point moved")
	}
}
