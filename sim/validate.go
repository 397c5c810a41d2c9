package sim

import "math"

// Validate refuses (bad_scene) what cannot be simulated.
func (s *Scene) Validate() error {
	if err := positive("duration", s.Duration); err != nil {
		return err
	}
	if !(s.Propagation.Exponent >= 0 && s.Propagation.Shadowing >= 0) {
		return refuse("propagation exponent %g, shadowing %g dB; want neither below 0", s.Propagation.Exponent, s.Propagation.Shadowing)
	}
	if !(math.Abs(s.Offset) <= 1e9) {
		return refuse("receivers tuned %g Hz off; want at most 1 GHz", s.Offset)
	}
	if len(s.Emitters) == 0 || len(s.Receivers) == 0 {
		return refuse("%d emitters and %d receivers; want one or more of each", len(s.Emitters), len(s.Receivers))
	}
	for i := range s.Receivers {
		if err := s.Receivers[i].validate(s.Duration); err != nil {
			return err
		}
	}
	for i := range s.Emitters {
		if err := s.Emitters[i].validate(len(s.Receivers)); err != nil {
			return err
		}
	}
	return nil
}

func (r *Receiver) validate(duration float64) error {
	if err := r.Position.Validate(); err != nil {
		return refuse("receiver %s: %v", r.Station, err)
	}
	if err := positive("sample rate of "+r.Station, r.SampleRate); err != nil {
		return err
	}
	n := duration * r.SampleRate
	switch {
	case r.Format.BytesPerSample() == 0:
		return refuse("receiver %s: sample format %q is unknown", r.Station, r.Format)
	case !(n >= 1 && n <= 1<<22):
		return refuse("receiver %s: %g s at %g Hz are %.0f samples; want 1 to 4,194,304", r.Station, duration, r.SampleRate, n)
	case !(r.Bandwidth >= 0 && r.ClockJitter >= 0 && r.ClockSigma >= 0 && r.StartJitter >= 0):
		return refuse("receiver %s: bandwidth, clock jitter, clock sigma and start jitter may not be negative", r.Station)
	case !(math.Abs(r.RateError) < 0.01 && math.Abs(r.ClockDrift) < 0.01 && math.Abs(r.TuningError) < 0.01):
		return refuse("receiver %s: rate error %g, clock drift %g, tuning error %g; want less than a hundredth", r.Station, r.RateError, r.ClockDrift, r.TuningError)
	case !(math.Abs(r.ClockOffset) <= 3600 && r.ClockJitter <= 1 && r.StartJitter <= 60):
		return refuse("receiver %s: clock offset %g s, clock jitter %g s, start jitter %g s; want at most an hour, a second and a minute", r.Station, r.ClockOffset, r.ClockJitter, r.StartJitter)
	}
	return nil
}

func (e *Emitter) validate(receivers int) error {
	if e.Waveform == nil {
		return refuse("emitter %s has no waveform", e.Name)
	}
	if err := e.Waveform.validate(); err != nil {
		return err
	}
	if err := positive("frequency of "+e.Name, e.Frequency); err != nil {
		return err
	}
	for _, p := range append(e.Track.Waypoints[:len(e.Track.Waypoints):len(e.Track.Waypoints)], e.Position) {
		if err := p.Validate(); err != nil {
			return refuse("emitter %s: %v", e.Name, err)
		}
	}
	if !(math.Abs(e.Track.Speed) <= 1e4 && math.Abs(e.Power) <= 200) {
		return refuse("emitter %s: speed %g m/s, power %g dBm; want at most 10,000 and 200", e.Name, e.Track.Speed, e.Power)
	}
	for _, n := range []int{len(e.Gain), len(e.SNR), len(e.Links)} {
		if n != 0 && n != receivers {
			return refuse("emitter %s: %d entries for %d receivers", e.Name, n, receivers)
		}
	}
	for i := range e.SNR {
		if !(e.SNR[i] <= 200) {
			return refuse("emitter %s: SNR of %g dB; want at most 200", e.Name, e.SNR[i])
		}
	}
	for i := range e.Gain {
		if !(e.Power+e.Gain[i] <= 200) {
			return refuse("emitter %s: %g dBm and a gain of %g dB; want at most 200 dBm", e.Name, e.Power, e.Gain[i])
		}
	}
	for _, l := range e.Links {
		if !(math.Abs(l.Excess) <= 1 && l.Scatter >= 0 && l.Scatter <= 0.1 && l.EchoDelay >= 0 && l.EchoDelay <= 1 && math.Abs(l.EchoGain) <= 200) {
			return refuse("emitter %s: link %+v; want delays within a second, an echo after the first path", e.Name, l)
		}
	}
	return nil
}
