package worker

import (
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"foxhunt/messages"
)

// ArmStats is what one model did in one arm of this worker since it came there. Counts are of captures.
type ArmStats struct {
	Model    messages.Model
	Arm      string // messages.ArmChampion, ...
	Since    time.Time
	Captures uint64   // that it was asked for; a capture delivered again counts again
	Fixes    uint64   // that were published and confirmed
	Errors   uint64   // captures that it could not answer, for whatever reason
	LookUps  uint64   // in the cache
	Hits     uint64   // look-ups that the cache answered
	Latency  *Latency // nil before the first fix
}

// Latency is how long fixes took, from taking the capture to the confirmed fix; a shadow's from when its work began.
type Latency struct{ P50, P95, P99 time.Duration }

// What the histogram of latencies can tell: two digits, from microseconds to longer than anyone waits.
const (
	longestLatency = 10 * time.Minute
	latencyDigits  = 2
)

// arm counts for ArmStats, and tells the observer.
type arm struct {
	name     string
	model    messages.Model
	labels   [2]string // the model's name and version, fit for metrics: a model says of itself what it wants
	since    time.Time
	observer Observer

	mu        sync.Mutex
	stats     ArmStats
	latencies *hdrhistogram.Histogram // µs
}

func newArm(name string, model messages.Model, observer Observer) *arm {
	return &arm{
		name: name, model: model, since: time.Now(), observer: observer,
		labels:    [2]string{messages.Sentence(model.Name), messages.Sentence(model.Version)},
		latencies: hdrhistogram.New(1, longestLatency.Microseconds(), latencyDigits),
	}
}

// subject is where the arm's fixes of a capture go.
func (a *arm) subject(capture string) (string, error) {
	if a.name == messages.ArmShadow {
		return messages.ShadowSubject(capture)
	}
	return messages.FixSubject(capture)
}

// count changes the figures.
func (a *arm) count(change func(*ArmStats)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	change(&a.stats)
}

func (a *arm) asked() { a.count(func(s *ArmStats) { s.Captures++ }) }

// lookedUp tells how a look-up in the cache ended.
func (a *arm) lookedUp(hit bool) {
	a.count(func(s *ArmStats) {
		s.LookUps++
		if hit {
			s.Hits++
		}
	})
}

func (a *arm) serves() { a.observer.ArmServes(a.labels[0], a.labels[1], a.name) }

func (a *arm) inferred() { a.observer.ArmInferred(a.labels[0], a.labels[1], a.name) }

func (a *arm) failed(code string) {
	a.count(func(s *ArmStats) { s.Errors++ })
	a.observer.ArmFailed(a.labels[0], a.labels[1], a.name, code)
}

func (a *arm) fixed(took time.Duration) {
	a.count(func(s *ArmStats) {
		s.Fixes++
		_ = a.latencies.RecordValue(min(max(took, 0), longestLatency).Microseconds()) // within its range
	})
	a.observer.ArmFixed(a.labels[0], a.labels[1], a.name, took)
}

// read gives the figures as they are now.
func (a *arm) read() ArmStats {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.stats
	s.Model, s.Arm, s.Since = a.model, a.name, a.since
	if s.Fixes > 0 {
		at := func(q float64) time.Duration {
			return time.Duration(a.latencies.ValueAtQuantile(q)) * time.Microsecond
		}
		s.Latency = &Latency{P50: at(50), P95: at(95), P99: at(99)}
	}
	return s
}
