package receiver

import (
	"math"
	"sync"
	"time"
)

// Reading is what a Meter saw.
type Reading struct {
	Level   float64   // dBFS, mean power of the last whole second; 0 is a tone of full scale, -Inf digital silence
	Peak    float64   // dBFS, the highest power of a window within it
	Clipped float64   // share of its samples at the end of the scale
	Rate    float64   // Hz, the true rate as last measured
	Sigma   float64   // ns, of the blocks' times as last stated
	Time    time.Time // of the last sample; zero before the first
	Came    time.Time // when that came, by this machine's clock

	Samples uint64 // all that came
	Clips   uint64 // those of them at the end of the scale
	Lost    uint64 // all that were lost, as far as can be told
	Gaps    uint64 // how often the samples were interrupted
}

// WindowTime is how long a Window is.
const WindowTime = 10 * time.Millisecond

// Window is the power of WindowTime of samples.
type Window struct {
	Level float64 // dBFS
	End   int     // number of samples of the block up to its end
}

// Meter watches the samples. One goroutine adds, any number read.
type Meter struct {
	info   Info
	size   int // samples a window
	window span
	second span
	peak   float64 // power
	first  bool    // a block has come

	mu      sync.Mutex
	reading Reading
}

// span is samples that are measured together.
type span struct {
	samples int
	power   float64 // sum of |x|²
	clips   int
}

func (s *span) add(o span) {
	s.samples += o.samples
	s.power += o.power
	s.clips += o.clips
}

func (s span) mean() float64 { return s.power / float64(s.samples) }

// NewMeter is a meter for what comes from a receiver.
func NewMeter(info Info) *Meter {
	m := &Meter{info: info, size: max(1, int(info.SampleRate*WindowTime.Seconds()))}
	m.reading.Level, m.reading.Peak, m.reading.Rate = math.Inf(-1), math.Inf(-1), info.SampleRate
	return m
}

// Read returns what was seen so far.
func (m *Meter) Read() Reading {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.reading
}

// Add watches a block, and calls each, which may be nil, for every window that is complete with it.
func (m *Meter) Add(b Block, each func(Window)) {
	if b.NewRun {
		m.window, m.second, m.peak = span{}, span{}, 0
	}
	bytes := m.info.Format.BytesPerSample()
	all := span{}
	for done := 0; done*bytes < len(b.IQ); {
		n := min(m.size-m.window.samples, len(b.IQ)/bytes-done)
		part := measure(m.info.Format, b.IQ[done*bytes:(done+n)*bytes])
		m.window.add(part)
		all.add(part)
		done += n
		if m.window.samples == m.size {
			if each != nil {
				each(Window{Level: decibels(m.window.mean()), End: done})
			}
			m.endWindow()
		}
	}
	m.note(b, all)
}

// endWindow adds the window to its second, and tells the second's figures when it is whole.
func (m *Meter) endWindow() {
	m.second.add(m.window)
	m.peak = max(m.peak, m.window.mean())
	m.window = span{}
	if float64(m.second.samples) < m.info.SampleRate {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.reading.Level, m.reading.Peak = decibels(m.second.mean()), decibels(m.peak)
	m.reading.Clipped = float64(m.second.clips) / float64(m.second.samples)
	m.second, m.peak = span{}, 0
}

// note counts a block.
func (m *Meter) note(b Block, all span) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if b.NewRun && m.first {
		m.reading.Gaps++
	}
	m.first = true
	m.reading.Lost += uint64(b.Lost)
	m.reading.Samples += uint64(all.samples)
	m.reading.Clips += uint64(all.clips)
	m.reading.Rate, m.reading.Sigma = b.Rate, b.Sigma
	m.reading.Came = time.Now()
	m.reading.Time = time.Unix(0, b.Start+int64(float64(all.samples)*1e9/b.Rate))
}

// decibels is a mean power as dBFS.
func decibels(power float64) float64 { return 10 * math.Log10(power) }
