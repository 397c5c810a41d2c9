package chaos

import (
	"math/rand/v2"

	"foxhunt/geo"
)

// Treatment is what a scenario does with a station's capture of an emission.
type Treatment string

const (
	Punctual Treatment = "punctual" // published soon after the emission, like the others
	Copied   Treatment = "copied"   // stored a second time, under another message id
	Repeated Treatment = "repeated" // a second capture of a station, beside its punctual one
	Delayed  Treatment = "delayed"  // published when the event has ended
)

// Heard is one station's capture of an emission. Its ID is the message's: a copy has another than the capture it copies.
type Heard struct {
	Capture
	CaptureID string
	Station   string
	Treatment Treatment
}

// Emission is something that was sent once, and all captures of it, which should meet.
type Emission struct {
	Network string
	Event   string       // what its captures call it; "" where they do not
	Where   geo.Position // of the emitter
	Heard   []Heard

	Frequency float64 // Hz
	Listed    bool    // the workers know which stations there are
}

// leastReceivers is the min_receivers of all networks here.
const leastReceivers = 3

// hear chooses how the captures of the i-th emission are published: some emissions are heard by too few stations, most by
// some, others by all; some captures come late, some twice, and some stations send two. capture makes a capture of a station.
func (e *Emission) hear(i, stations int, capture func(station int) Heard) {
	hear := stations
	switch {
	case i%10 == 7:
		hear = 1 + rand.IntN(leastReceivers-1)
	case i%5 > 1:
		hear = leastReceivers + rand.IntN(stations-leastReceivers)
	}
	for k, station := range rand.Perm(stations)[:hear] {
		e.add(capture(station), Punctual)
		own := &e.Heard[len(e.Heard)-1]
		switch rand.IntN(10) {
		case 0:
			if k >= leastReceivers && hear < stations {
				own.Treatment = Delayed
			}
		case 1:
			copied := *own
			copied.ID += "-copy"
			e.add(copied, Copied)
		case 2:
			e.add(capture(station), Repeated)
		}
	}
}

func (e *Emission) add(h Heard, as Treatment) {
	h.Treatment = as
	e.Heard = append(e.Heard, h)
}
