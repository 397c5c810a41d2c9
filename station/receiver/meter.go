package receiver

import (
	"math"
	"sync"
	"time"
)

// Reading is what a Meter saw.
type Reading struct {
	Level   float64   // dBFS, mean power of the last second or so; 0 is a sinusoid of full scale, -Inf digital silence
	Peak    float64   // dBFS, the highest Level of a hundredth of a second within it
	Clipped float64   // share of the samples of the last second or so that are at the end of the scale
	Rate    float64   // Hz, the true rate as last measured
	Sigma   float64   // ns, of the blocks' times as last stated
	Time    time.Time // of the last sample

	Samples uint64 // all that came
	Lost    uint64 // all that were lost
	Gaps    uint64 // how often the samples were interrupted
	Clips   uint64 // all samples at the end of the scale
}

// Meter watches the samples. One goroutine adds, any number read.
type Meter struct {
	mu      sync.Mutex
	reading Reading
}

// Read returns what was seen so far.
func (m *Meter) Read() Reading {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.reading
}

// Decibels is a mean power as dBFS.
func Decibels(power float64) float64 { return 10 * math.Log10(power) }
