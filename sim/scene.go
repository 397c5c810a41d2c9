package sim

import (
	"math"
	"time"

	"foxhunt/geo"
	"foxhunt/messages"
)

// speedOfLight in m/s.
const speedOfLight = 299792458

// Scene is a network of receivers and what they can hear. The zero Propagation is
// free space. A Scene is only read by its methods, so goroutines may share it.
type Scene struct {
	Start       time.Time // where tracks begin and clocks have not drifted yet
	Duration    float64   // s, of each receiver's recording
	Offset      float64   // Hz, how far above an emitter's carrier the receivers tune to record it
	Seed        uint64    // of the shadowing, which stays from capture to capture
	Propagation Propagation
	Emitters    []Emitter
	Receivers   []Receiver
}

// Emitter is one transmitter.
type Emitter struct {
	Name      string
	Position  geo.Position // where it stands, unless it has a track
	Track     Track
	Frequency float64 // Hz, of the carrier
	Power     float64 // dBm, radiated
	Waveform  Waveform
	Gain      []float64 // dB, optional, one a receiver: adds to propagation's
	SNR       []float64 // dB, optional, one a receiver, in the waveform's bandwidth: replaces power and propagation; -Inf is silence
	Links     []Link    // optional, one a receiver
}

// Link is what the path from an emitter to one receiver does beyond the direct line.
type Link struct {
	Excess    float64 // s, later than the direct line
	Scatter   float64 // s, standard deviation of what is drawn anew for every capture and added to Excess: never below 0, half-normal
	EchoDelay float64 // s, of a second path after the first; 0: none
	EchoGain  float64 // dB, of the second path over the first
}

// Track is a closed course along geodesics, at constant speed, from the scene's start on.
type Track struct {
	Waypoints []geo.Position
	Speed     float64 // m/s
}

// Propagation says how much of an emitter's power arrives: log-distance path loss
// from one metre of free space on, PL = PL(1 m) + 10 Exponent log10(d/m).
type Propagation struct {
	Exponent  float64 // 0 stands for 2, free space; towns 2.7 to 3.5
	Shadowing float64 // dB, standard deviation of what buildings and hills add, per link
}

// Receiver is one station.
type Receiver struct {
	Station     string
	Position    geo.Position
	SampleRate  float64 // Hz, nominal
	Bandwidth   float64 // Hz, of its filter; 0: the whole sample rate
	NoiseFigure float64 // dB
	Format      messages.SampleFormat

	ClockOffset float64 // s; positive: the clock is fast, and its stamps are late
	ClockDrift  float64 // s/s, from the scene's start on; the station counts its rate by these seconds, too
	ClockJitter float64 // s, standard deviation of an offset drawn anew for every capture
	ClockSigma  float64 // s, what the station says of its clock
	RateError   float64 // the true rate is SampleRate (1 + RateError)
	RateUnknown bool    // the station states its nominal rate, not the one its clock measures
	TuningError float64 // it tunes to (1 + TuningError) times what it should; RateError's value where one oscillator makes both
	StartJitter float64 // s: it begins up to so much after the capture's time
}

// At returns where the emitter is.
func (e *Emitter) At(start, t time.Time) geo.Position {
	if len(e.Track.Waypoints) == 0 {
		return e.Position
	}
	return e.Track.at(t.Sub(start).Seconds())
}

func (t Track) at(seconds float64) geo.Position {
	n := len(t.Waypoints)
	var total float64
	for i := range n {
		leg, _, _ := geo.Inverse(t.Waypoints[i], t.Waypoints[(i+1)%n])
		total += leg
	}
	if total == 0 || t.Speed == 0 {
		return t.Waypoints[0]
	}
	way := math.Mod(t.Speed*seconds, total)
	if way < 0 {
		way += total
	}
	for i := range n {
		from, to := t.Waypoints[i], t.Waypoints[(i+1)%n]
		leg, azimuth, _ := geo.Inverse(from, to)
		if way <= leg && leg > 0 {
			p, _ := geo.Direct(from, azimuth, way)
			p.Altitude = from.Altitude + (to.Altitude-from.Altitude)*way/leg
			return p
		}
		way -= leg
	}
	return t.Waypoints[0]
}

// earthRadius is the mean one, m: it serves to scale distances with height.
const earthRadius = 6371e3

// PathLength returns how far a wave travels from a to b: along the ground at the mean
// of their heights, and the difference of heights as a slope.
func PathLength(a, b geo.Position) float64 {
	d, _, _ := geo.Inverse(a, b)
	d *= 1 + (a.Altitude+b.Altitude)/2/earthRadius
	return math.Hypot(d, a.Altitude-b.Altitude)
}

// loss is the path loss in dB without shadowing, for d metres at f hertz.
func (p Propagation) loss(d, f float64) float64 {
	exponent := p.Exponent
	if exponent == 0 {
		exponent = 2
	}
	return 20*math.Log10(4*math.Pi*f/speedOfLight) + 10*exponent*math.Log10(max(d, 1))
}

// noiseDensity is the receiver's noise in mW/Hz: thermal noise at 290 K and its own.
func (r *Receiver) noiseDensity() float64 {
	const boltzmann = 1.380649e-23 // J/K
	return boltzmann * 290 * 1e3 * math.Pow(10, r.NoiseFigure/10)
}

// passband is the width of what the receiver lets through, Hz.
func (r *Receiver) passband() float64 {
	if r.Bandwidth == 0 {
		return r.SampleRate
	}
	return min(r.Bandwidth, r.SampleRate)
}
