package sim

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"foxhunt/dsp"
	"foxhunt/geo"
	"foxhunt/messages"
)

var noon = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC) // never assigned to

// pair is a scene of two receivers equally far, to the metre, from one strong emitter.
func pair(w Waveform) *Scene {
	receiver := func(name string, lon float64) Receiver {
		return Receiver{Station: name, Position: geo.Position{Latitude: 45, Longitude: lon}, SampleRate: 64e3, NoiseFigure: 5, Format: messages.CF32}
	}
	return &Scene{
		Start: noon, Duration: 0.064,
		Emitters: []Emitter{{
			Name: "e", Position: geo.Position{Latitude: 45, Longitude: 8}, Frequency: 145e6, Waveform: w, SNR: []float64{40, 40},
		}},
		Receivers: []Receiver{receiver("west", 7), receiver("east", 9)},
	}
}

func record(t *testing.T, s *Scene, seed uint64) *messages.Capture {
	t.Helper()
	c, _, err := s.Capture(0, noon.Add(time.Second), seed)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func samples(t *testing.T, r *messages.Receiver) (re, im []float32) {
	t.Helper()
	re, im = make([]float32, r.Samples()), make([]float32, r.Samples())
	if err := r.Split(re, im); err != nil {
		t.Fatal(err)
	}
	return re, im
}

// delay measures how much later, by the stations' own stamps, the signal reached b
// than a: the lag at which the cross-correlation of the two is largest.
func delay(t *testing.T, a, b *messages.Receiver) float64 {
	t.Helper()
	reA, imA := samples(t, a)
	reB, imB := samples(t, b)
	n := len(reA)
	for m := range n { // taper, so that ends that do not overlap do not matter
		w := float32(math.Sin(math.Pi * float64(m) / float64(n)))
		reA[m], imA[m], reB[m], imB[m] = w*reA[m], w*imA[m], w*reB[m], w*imB[m]
	}
	reA, imA = append(reA, make([]float32, n)...), append(imA, make([]float32, n)...)
	reB, imB = append(reB, make([]float32, n)...), append(imB, make([]float32, n)...)
	fft, err := dsp.NewFFT(2 * n)
	if err != nil {
		t.Fatal(err)
	}
	fft.Forward(reA, imA)
	fft.Forward(reB, imB)
	cross := make([]complex128, 2*n)
	for k := range cross {
		cross[k] = complex(float64(reA[k]), -float64(imA[k])) * complex(float64(reB[k]), float64(imB[k]))
		reA[k], imA[k] = float32(real(cross[k])), float32(imag(cross[k]))
	}
	fft.Inverse(reA, imA)
	best, at := 0.0, 0
	for m := range reA {
		if p := math.Hypot(float64(reA[m]), float64(imA[m])); p > best {
			best, at = p, m
		}
	}
	lag := math.Remainder(float64(at), float64(2*n))
	height := func(lag float64) float64 {
		var sum complex128
		for k := range cross {
			sum += cross[k] * cis(math.Remainder(float64(k), float64(2*n))*lag/float64(2*n))
		}
		return math.Hypot(real(sum), imag(sum))
	}
	step := 0.5
	for step > 1e-4 { // climb to the peak between the samples
		switch h := height(lag); {
		case height(lag+step) > h:
			lag += step
		case height(lag-step) > h:
			lag -= step
		default:
			step /= 2
		}
	}
	return lag/b.SampleRate + float64(b.StartTime-a.StartTime)*1e-9
}

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

// power returns the share of a receiver's power within half a width of a frequency,
// and its mean power in all.
func power(t *testing.T, r *messages.Receiver, centre, width float64) (share, total float64) {
	t.Helper()
	re, im := samples(t, r)
	n := len(re)
	fft, err := dsp.NewFFT(n)
	if err != nil {
		t.Fatal(err)
	}
	for m := range n {
		w := float32(1 - math.Cos(2*math.Pi*float64(m)/float64(n)))
		re[m], im[m] = w*re[m], w*im[m]
	}
	fft.Forward(re, im)
	for k := range n {
		p := float64(re[k])*float64(re[k]) + float64(im[k])*float64(im[k])
		total += p
		if f := math.Remainder(float64(k)/float64(n), 1) * r.SampleRate; math.Abs(f-centre) <= width/2 {
			share += p
		}
	}
	return share / total, total
}

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
		r := recording{scene: s, at: noon, random: rand.New(rand.NewPCG(seed, 0))}
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

func TestMovingEmitter(t *testing.T) {
	s := pair(Noise{200})
	a, b := geo.Position{Latitude: 45, Longitude: 7.9}, geo.Position{Latitude: 45, Longitude: 8.9}
	s.Emitters[0].Track = Track{Waypoints: []geo.Position{a, b}, Speed: 300}
	c, truth, err := s.Capture(0, noon.Add(20*time.Second), 31)
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
	back := s.Emitters[0].At(noon, noon.Add(time.Duration(1.75*leg/300*1e9)))
	if e, _, _ := geo.Inverse(a, back); math.Abs(e-leg/4) > 1 {
		t.Errorf("on the way back %.0f m from the start, want %.0f", e, leg/4)
	}
	before := s.Emitters[0].At(noon, noon.Add(-10*time.Second))
	if e, _, _ := geo.Inverse(a, before); math.Abs(e-3000) > 1 {
		t.Errorf("before the start %.0f m off", e)
	}
	still := Track{Waypoints: []geo.Position{a}}
	if still.at(1e6) != a {
		t.Error("a track of one point moved")
	}
}

func TestFormatsKeepTheSignal(t *testing.T) {
	reference := record(t, pair(Noise{30e3}), 37)
	wantRe, wantIm := samples(t, &reference.Receivers[0])
	for format, worst := range map[messages.SampleFormat]float64{messages.CU8: 0.5 / 127.5, messages.CI8: 0.5 / 128, messages.CI16: 0.5 / 32768} {
		s := pair(Noise{30e3})
		s.Receivers[0].Format = format
		c := record(t, s, 37)
		re, im := samples(t, &c.Receivers[0])
		for m := range re {
			if e := max(math.Abs(float64(re[m]-wantRe[m])), math.Abs(float64(im[m]-wantIm[m]))); e > 1.001*worst && math.Abs(float64(wantRe[m])) < 0.98 && math.Abs(float64(wantIm[m])) < 0.98 {
				t.Fatalf("%s: sample %d is off by %g, more than half a step of %g", format, m, e, worst)
			}
		}
		if c.Receivers[0].Gain != reference.Receivers[0].Gain {
			t.Errorf("%s: gain %g, want %g", format, c.Receivers[0].Gain, reference.Receivers[0].Gain)
		}
	}
	for _, format := range []messages.SampleFormat{messages.CU8, messages.CI8, messages.CI16} {
		r := messages.Receiver{Format: format, IQ: quantise(format, []float32{3, -3}, []float32{-3, 3})}
		re, im := samples(t, &r)
		if re[0] < 0.99 || im[0] > -0.99 || re[1] > -0.99 || im[1] < 0.99 {
			t.Errorf("%s does not clip: %v %v", format, re, im)
		}
	}
}

func TestSameSeedSameBytes(t *testing.T) {
	encode := func(seed uint64) []byte {
		c, _, err := Demo(noon).Capture(3, noon.Add(time.Minute), seed)
		if err != nil {
			t.Fatal(err)
		}
		b, err := c.Encode(nil)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	if !bytes.Equal(encode(1), encode(1)) {
		t.Error("the same seed gave different bytes")
	}
	if bytes.Equal(encode(1), encode(2)) {
		t.Error("different seeds gave the same bytes")
	}
}

func TestDemo(t *testing.T) {
	s := Demo(noon)
	if len(s.Receivers) != 7 || len(s.Emitters) < 3 {
		t.Fatalf("%d receivers, %d emitters", len(s.Receivers), len(s.Emitters))
	}
	for j := range s.Emitters {
		c, truth, err := s.Capture(j, noon.Add(time.Hour), 41)
		if err != nil {
			t.Fatal(err)
		}
		if truth.CaptureID != c.ID || truth.Emitter != s.Emitters[j].Name || int64(truth.Time) != c.StartTime() {
			t.Errorf("truth %+v of capture %s", truth, c.ID)
		}
		if _, err := truth.Encode(); err != nil {
			t.Error(err)
		}
		heard := 0 // by how many is it well above the noise?
		for i := range c.Receivers {
			r := recording{scene: s, at: noon}
			rx := &s.Receivers[i]
			a := r.amplitude(j, i)
			if a*a > 3*rx.noiseDensity()*s.Emitters[j].Waveform.Bandwidth() {
				heard++
			}
		}
		if heard < 5 {
			t.Errorf("%s is heard by %d receivers only", s.Emitters[j].Name, heard)
		}
	}
}

func TestRefusals(t *testing.T) {
	for name, spoil := range map[string]func(s *Scene){
		"duration":     func(s *Scene) { s.Duration = 0 },
		"endless":      func(s *Scene) { s.Duration = 1e6 },
		"exponent":     func(s *Scene) { s.Propagation.Exponent = -1 },
		"no emitter":   func(s *Scene) { s.Emitters = nil },
		"no waveform":  func(s *Scene) { s.Emitters[0].Waveform = nil },
		"no width":     func(s *Scene) { s.Emitters[0].Waveform = Noise{} },
		"roll-off":     func(s *Scene) { s.Emitters[0].Waveform = PSK{SymbolRate: 1e3, RollOff: 2, Order: 2} },
		"symbol rate":  func(s *Scene) { s.Emitters[0].Waveform = PSK{RollOff: 0.2, Order: 2} },
		"audio":        func(s *Scene) { s.Emitters[0].Waveform = FM{Deviation: 1e3, Audio: 100} },
		"deviation":    func(s *Scene) { s.Emitters[0].Waveform = FM{Audio: 3e3} },
		"frequency":    func(s *Scene) { s.Emitters[0].Frequency = 0 },
		"emitter":      func(s *Scene) { s.Emitters[0].Position.Latitude = 100 },
		"speed":        func(s *Scene) { s.Emitters[0].Track.Speed = 1e6 },
		"SNR count":    func(s *Scene) { s.Emitters[0].SNR = []float64{1} },
		"SNR":          func(s *Scene) { s.Emitters[0].SNR[0] = math.NaN() },
		"gain":         func(s *Scene) { s.Emitters[0].Gain = []float64{0, 1e3} },
		"link":         func(s *Scene) { s.Emitters[0].Links = []Link{{}, {EchoDelay: -1}} },
		"receiver":     func(s *Scene) { s.Receivers[0].Position.Longitude = 181 },
		"rate":         func(s *Scene) { s.Receivers[0].SampleRate = 0 },
		"format":       func(s *Scene) { s.Receivers[0].Format = "ogg" },
		"bandwidth":    func(s *Scene) { s.Receivers[0].Bandwidth = -1 },
		"rate error":   func(s *Scene) { s.Receivers[0].RateError = 0.5 },
		"clock offset": func(s *Scene) { s.Receivers[0].ClockOffset = math.NaN() },
	} {
		s := pair(Noise{30e3})
		spoil(s)
		_, _, err := s.Capture(0, noon, 1)
		var e *Error
		if !errors.As(err, &e) || e.Code != "bad_scene" {
			t.Errorf("%s: %v", name, err)
		}
	}
	s := pair(Noise{30e3})
	if _, _, err := s.Capture(1, noon, 1); err == nil {
		t.Error("an emitter that is not there was recorded")
	}
	s.Receivers[1].Station = "west"
	var refused *messages.Refusal
	if _, _, err := s.Capture(0, noon, 1); !errors.As(err, &refused) {
		t.Errorf("two receivers of one name: %v", err)
	}
}

func BenchmarkCapture3x4480(b *testing.B) {
	s := Demo(noon)
	s.Receivers, s.Duration = s.Receivers[:3], 4480.0/48e3
	for b.Loop() {
		if _, _, err := s.Capture(0, noon, 1); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCapture8x250000(b *testing.B) {
	s := Demo(noon)
	s.Receivers, s.Duration = append(s.Receivers, s.Receivers[0]), 1
	s.Emitters[0].Waveform = Noise{200e3}
	s.Receivers[7].Station = "eighth"
	for i := range s.Receivers {
		s.Receivers[i].SampleRate, s.Receivers[i].Bandwidth = 250e3, 0
	}
	for b.Loop() {
		if _, _, err := s.Capture(0, noon, 1); err != nil {
			b.Fatal(err)
		}
	}
}
