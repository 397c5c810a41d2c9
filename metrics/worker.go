package metrics

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Worker counts what a worker does. Its methods are safe for concurrent use.
type Worker struct {
	*arms
	*events
	captures   prometheus.Counter
	inFlight   prometheus.Gauge
	duration   prometheus.Histogram
	stages     *prometheus.HistogramVec
	fixes      prometheus.Counter
	repeated   prometheus.Counter
	dead       *prometheus.CounterVec
	retries    *prometheus.CounterVec
	hits       atomic.Uint64
	misses     atomic.Uint64
	shared     atomic.Uint64
	runs       prometheus.Counter
	inferences prometheus.Counter
	latency    prometheus.Histogram
	stations   *stations
}

// latencyBuckets reach from a cache hit to the slowest fix that anyone would wait for.
var latencyBuckets = []float64{.0005, .001, .002, .005, .01, .02, .05, .1, .2, .5, 1, 2, 5, 10, 30}

// waitBuckets reach further, as captures may wait for hours.
var waitBuckets = []float64{.005, .01, .02, .05, .1, .2, .5, 1, 2, 5, 10, 30, 60, 300, 1800, 7200}

// NewWorker registers the collectors of a worker. What should wake somebody at its first time begins with 0, as rate() and
// increase() miss the first count of a series that was not there before.
func NewWorker(r prometheus.Registerer) *Worker {
	w := &Worker{
		arms:       newArms(r),
		events:     newEvents(r),
		captures:   counter(r, "foxhunt_captures_total", "Captures taken off the stream, one that is delivered again counted again."),
		inFlight:   gauge(r, "foxhunt_captures_in_flight", "Captures that this worker has in hand."),
		fixes:      counter(r, "foxhunt_fixes_total", "Fixes published and confirmed."),
		repeated:   counter(r, "foxhunt_fixes_repeated_total", "Fixes that the stream had already, of captures delivered or sent twice, and dropped."),
		dead:       counters(r, "foxhunt_dead_letters_total", "Captures put among the dead letters, by reason code.", "code"),
		retries:    counters(r, "foxhunt_retries_total", "Captures handed back to be tried again, by the kind of failure.", "code"),
		runs:       counter(r, "foxhunt_model_runs_total", "Runs of the model; captures of one shape share a run."),
		inferences: counter(r, "foxhunt_model_inferences_total", "Captures that went through the model."),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "foxhunt_capture_duration_seconds", Buckets: latencyBuckets,
			Help: "From taking a capture off the stream to its confirmed fix."}),
		stages: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "foxhunt_stage_duration_seconds", Buckets: latencyBuckets,
			Help: "Time a capture spent in each stage, waiting included."}, []string{"stage"}),
	}
	w.latency = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "foxhunt_fix_latency_seconds", Buckets: waitBuckets,
		Help: "From storing a capture in the stream, or from when nobody was waited for any more in its event, to its confirmed fix, by the server's clock and then the worker's: the wait for a worker included."})
	r.MustRegister(w.duration, w.stages, w.latency)
	w.stations = newStations(r, mostStations)
	for _, code := range []string{"gave_up", "kills_workers"} {
		w.dead.WithLabelValues(code)
	}
	for _, code := range []string{"deadline", "model_failed", "panic", "publish_failed"} {
		w.retries.WithLabelValues(code)
	}
	fromFunc(r, true, "foxhunt_cache_hits_total", "Captures whose fix came from the cache.", func() float64 { return float64(w.hits.Load()) })
	fromFunc(r, true, "foxhunt_cache_misses_total", "Captures that were computed because the cache did not know them.", func() float64 { return float64(w.misses.Load()) })
	fromFunc(r, true, "foxhunt_cache_shared_total", "Captures that the cache did not know, and whose fix came from the computation for the very same capture in flight.", func() float64 { return float64(w.shared.Load()) })
	fromFunc(r, false, "foxhunt_cache_hit_ratio", "Hits over look-ups since the start; 0 before the first.", w.hitRatio)
	return w
}

// InFlight adds to the number of captures in hand: more when they are taken, less when they are settled.
func (w *Worker) InFlight(delta int) {
	w.inFlight.Add(float64(delta))
	if delta > 0 {
		w.captures.Add(float64(delta))
	}
}

// Stage records how long a capture took in a stage.
func (w *Worker) Stage(name string, took time.Duration) {
	w.stages.WithLabelValues(name).Observe(took.Seconds())
}

// Batch records a run of the model over so many captures.
func (w *Worker) Batch(size int) {
	w.runs.Inc()
	w.inferences.Add(float64(size))
}

// Shared records a look-up that was neither hit nor miss: the same was being computed for another capture.
func (w *Worker) Shared() { w.shared.Add(1) }

// Cache records a look-up that was a hit or a miss.
func (w *Worker) Cache(hit bool) {
	if hit {
		w.hits.Add(1)
	} else {
		w.misses.Add(1)
	}
}

// Fixed records a confirmed fix and the time it took.
func (w *Worker) Fixed(took time.Duration) {
	w.fixes.Inc()
	w.duration.Observe(took.Seconds())
}

// Latency records the time from storing a capture to its confirmed fix; of clocks that disagree, 0 is the least.
func (w *Worker) Latency(took time.Duration) { w.latency.Observe(max(took, 0).Seconds()) }

// Station records what a fix told of a station: whether it rests on it, by how much the signal came later there than it
// explains (s), and when the capture was stored in the stream.
func (w *Worker) Station(network, station string, used bool, residual float64, stored time.Time) {
	w.stations.add(network, station, used, residual, stored, time.Now())
}

// Received records a capture that its station numbered, at its first delivery.
func (w *Worker) Received(network, station string, sequence uint64) {
	w.stations.receive(network, station, sequence, time.Now())
}

// Repeated records a fix that the stream had already.
func (w *Worker) Repeated() { w.repeated.Inc() }

// Dead records a dead letter.
func (w *Worker) Dead(code string) { w.dead.WithLabelValues(code).Inc() }

// Retried records a capture handed back.
func (w *Worker) Retried(code string) { w.retries.WithLabelValues(code).Inc() }

func (w *Worker) hitRatio() float64 {
	hits := float64(w.hits.Load())
	all := hits + float64(w.misses.Load()) + float64(w.shared.Load())
	if all == 0 {
		return 0
	}
	return hits / all
}
