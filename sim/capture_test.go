package sim

import (
	"bytes"
	"errors"
	"math"
	"testing"
	"time"

	"foxhunt/messages"
)

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
		c, _, err := Demo(noon()).Capture(3, noon().Add(time.Minute), seed)
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
	s := Demo(noon())
	if len(s.Receivers) != 7 || len(s.Emitters) < 3 {
		t.Fatalf("%d receivers, %d emitters", len(s.Receivers), len(s.Emitters))
	}
	oscillators := map[float64]bool{}
	for i := range s.Receivers {
		rx := &s.Receivers[i]
		if oscillators[rx.RateError] = true; rx.TuningError != rx.RateError || math.Abs(rx.RateError) > 1e-7 {
			t.Errorf("%s: one disciplined oscillator has rate error %g and tuning error %g", rx.Station, rx.RateError, rx.TuningError)
		}
	}
	if len(oscillators) != len(s.Receivers) {
		t.Errorf("%d different oscillators in %d receivers", len(oscillators), len(s.Receivers))
	}
	for j := range s.Emitters {
		c, truth, err := s.Capture(j, noon().Add(time.Hour), 41)
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
			r := recording{scene: s, at: noon()}
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
		"scatter":      func(s *Scene) { s.Emitters[0].Links = []Link{{}, {Scatter: math.NaN()}} },
		"receiver":     func(s *Scene) { s.Receivers[0].Position.Longitude = 181 },
		"rate":         func(s *Scene) { s.Receivers[0].SampleRate = 0 },
		"format":       func(s *Scene) { s.Receivers[0].Format = "ogg" },
		"bandwidth":    func(s *Scene) { s.Receivers[0].Bandwidth = -1 },
		"rate error":   func(s *Scene) { s.Receivers[0].RateError = 0.5 },
		"tuning error": func(s *Scene) { s.Receivers[0].TuningError = math.NaN() },
		"offset":       func(s *Scene) { s.Offset = 2e9 },
		"clock offset": func(s *Scene) { s.Receivers[0].ClockOffset = math.NaN() },
	} {
		s := pair(Noise{30e3})
		spoil(s)
		_, _, err := s.Capture(0, noon(), 1)
		var e *Error
		if !errors.As(err, &e) || e.Code != "bad_scene" {
			t.Errorf("%s: %v", name, err)
		}
	}
	s := pair(Noise{30e3})
	if _, _, err := s.Capture(1, noon(), 1); err == nil {
		t.Error("an emitter that is not there was recorded")
	}
	s.Receivers[1].Station = "west"
	var refused *messages.Refusal
	if _, _, err := s.Capture(0, noon(), 1); !errors.As(err, &refused) {
		t.Errorf("two receivers of one name: %v", err)
	}
}

func BenchmarkCapture3x4480(b *testing.B) {
	s := Demo(noon())
	s.Receivers, s.Duration = s.Receivers[:3], 4480.0/48e3
	s.Emitters = s.Emitters[:1]
	s.Emitters[0].Links = s.Emitters[0].Links[:3]
	for b.Loop() {
		if _, _, err := s.Capture(0, noon(), 1); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCapture8x250000(b *testing.B) {
	s := Demo(noon())
	s.Receivers, s.Duration = append(s.Receivers, s.Receivers[0]), 1
	s.Emitters = s.Emitters[:1]
	s.Emitters[0].Waveform = Noise{200e3}
	s.Emitters[0].Links = append(s.Emitters[0].Links, Link{})
	s.Receivers[7].Station = "eighth"
	for i := range s.Receivers {
		s.Receivers[i].SampleRate, s.Receivers[i].Bandwidth = 250e3, 0
	}
	for b.Loop() {
		if _, _, err := s.Capture(0, noon(), 1); err != nil {
			b.Fatal(err)
		}
	}
}
