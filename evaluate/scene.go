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

// The captures' date. Nothing depends on it.
const epoch = 1_780_000_000

// scene is a drawn scene with what its bound and its judgement need.
type scene struct {
	sim       *sim.Scene
	emitter   geo.Position
	bandwidth float64   // Hz, occupied
	duration  float64   // s, that all receivers share
	snr       []float64 // power ratio, by receiver
	sigma     []float64 // s, clock and propagation together, by receiver
	faulty    int       // the receiver with the fault, or -1
	spread    float64   // m, a: the largest distance of a receiver from their centroid
}

// draw makes a random scene of the kind.
func draw(k *kind, r *rand.Rand) *scene {
	s := &scene{bandwidth: logUniform(r, 3e3, 200e3), faulty: -1}
	count := k.few + r.IntN(k.many-k.few+1)
	s.sim = &sim.Scene{Start: time.Unix(epoch, 0), Receivers: make([]sim.Receiver, count)}
	s.place(r, logUniform(r, 1e3, 500e3))
	s.equip(r)
	s.transmit(k, r)
	switch {
	case k.offset:
		s.offset(r)
	case k.interference:
		s.interfere(r)
	case k.echo:
		s.echo(r)
	}
	return s
}

// place lays the receivers out at random in a disc, whose size makes their largest
// distance the span, and the emitter at random in their convex hull stretched by 1.5.
func (s *scene) place(r *rand.Rand, span float64) {
	centre := geo.Position{Latitude: 140*r.Float64() - 70, Longitude: 360*r.Float64() - 180}
	at := make([][2]float64, len(s.sim.Receivers)) // m east and north of the centre
	for i := range at {
		radius, angle := math.Sqrt(r.Float64()), 2*math.Pi*r.Float64()
		at[i] = [2]float64{radius * math.Cos(angle), radius * math.Sin(angle)}
	}
	widest := 0.0
	for _, p := range at {
		for _, q := range at {
			widest = max(widest, math.Hypot(p[0]-q[0], p[1]-q[1]))
		}
	}
	for i := range at {
		at[i][0], at[i][1] = at[i][0]*span/widest, at[i][1]*span/widest
		p := onGround(centre, at[i])
		p.Altitude = 300 * r.Float64()
		s.sim.Receivers[i].Position = p
	}
	s.emitter = onGround(centre, inHull(r, at, 1.5))
	s.measureSpread()
}

// measureSpread finds a.
func (s *scene) measureSpread() {
	positions := make([]geo.Position, len(s.sim.Receivers))
	for i := range positions {
		positions[i] = s.sim.Receivers[i].Position
	}
	centroid, err := geo.Centroid(positions)
	if err != nil {
		panic(fmt.Sprintf("evaluate: a drawn network has no centroid: %v", err)) // it is at most 500 km wide
	}
	frame := geo.NewFrame(centroid)
	for _, p := range positions {
		e, n, _ := frame.ToENU(p)
		s.spread = max(s.spread, math.Hypot(e, n))
	}
}

func onGround(centre geo.Position, at [2]float64) geo.Position {
	p, _ := geo.Direct(centre, math.Atan2(at[0], at[1])*180/math.Pi, math.Hypot(at[0], at[1]))
	return p
}

// equip gives the receivers their rate, format and clocks.
func (s *scene) equip(r *rand.Rand) {
	rate := s.bandwidth * (1.3 + 1.7*r.Float64())
	formats := []messages.SampleFormat{messages.CU8, messages.CI8, messages.CI16, messages.CF32}
	format := formats[r.IntN(len(formats))]
	// Leave room for the capture's other fields.
	most := (messages.MaxCaptureBytes - 64<<10) / len(s.sim.Receivers) / format.BytesPerSample()
	s.sim.Duration = min(logUniform(r, 5e-3, 1), float64(most)/rate)
	clock := logUniform(r, 0.1e-6, 20e-6)
	for i := range s.sim.Receivers {
		rx := &s.sim.Receivers[i]
		sigma := min(20e-6, max(0.1e-6, clock*math.Exp2(r.NormFloat64())))
		rx.Station, rx.SampleRate, rx.Format = fmt.Sprintf("rx%d", i), rate, format
		rx.ClockSigma, rx.ClockJitter = sigma, sigma
		rx.RateError = 1e-6 * r.NormFloat64() // known: it is stated
		rx.StartJitter = 0.02 * s.sim.Duration
	}
	s.duration = 0.98 * s.sim.Duration
}

// transmit makes the emitter, each path with an error of the budget's size.
func (s *scene) transmit(k *kind, r *rand.Rand) {
	frequency := s.carrier(r)
	budget := features.Budget{}.For("", frequency, s.bandwidth).Propagation
	e := sim.Emitter{Name: "emitter", Position: s.emitter, Frequency: frequency, Waveform: s.waveform(k, r)}
	level := -5 + 35*r.Float64()
	for i := range s.sim.Receivers {
		snr := min(30, max(-5, level+5*r.NormFloat64()))
		e.SNR = append(e.SNR, snr)
		e.Links = append(e.Links, sim.Link{Excess: budget * r.NormFloat64()})
		s.snr = append(s.snr, math.Pow(10, snr/10))
		s.sigma = append(s.sigma, math.Hypot(s.sim.Receivers[i].ClockSigma, budget))
	}
	s.sim.Emitters = []sim.Emitter{e}
}

// carrier draws the frequency: 3 of 4 scenes at VHF or above, the others at HF and at
// long and medium waves alike.
func (s *scene) carrier(r *rand.Rand) float64 {
	switch u := r.Float64(); {
	case u < 0.125:
		return logUniform(r, max(60e3, 2*s.bandwidth), 3e6)
	case u < 0.25:
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

// offset puts one clock off by 1 to 10 ms, though never by more than a third of the
// recording, which would leave too little heard by all.
func (s *scene) offset(r *rand.Rand) {
	s.faulty = r.IntN(len(s.snr))
	by := min(1e-3+9e-3*r.Float64(), s.sim.Duration/3)
	if r.IntN(2) == 0 {
		by = -by
	}
	s.sim.Receivers[s.faulty].ClockOffset = by
}

// interfere adds a second emitter in the same band which two receivers alone hear, 3 to
// 10 dB above the first, from anywhere the first might be: their pair's correlation
// peaks where that one is.
func (s *scene) interfere(r *rand.Rand) {
	a := r.IntN(len(s.snr))
	b := (a + 1 + r.IntN(len(s.snr)-1)) % len(s.snr)
	e := s.sim.Emitters[0]
	e.Name, e.Links = "interference", nil
	span, centre := s.spread, s.sim.Receivers[a].Position
	e.Position = onGround(centre, [2]float64{span * (2*r.Float64() - 1), span * (2*r.Float64() - 1)})
	e.SNR = make([]float64, len(s.snr))
	above := 3 + 7*r.Float64()
	for i := range e.SNR {
		e.SNR[i] = math.Inf(-1)
		if i == a || i == b {
			e.SNR[i] = s.sim.Emitters[0].SNR[i] + above
		}
	}
	s.sim.Emitters = append(s.sim.Emitters, e)
}

// echo gives one receiver a second path, 0 to 6 dB above the first and 1 to 30 times
// the signal's resolution later.
func (s *scene) echo(r *rand.Rand) {
	s.faulty = r.IntN(len(s.snr))
	link := &s.sim.Emitters[0].Links[s.faulty]
	link.EchoDelay, link.EchoGain = logUniform(r, 1, 30)/s.bandwidth, 6*r.Float64()
}

func logUniform(r *rand.Rand, low, high float64) float64 {
	return low * math.Pow(high/low, r.Float64())
}
