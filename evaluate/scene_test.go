package evaluate

import (
	"math"
	"math/rand/v2"
	"testing"

	"foxhunt/geo"
	"foxhunt/messages"
)

func TestScenesAreAsStated(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, k := range kinds() {
		var outside, beside int
		for range 300 {
			s := draw(&k, r)
			n := len(s.sim.Receivers)
			if n < k.few || n > k.many {
				t.Fatalf("%s: %d receivers", k.name, n)
			}
			if err := s.sim.Validate(); err != nil {
				t.Fatal(err)
			}
			widest, bytes, lowest := 0.0, 0, math.Inf(1)
			for i, a := range s.sim.Receivers {
				for _, b := range s.sim.Receivers {
					d, _, _ := geo.Inverse(a.Position, b.Position)
					widest = max(widest, d)
				}
				bytes += int(s.sim.Duration*a.SampleRate) * a.Format.BytesPerSample()
				lowest = min(lowest, a.SampleRate)
				if a.Position.Altitude < -100 || a.Position.Altitude > 2600 || math.Abs(a.Position.Altitude-s.emitter.Altitude) > 200 {
					t.Fatalf("%s: receiver at %g m, emitter at %g", k.name, a.Position.Altitude, s.emitter.Altitude)
				}
				times := 1.0 // what errors are of what is stated
				if k.overBudget {
					times = 2
				}
				if a.ClockSigma < 0.1e-6 || a.ClockSigma > 20e-6 || a.ClockJitter != times*a.ClockSigma {
					t.Fatalf("%s: clock of %g s, drawn from %g", k.name, a.ClockSigma, a.ClockJitter)
				}
				if snr := s.sim.Emitters[0].SNR[i]; snr < -5 || snr > 30 {
					t.Fatalf("%s: SNR of %g dB", k.name, snr)
				}
				if s.sigma[i] <= times*a.ClockSigma {
					t.Fatalf("%s: no error for propagation: %g s beside a clock of %g s", k.name, s.sigma[i], a.ClockSigma)
				}
			}
			if (widest < 999 || widest > 501e3) && !k.oneMast || k.oneMast && widest > 30.1 {
				t.Fatalf("%s: a span of %g m", k.name, widest)
			}
			if n := s.duration * s.bandwidth; n < 0.98*leastTimeBandwidth-1e-6 {
				t.Fatalf("%s: time x bandwidth of %g", k.name, n)
			}
			if b := s.bandwidth/2 + math.Abs(s.sim.Offset); b > lowest/2 {
				t.Fatalf("%s: a signal out to %g Hz at a rate of %g Hz", k.name, b, lowest)
			}
			if s.sim.Offset != 0 {
				beside++
			}
			if bytes > messages.MaxCaptureBytes || s.sim.Duration > 1 {
				t.Fatalf("%s: %d bytes, %g s", k.name, bytes, s.sim.Duration)
			}
			if b := s.sim.Emitters[0].Waveform.Bandwidth(); b < 2999 || b > 200001 {
				t.Fatalf("%s: bandwidth %g Hz", k.name, b)
			}
			if s.sim.Emitters[0].Frequency < 60e3 {
				t.Fatalf("%s: carrier at %g Hz", k.name, s.sim.Emitters[0].Frequency)
			}
			if _, _, d := farthest(s); d > widest {
				outside++
			}
			checkFault(t, &k, s)
		}
		if beside < 60 || beside > 140 {
			t.Errorf("%s: %d of 300 emitters lie beside their band's middle, want a third", k.name, beside)
		}
		if k.few > 2 && !k.outside && !k.oneMast && (outside == 0 || outside > 150) {
			t.Errorf("%s: %d of 300 emitters lie a span away from some receiver", k.name, outside)
		}
	}
}

// farthest gives the receiver farthest from the emitter, and the distances.
func farthest(s *scene) (receiver int, least, most float64) {
	least = math.Inf(1)
	for i, rx := range s.sim.Receivers {
		d, _, _ := geo.Inverse(s.emitter, rx.Position)
		least = min(least, d)
		if d > most {
			receiver, most = i, d
		}
	}
	return receiver, least, most
}

func checkFault(t *testing.T, k *kind, s *scene) {
	t.Helper()
	offsets, echoes := 0, 0
	for i, rx := range s.sim.Receivers {
		if o := math.Abs(rx.ClockOffset); o > 0 {
			if offsets++; o < 1e-3 || o > 10e-3 || i != s.faulty {
				t.Fatalf("%s: receiver %d off by %g s; faulty is %d", k.name, i, o, s.faulty)
			}
		}
		if l := s.sim.Emitters[0].Links[i]; l.EchoDelay > 0 {
			if echoes++; l.EchoGain < 0 || l.EchoDelay*s.bandwidth > 30.001 || i != s.faulty {
				t.Fatalf("%s: echo %+v", k.name, l)
			}
		}
	}
	if (offsets == 1) != k.offset || (echoes == 1) != k.echo || (len(s.sim.Emitters) == 2) != k.interference {
		t.Fatalf("%s: %d offsets, %d echoes, %d emitters", k.name, offsets, echoes, len(s.sim.Emitters))
	}
	if k.interference {
		heard := 0
		for _, snr := range s.sim.Emitters[1].SNR {
			if !math.IsInf(snr, -1) {
				heard++
			}
		}
		if heard != 2 {
			t.Fatalf("%d receivers hear the interference", heard)
		}
	}
}

// The cases that differ by where the emitter is put.
func TestEmittersAreWhereTheyShould(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	pair := [][2]float64{{-1, 0}, {1, 0}}
	var off, near int
	const n = 2000
	for range n {
		p := emitterNear(&kind{}, r, pair)
		d := math.Hypot(p[0], p[1])
		if d > 1.5 {
			t.Fatalf("%v is farther than 1.5 a from the middle of two receivers", p)
		}
		if d < 0.75 {
			near++
		}
		if math.Abs(p[1]) > 0.5 {
			off++
		}
	}
	if math.Abs(float64(near)/n-0.25) > 0.03 || float64(off)/n < 0.5 {
		t.Errorf("of %d emitters %d lie within half the disc's radius, %d well off the baseline", n, near, off)
	}
	ring := [][2]float64{{-1e3, 0}, {1e3, 0}, {0, 1e3}, {0, -1e3}}
	wide := [][2]float64{{-3e5, 0}, {3e5, 0}, {0, 3e5}, {0, -3e5}}
	for range n {
		if p := emitterNear(&kind{outside: true}, r, ring); math.Hypot(p[0], p[1]) < 1999 || math.Hypot(p[0], p[1]) > 10001 {
			t.Fatalf("%v is not 2 to 10 a from the centroid", p)
		}
		if p := emitterNear(&kind{outside: true}, r, wide); math.Hypot(p[0], p[1]) < 5.99e5 || math.Hypot(p[0], p[1]) > 1.001e6 {
			t.Fatalf("%v is not 600 to 1000 km from the centroid", p)
		}
		if p := emitterNear(&kind{oneMast: true}, r, pair); math.Hypot(p[0], p[1]) < 99 || math.Hypot(p[0], p[1]) > 50001 {
			t.Fatalf("%v is not 100 m to 50 km from the mast", p)
		}
	}
}

// Twice the budget is what the errors come to, and no path is short.
func TestExceededBudget(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	k := kind{few: 8, many: 8, overBudget: true}
	var squares float64
	const n = 500
	for range n {
		s := draw(&k, r)
		var sum, own float64
		for _, l := range s.sim.Emitters[0].Links {
			x := l.Excess / s.propagation
			if x < 0 {
				t.Fatalf("a path is %g s shorter than the direct line", -l.Excess)
			}
			sum, own = sum+x, own+x*x
		}
		squares += (own - sum*sum/8) / 7
	}
	if got := math.Sqrt(squares / n); math.Abs(got-2) > 0.1 {
		t.Errorf("paths err by %.2f times the budget, want 2", got)
	}
}

func TestFreeOscillators(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	s := draw(&kind{few: 5, many: 5, freeRunning: true}, r)
	for i, rx := range s.sim.Receivers {
		if rx.TuningError == 0 || rx.TuningError != rx.RateError {
			t.Errorf("receiver %d: tuning off by %g, rate by %g", i, rx.TuningError, rx.RateError)
		}
	}
}
