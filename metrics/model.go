package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Model tells which models are in memory, what became of those that were to be, and whether that is as the fleet's plan wants
// it. One goroutine at a time loads models.
type Model struct {
	serving  map[string]ServedModel // by arm
	loaded   prometheus.Gauge
	info     *prometheus.GaugeVec
	bytes    *prometheus.GaugeVec
	accuracy *prometheus.GaugeVec
	reloads  *prometheus.CounterVec
	failures *prometheus.CounterVec
	stops    prometheus.Counter
	duration prometheus.Histogram
	planned  prometheus.Gauge
	followed prometheus.Gauge
}

// ServedModel is a model that serves.
type ServedModel struct {
	Name, Version, Digest string
	Bytes                 int      // of its file
	Accuracy              *float64 // nil: it states none
}

// NewModel registers the collectors of a worker's models.
func NewModel(r prometheus.Registerer) *Model {
	m := &Model{
		serving:  make(map[string]ServedModel),
		loaded:   gauge(r, "foxhunt_model_loaded", "1 when a model is loaded and serves, else 0."),
		info:     gauges(r, "foxhunt_model_info", "1 for each model that serves, by the arm it serves in.", "arm", "digest", "name", "version"),
		bytes:    gauges(r, "foxhunt_model_file_bytes", "Size of the file of a model that serves; in memory it takes more.", "arm", "name", "version"),
		accuracy: gauges(r, "foxhunt_model_stated_accuracy", "The accuracy that the model states of itself, in its own unit; absent when it states none.", "arm", "name", "version"),
		reloads:  counters(r, "foxhunt_model_reloads_total", "Times that another model came to serve in an arm than the one before.", "arm"),
		failures: counters(r, "foxhunt_model_load_failures_total", "Models that were wanted and could not be had, by reason code; one that is refused for good counts once.", "code"),
		stops:    counter(r, "foxhunt_challenger_stops_total", "Splits that this worker stopped for the whole fleet, because the challenger failed too often."),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "foxhunt_model_load_duration_seconds", Buckets: []float64{.05, .1, .2, .5, 1, 2, 5, 10, 20, 60, 120},
			Help: "Time to check a model, load it and warm it up, of those that could be; downloading is not in it."}),
		planned:  gauge(r, "foxhunt_model_plan_timestamp_seconds", "When the plan that this worker knows was made; 0 for none. Workers with different ones do not agree."),
		followed: gauge(r, "foxhunt_model_plan_followed", "1 when this worker serves all that the plan says, or the default model where there is no plan, else 0."),
	}
	m.reloads.WithLabelValues("champion") // begins with 0
	r.MustRegister(m.duration)
	return m
}

// Loaded records a model that is in memory now, and how long that took.
func (m *Model) Loaded(took time.Duration) { m.duration.Observe(took.Seconds()) }

// Failed records a model that could not be had.
func (m *Model) Failed(code string) { m.failures.WithLabelValues(code).Inc() }

// Stopped records a split that this worker stopped.
func (m *Model) Stopped() { m.stops.Inc() }

// Serving says which model serves in an arm from now on; nil: none.
func (m *Model) Serving(arm string, model *ServedModel) {
	_, before := m.serving[arm]
	for _, series := range []*prometheus.GaugeVec{m.info, m.bytes, m.accuracy} {
		series.DeletePartialMatch(prometheus.Labels{"arm": arm})
	}
	delete(m.serving, arm)
	if model != nil {
		m.serving[arm] = *model
		m.info.WithLabelValues(arm, model.Digest, model.Name, model.Version).Set(1)
		m.bytes.WithLabelValues(arm, model.Name, model.Version).Set(float64(model.Bytes))
		if model.Accuracy != nil {
			m.accuracy.WithLabelValues(arm, model.Name, model.Version).Set(*model.Accuracy)
		}
		if before {
			m.reloads.WithLabelValues(arm).Inc()
		}
	}
	m.loaded.Set(number(len(m.serving) > 0))
}

// Plan says when the plan was made that is known, zero for none, and whether all of it is so.
func (m *Model) Plan(made time.Time, followed bool) {
	if made.IsZero() {
		m.planned.Set(0)
	} else {
		m.planned.Set(float64(made.UnixNano()) / 1e9)
	}
	m.followed.Set(number(followed))
}
