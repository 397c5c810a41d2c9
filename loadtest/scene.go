package loadtest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"foxhunt/geo"
	"foxhunt/messages"
	"foxhunt/sim"
)

// Shape is what simulated captures look like.
type Shape struct {
	Receivers int
	Samples   int // of each receiver
	Format    messages.SampleFormat
}

// distinct is how many captures are simulated; fresh ones are made from them.
const distinct = 16

// Simulate makes captures of receivers on a ring of 20 km around emitters at random places within it, heard at 48 kHz.
func Simulate(shape Shape, seed uint64, now time.Time) ([]*messages.Capture, error) {
	if shape.Receivers < 1 || shape.Receivers > messages.MaxReceivers {
		return nil, fmt.Errorf("receivers are %d; want 1 to %d", shape.Receivers, messages.MaxReceivers)
	}
	const rate, radius = 48e3, 20e3
	random := rand.New(rand.NewPCG(seed, 2))
	centre := geo.Position{Latitude: 45, Longitude: 9}
	frame := geo.NewFrame(centre)
	scene := &sim.Scene{Start: now, Duration: float64(shape.Samples) / rate, Seed: seed}
	for i := range shape.Receivers {
		bearing := 2 * math.Pi * (float64(i) + 0.3*random.Float64()) / float64(shape.Receivers)
		place, err := frame.SurfacePoint(radius*math.Cos(bearing), radius*math.Sin(bearing))
		if err != nil {
			return nil, err
		}
		scene.Receivers = append(scene.Receivers, sim.Receiver{
			Station: fmt.Sprintf("load-%d", i+1), Position: place, SampleRate: rate, Bandwidth: 40e3, NoiseFigure: 6,
			Format: shape.Format, ClockJitter: 100e-9, ClockSigma: 200e-9,
		})
	}
	var captures []*messages.Capture
	for i := range distinct {
		distance, bearing := 0.7*radius*math.Sqrt(random.Float64()), 2*math.Pi*random.Float64()
		place, err := frame.SurfacePoint(distance*math.Cos(bearing), distance*math.Sin(bearing))
		if err != nil {
			return nil, err
		}
		scene.Emitters = []sim.Emitter{{
			Name: "load", Position: place, Frequency: 145e6, Power: 40, Waveform: sim.PSK{SymbolRate: 24e3, RollOff: 0.3, Order: 4},
		}}
		capture, _, err := scene.Capture(0, now.Add(time.Duration(i)*time.Second), seed+uint64(i))
		if err != nil {
			return nil, err
		}
		captures = append(captures, capture)
	}
	return captures, nil
}
