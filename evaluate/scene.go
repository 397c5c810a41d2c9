package evaluate

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"foxhunt/features"
	"foxhunt/geo"
	"foxhunt/messages"
	"foxhunt/sim"
)

// speedOfLight in m/s.
const speedOfLight = 299792458

// leastTimeBandwidth is the least duration times bandwidth of a scene: of fewer than 32 common samples features make
// nothing, a clock that is off can cost two thirds of a recording's ends, and other rates some samples more.
const leastTimeBandwidth = 100

// The captures' date. Nothing depends on it.
const epoch = 1_780_000_000

// scene is a drawn scene with what its bound and its judgement need.
type scene struct {
	sim         *sim.Scene
	emitter     geo.Position
	bandwidth   float64   // Hz, occupied
	duration    float64   // s, that all receivers share
	propagation float64   // s, the error that fixes allow for on each path
	snr         []float64 // power ratio, by receiver
	sigma       []float64 // s, the errors' of clock and propagation together, by receiver
	faulty      int       // the receiver with the fault, or -1
	spread      float64   // m, a: the largest distance of a receiver from their centroid
}

// draw makes a random scene of the kind.
func draw(k *kind, r *rand.Rand) *scene {
	s := &scene{bandwidth: logUniform(r, 3e3, 200e3), faulty: -1}
	count := k.few + r.IntN(k.many-k.few+1)
	s.sim = &sim.Scene{Start: time.Unix(epoch, 0), Receivers: make([]sim.Receiver, count)}
	s.place(k, r)
	s.equip(r)
	s.transmit(k, r)
	switch {
	case k.offset:
		s.offset(r)
	case k.interference:
		s.interfere(r)
	case k.echo:
		s.echo(r)
	case k.overBudget:
		s.exceed(r)
	case k.freeRunning:
		s.mistune(r)
	}
	return s
}

// equip gives the receivers their rates, formats and clocks. In one scene of three each receiver has a rate and a format
// of its own, and the emitter lies off the middle of their bands: anywhere in the 80 % that filters leave whole.
func (s *scene) equip(r *rand.Rand) {
	formats := []messages.SampleFormat{messages.CU8, messages.CI8, messages.CI16, messages.CF32}
	rate, format := s.bandwidth*(1.3+1.7*r.Float64()), formats[r.IntN(len(formats))]
	mixed := r.IntN(3) == 0
	clock := logUniform(r, 0.1e-6, 20e-6)
	lowest, bytes := math.Inf(1), 0.0 // Hz; bytes a second, of all
	for i := range s.sim.Receivers {
		rx := &s.sim.Receivers[i]
		sigma := min(20e-6, max(0.1e-6, clock*math.Exp2(r.NormFloat64())))
		rx.Station, rx.SampleRate, rx.Format = fmt.Sprintf("rx%d", i), rate, format
		if mixed {
			rx.SampleRate, rx.Format = rate*(1+r.Float64()), formats[r.IntN(len(formats))]
		}
		rx.ClockSigma, rx.ClockJitter = sigma, sigma
		rx.RateError = 1e-6 * r.NormFloat64() // known: it is stated
		lowest = min(lowest, rx.SampleRate)
		bytes += rx.SampleRate * float64(rx.Format.BytesPerSample())
	}
	if mixed {
		s.sim.Offset = (2*r.Float64() - 1) * max(0, 0.8*lowest-s.bandwidth) / 2
	}
	const most = messages.MaxCaptureBytes - 64<<10 // leaves room for the capture's other fields
	s.sim.Duration = min(max(logUniform(r, 5e-3, 1), leastTimeBandwidth/s.bandwidth), most/bytes)
	for i := range s.sim.Receivers {
		s.sim.Receivers[i].StartJitter = 0.02 * s.sim.Duration
	}
	s.duration = 0.98 * s.sim.Duration
}

// transmit makes the emitter, each path with an error of the budget's size.
func (s *scene) transmit(k *kind, r *rand.Rand) {
	frequency := s.carrier(k, r)
	s.propagation = features.Budget{}.For("", frequency, s.bandwidth).Propagation
	e := sim.Emitter{Name: "emitter", Position: s.emitter, Frequency: frequency, Waveform: s.waveform(k, r)}
	level := -5 + 35*r.Float64()
	for i := range s.sim.Receivers {
		snr := min(30, max(-5, level+5*r.NormFloat64()))
		e.SNR = append(e.SNR, snr)
		e.Links = append(e.Links, sim.Link{Excess: s.propagation * r.NormFloat64()})
		s.snr = append(s.snr, math.Pow(10, snr/10))
		s.sigma = append(s.sigma, math.Hypot(s.sim.Receivers[i].ClockSigma, s.propagation))
	}
	s.sim.Emitters = []sim.Emitter{e}
}

// carrier draws the frequency: VHF or above, where the budget is small beside the clocks' errors of 0.1 to 20 us; or long
// and medium waves, and short waves, alike.
func (s *scene) carrier(k *kind, r *rand.Rand) float64 {
	switch {
	case k.belowVHF && r.IntN(2) == 0:
		return logUniform(r, max(60e3, 2*s.bandwidth), 3e6)
	case k.belowVHF:
		return logUniform(r, 3e6, 30e6)
	}
	return logUniform(r, 30e6, 1e9)
}

func (s *scene) waveform(k *kind, r *rand.Rand) sim.Waveform {
	switch {
	case !k.modulated:
		return sim.Noise{Width: s.bandwidth}
	case s.bandwidth > 8e3 && s.bandwidth < 30e3 && r.IntN(2) == 0:
		return sim.FM{Deviation: s.bandwidth/2 - 3e3, Audio: 3e3}
	}
	return sim.PSK{SymbolRate: s.bandwidth / 1.35, RollOff: 0.35, Order: 4}
}

func logUniform(r *rand.Rand, low, high float64) float64 {
	return low * math.Pow(high/low, r.Float64())
}
