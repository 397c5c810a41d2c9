package metrics

import "github.com/prometheus/client_golang/prometheus"

// Model tells which model serves. One goroutine at a time loads models.
type Model struct {
	serving  bool
	loaded   prometheus.Gauge
	info     *prometheus.GaugeVec
	accuracy *prometheus.GaugeVec
	reloads  prometheus.Counter
}

// NewModel registers the collectors of the model that serves.
func NewModel(r prometheus.Registerer) *Model {
	return &Model{
		loaded:   gauge(r, "foxhunt_model_loaded", "1 when a model is loaded and serves, else 0."),
		info:     gauges(r, "foxhunt_model_info", "1 for the model that serves.", "name", "version", "digest"),
		accuracy: gauges(r, "foxhunt_model_stated_accuracy", "The accuracy that the model states of itself, in its own unit; absent when it states none.", "name", "version"),
		reloads:  counter(r, "foxhunt_model_reloads_total", "Models loaded after the first."),
	}
}

// Loaded says which model serves from now on. accuracy is nil for a model that states none.
func (m *Model) Loaded(name, version, digest string, accuracy *float64) {
	if m.serving {
		m.reloads.Inc()
	}
	m.serving = true
	m.info.Reset()
	m.accuracy.Reset()
	m.info.WithLabelValues(name, version, digest).Set(1)
	if accuracy != nil {
		m.accuracy.WithLabelValues(name, version).Set(*accuracy)
	}
	m.loaded.Set(1)
}
