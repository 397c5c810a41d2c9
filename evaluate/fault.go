package evaluate

import (
	"math"
	"math/rand/v2"
)

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
	e.Position.Altitude = s.emitter.Altitude
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

// exceed makes errors twice what is stated: the clocks', and the paths', which are never shorter than the direct line.
func (s *scene) exceed(r *rand.Rand) {
	const halfNormal = 0.6028 // standard deviation of |x|, for x of standard deviation one
	links := s.sim.Emitters[0].Links
	for i := range links {
		rx := &s.sim.Receivers[i]
		rx.ClockJitter *= 2
		links[i].Excess = 2 * s.propagation / halfNormal * math.Abs(r.NormFloat64())
		s.sigma[i] *= 2
	}
}

// mistune gives each receiver one oscillator that nothing disciplines: it is off by up to some parts in a million, and
// the tuning with it.
func (s *scene) mistune(r *rand.Rand) {
	size := logUniform(r, 1e-9, 1e-6)
	for i := range s.sim.Receivers {
		off := size * r.NormFloat64()
		s.sim.Receivers[i].RateError, s.sim.Receivers[i].TuningError = off, off
	}
}
