package metrics

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// TestModel has a challenger come, take over, and go.
func TestModel(t *testing.T) {
	registry := prometheus.NewRegistry()
	m := NewModel(registry)
	names := []string{"foxhunt_model_loaded", "foxhunt_model_info", "foxhunt_model_file_bytes", "foxhunt_model_stated_accuracy", "foxhunt_model_reloads_total",
		"foxhunt_model_load_failures_total", "foxhunt_model_plan_timestamp_seconds", "foxhunt_model_plan_followed"}
	wantMetrics(t, registry, `
		foxhunt_model_loaded 0
		foxhunt_model_reloads_total{arm="champion"} 0
		foxhunt_model_plan_timestamp_seconds 0
		foxhunt_model_plan_followed 0`, names...)
	accuracy := 120.0
	m.Loaded(2 * time.Second)
	m.Serving("champion", &ServedModel{Name: "fox", Version: "1", Digest: "abc", Bytes: 1000, Accuracy: &accuracy})
	m.Serving("challenger", &ServedModel{Name: "fox", Version: "2", Digest: "def", Bytes: 2000})
	m.Plan(time.UnixMilli(1234500), true)
	wantMetrics(t, registry, `
		foxhunt_model_loaded 1
		foxhunt_model_info{arm="challenger",digest="def",name="fox",version="2"} 1
		foxhunt_model_info{arm="champion",digest="abc",name="fox",version="1"} 1
		foxhunt_model_file_bytes{arm="challenger",name="fox",version="2"} 2000
		foxhunt_model_file_bytes{arm="champion",name="fox",version="1"} 1000
		foxhunt_model_stated_accuracy{arm="champion",name="fox",version="1"} 120
		foxhunt_model_reloads_total{arm="champion"} 0
		foxhunt_model_plan_timestamp_seconds 1234.5
		foxhunt_model_plan_followed 1`, names...)
	wantHistogram(t, registry, "foxhunt_model_load_duration_seconds", 1, 2)
	m.Serving("challenger", nil)
	m.Serving("champion", &ServedModel{Name: "fox", Version: "2", Digest: "def", Bytes: 2000})
	m.Failed("bad_model")
	m.Plan(time.Time{}, false)
	wantMetrics(t, registry, `
		foxhunt_model_loaded 1
		foxhunt_model_info{arm="champion",digest="def",name="fox",version="2"} 1
		foxhunt_model_file_bytes{arm="champion",name="fox",version="2"} 2000
		foxhunt_model_reloads_total{arm="champion"} 1
		foxhunt_model_load_failures_total{code="bad_model"} 1
		foxhunt_model_plan_timestamp_seconds 0
		foxhunt_model_plan_followed 0`, names...)
	m.Stopped()
	wantMetrics(t, registry, `foxhunt_challenger_stops_total 1`, "foxhunt_challenger_stops_total")
}
