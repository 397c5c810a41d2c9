package chaos

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"foxhunt/geo"
	"foxhunt/messages"
	"foxhunt/sim"
)

// Sizes of the simulated network.
const (
	networkStations = 12
	networkEmitters = 20
	networkRadius   = 40e3 // m
)

// Network is stations that publish alone what they hear of some emitters. Stations differ in rate, format and length.
type Network struct {
	Name        string
	Coordinated bool // their captures name their event; otherwise it is told by frequency and slot
	Slot        time.Duration
	scene       *sim.Scene
	began       time.Time // of the first emission, by the stations' clocks
	n           int       // emissions so far
}

// newNetwork places stations and emitters at random, always the same ones for a name.
func newNetwork(name string, coordinated bool, slot time.Duration) *Network {
	n := &Network{Name: name, Coordinated: coordinated, Slot: slot, began: time.Now().Add(-24 * time.Hour).Truncate(slot)}
	random := rand.New(rand.NewPCG(145, uint64(len(name))))
	centre := geo.Position{Latitude: 45, Longitude: 8}
	n.scene = &sim.Scene{Start: n.began, Duration: 0.02, Seed: 145}
	formats := []messages.SampleFormat{messages.CU8, messages.CI8, messages.CI16, messages.CF32}
	for i := range networkStations {
		azimuth := 360 * (float64(i) + random.Float64()) / networkStations
		place, _ := geo.Direct(centre, azimuth, networkRadius*(0.5+0.5*random.Float64()))
		n.scene.Receivers = append(n.scene.Receivers, sim.Receiver{
			Station: fmt.Sprintf("s%02d", i), Position: place, SampleRate: []float64{48e3, 40e3, 62.5e3}[i%3], Format: formats[i%4],
			ClockSigma: 200e-9, ClockJitter: 200e-9, StartJitter: 1e-3,
		})
	}
	for i := range networkEmitters {
		place, _ := geo.Direct(centre, 360*random.Float64(), networkRadius*math.Sqrt(random.Float64())/2)
		n.scene.Emitters = append(n.scene.Emitters, emitter(i, place, random))
	}
	return n
}

// emitter is one whose paths are as inexact as fixes allow for above 30 MHz.
func emitter(i int, place geo.Position, random *rand.Rand) sim.Emitter {
	const width = 20e3 // Hz
	e := sim.Emitter{Name: fmt.Sprintf("e%02d", i), Position: place, Frequency: 145e6 + 1e6*float64(i), Waveform: sim.Noise{Width: width}}
	for range networkStations {
		e.SNR = append(e.SNR, 10+10*random.Float64())
		e.Links = append(e.Links, sim.Link{Excess: math.Hypot(0.3e-6, 0.05/width) * random.NormFloat64()})
	}
	return e
}

// Stations are the names of its stations.
func (n *Network) Stations() (names []string) {
	for i := range n.scene.Receivers {
		names = append(names, n.scene.Receivers[i].Station)
	}
	return names
}

// Emit has the next emitter send, and every station capture it. Of one emitter there are two slots from one emission to the
// next. Every fifth emission of an uncoordinated network begins where one slot ends and the next begins, so that some
// stations' captures are of the one and some of the other.
func (n *Network) Emit(t testing.TB) *Emission {
	t.Helper()
	i := n.n
	n.n++
	at := n.began.Add(2 * n.Slot * time.Duration(i/networkEmitters))
	if !n.Coordinated && i%5 == 0 {
		at = at.Add(n.Slot/2 - 500*time.Microsecond)
	}
	event := ""
	if n.Coordinated {
		event = fmt.Sprintf("%s-%d", messages.NewCaptureID()[:8], i)
	}
	whole, _, err := n.scene.Capture(i%networkEmitters, at, rand.Uint64())
	if err != nil {
		t.Fatal(err)
	}
	e := &Emission{
		Network: n.Name, Event: event, Where: n.scene.Emitters[i%networkEmitters].Position,
		Frequency: whole.Frequency, Listed: n.Coordinated,
	}
	e.hear(i, networkStations, func(station int) Heard {
		return alone(t, n.Name, event, whole.Frequency, shorten(whole.Receivers[station], station%3))
	})
	return e
}

// shorten cuts so many eighths off a recording's end.
func shorten(r messages.Receiver, eighths int) messages.Receiver {
	size := r.Format.BytesPerSample()
	samples := len(r.IQ) / size
	r.IQ = r.IQ[:(samples-samples*eighths/8)*size]
	return r
}

// alone is a capture of one station, with an id of its own.
func alone(t testing.TB, network, event string, frequency float64, r messages.Receiver) Heard {
	t.Helper()
	c := messages.Capture{Version: messages.CaptureVersion, ID: messages.NewCaptureID(), Event: event, Frequency: frequency, Cache: true, Receivers: []messages.Receiver{r}}
	data, err := c.Encode(nil)
	if err != nil {
		t.Fatal(err)
	}
	return Heard{
		Capture:   Capture{ID: c.ID, Subject: "captures." + network + "." + r.Station, Data: data},
		CaptureID: c.ID, Station: r.Station,
	}
}
