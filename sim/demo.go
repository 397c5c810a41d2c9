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
	}{
		{"torino", 45.0703, 7.6869, 240, messages.CI16},
		{"milano", 45.4642, 9.1900, 120, messages.CI16},
		{"genova", 44.4056, 8.9463, 20, messages.CU8},
		{"cuneo", 44.3845, 7.5427, 534, messages.CI16},
		{"aosta", 45.7370, 7.3206, 583, messages.CI16},
		{"alessandria", 44.9130, 8.6150, 95, messages.CI8},
		{"piacenza", 45.0526, 9.6929, 61, messages.CI16},
	} {
		s.Receivers = append(s.Receivers, Receiver{
			Station: town.name, Position: geo.Position{Latitude: town.lat, Longitude: town.lon, Altitude: town.altitude},
			SampleRate: 48e3, Bandwidth: 40e3, NoiseFigure: 6, Format: town.format,
			ClockJitter: 200e-9, ClockSigma: 200e-9, RateError: 0.5e-6, StartJitter: 1e-3,
		})
	}
	s.roughen()
	return s
}

// roughen gives every path what towns and hills do to it: it is up to some microseconds longer than the direct line,
// and followed by an echo. Without that the fixes would be better than their ellipses, which allow for it.
func (s *Scene) roughen() {
	r := rand.New(rand.NewPCG(s.Seed, 0))
	for i := range s.Emitters {
		for range s.Receivers {
			s.Emitters[i].Links = append(s.Emitters[i].Links, Link{
				Excess:    1.5e-6 * math.Abs(r.NormFloat64()),
				EchoDelay: 1e-6 + 4e-6*r.Float64(),
				EchoGain:  -6 - 10*r.Float64(),
			})
		}
	}
}
