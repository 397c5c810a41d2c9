package sim

import (
	"math"
	"math/rand/v2"
	"time"

	"foxhunt/geo"
	"foxhunt/messages"
)

// Demo is a scene to look at: seven receivers in towns of north-west Italy with
// GNSS-disciplined clocks, and four emitters near 145 MHz, one of them a car on the
// road from Savona by Ceva and Mondovì to Fossano and back. Each recording is 50 ms at
// 48 kHz. Tracks and clocks start at the given time.
func Demo(start time.Time) *Scene {
	s := &Scene{
		Start: start, Duration: 0.05, Seed: 145,
		Propagation: Propagation{Exponent: 2.7, Shadowing: 5},
		Emitters: []Emitter{
			{Name: "asti-repeater", Position: geo.Position{Latitude: 44.9008, Longitude: 8.2065, Altitude: 150}, Frequency: 145.6e6, Power: 44,
				Waveform: FM{Deviation: 5e3, Audio: 3e3}},
			{Name: "vercelli-data", Position: geo.Position{Latitude: 45.3202, Longitude: 8.4185, Altitude: 140}, Frequency: 145.8e6, Power: 41,
				Waveform: PSK{SymbolRate: 18e3, RollOff: 0.35, Order: 4}},
			{Name: "tortona-jammer", Position: geo.Position{Latitude: 44.8942, Longitude: 8.8655, Altitude: 130}, Frequency: 145.3e6, Power: 43,
				Waveform: Noise{Width: 30e3}},
			{Name: "car", Frequency: 145.5e6, Power: 44, Waveform: PSK{SymbolRate: 24e3, RollOff: 0.25, Order: 2},
				Track: Track{Speed: 25, Waypoints: []geo.Position{
					{Latitude: 44.3090, Longitude: 8.4772, Altitude: 10},  // Savona
					{Latitude: 44.3866, Longitude: 8.0343, Altitude: 390}, // Ceva
					{Latitude: 44.3896, Longitude: 7.8181, Altitude: 400}, // Mondovì
					{Latitude: 44.5497, Longitude: 7.7251, Altitude: 370}, // Fossano
					{Latitude: 44.3896, Longitude: 7.8181, Altitude: 400},
					{Latitude: 44.3866, Longitude: 8.0343, Altitude: 390},
				}}},
		},
	}
	for _, town := range []struct {
		name               string
		lat, lon, altitude float64
		format             messages.SampleFormat
		oscillator         float64 // relative error: what disciplining by GNSS leaves
	}{
		{"torino", 45.0703, 7.6869, 240, messages.CI16, 4e-9},
		{"milano", 45.4642, 9.1900, 120, messages.CI16, -9e-9},
		{"genova", 44.4056, 8.9463, 20, messages.CU8, 15e-9},
		{"cuneo", 44.3845, 7.5427, 534, messages.CI16, -2e-9},
		{"aosta", 45.7370, 7.3206, 583, messages.CI16, 7e-9},
		{"alessandria", 44.9130, 8.6150, 95, messages.CI8, -18e-9},
		{"piacenza", 45.0526, 9.6929, 61, messages.CI16, 11e-9},
	} {
		s.Receivers = append(s.Receivers, Receiver{
			Station: town.name, Position: geo.Position{Latitude: town.lat, Longitude: town.lon, Altitude: town.altitude},
			SampleRate: 48e3, Bandwidth: 40e3, NoiseFigure: 6, Format: town.format, StartJitter: 1e-3,
			ClockJitter: 200e-9, ClockSigma: 200e-9, RateError: town.oscillator, TuningError: town.oscillator,
		})
	}
	s.roughen()
	return s
}

// roughen gives every path what towns and hills do to it: it is longer than the direct line, by another bit for every
// capture, and followed by an echo. Where fixes allow for more than that or for less, their ellipses would be too large
// or too small to be looked at as what they are.
func (s *Scene) roughen() {
	r := rand.New(rand.NewPCG(s.Seed, 0))
	for i := range s.Emitters {
		// What a fix above 30 MHz allows for by default: 0.3 us, and a twentieth of the waveform's resolution.
		allowed := math.Hypot(0.3e-6, 0.05/occupied(s.Emitters[i].Waveform))
		for range s.Receivers {
			s.Emitters[i].Links = append(s.Emitters[i].Links, Link{
				Scatter:   0.9 * allowed, // the echo takes the rest
				EchoDelay: 1e-6 + 4e-6*r.Float64(),
				EchoGain:  -6 - 10*r.Float64(),
			})
		}
	}
}

// occupied is the width of a flat spectrum that is as concentrated as the waveform's, Hz: what stations measure.
func occupied(w Waveform) float64 {
	switch w := w.(type) {
	case FM: // a strong modulation's spectrum is its instantaneous frequency's distribution: Gaussian
		return 2 * math.SqrtPi * w.Deviation / 3
	case PSK:
		return w.SymbolRate
	}
	return w.Bandwidth()
}
