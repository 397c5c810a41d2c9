package metrics

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Gateway counts what an HTTP gateway does. Its methods are safe for concurrent use.
type Gateway struct {
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	inFlight prometheus.Gauge
}

// NewGateway registers the collectors of a gateway.
func NewGateway(r prometheus.Registerer) *Gateway {
	g := &Gateway{
		requests: counters(r, "foxhunt_gateway_requests_total", "HTTP requests answered, by page and status.", "code", "route"),
		inFlight: gauge(r, "foxhunt_gateway_requests_in_flight", "HTTP requests that are not answered yet."),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "foxhunt_gateway_request_duration_seconds", Buckets: latencyBuckets,
			Help: "From an HTTP request's headers to the end of its answer."}, []string{"route"}),
	}
	r.MustRegister(g.duration)
	return g
}

// InFlight adds to the number of requests in flight.
func (g *Gateway) InFlight(delta int) { g.inFlight.Add(float64(delta)) }

// Answered records a request to a page, the status of its answer and the time it took.
func (g *Gateway) Answered(route string, status int, took time.Duration) {
	g.requests.WithLabelValues(strconv.Itoa(status), route).Inc()
	g.duration.WithLabelValues(route).Observe(took.Seconds())
}
