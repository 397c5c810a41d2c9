package metrics

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

func TestGateway(t *testing.T) {
	registry := prometheus.NewRegistry()
	g := NewGateway(registry)
	g.InFlight(1)
	g.InFlight(1)
	g.InFlight(-1)
	g.Answered("/a", 200, 20*time.Millisecond)
	g.Answered("/a", 200, 40*time.Millisecond)
	g.Answered("/a", 503, 0)
	wantMetrics(t, registry, `
		foxhunt_gateway_requests_total{code="200",route="/a"} 2
		foxhunt_gateway_requests_total{code="503",route="/a"} 1
		foxhunt_gateway_requests_in_flight 1`, "foxhunt_gateway_requests_total", "foxhunt_gateway_requests_in_flight")
	wantHistogram(t, registry, "foxhunt_gateway_request_duration_seconds", 3, 0.06)
}
