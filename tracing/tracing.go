// Package tracing follows captures from their publishing to their fix with OpenTelemetry: a trace context travels in the
// headers of NATS messages (W3C traceparent), and spans go to a collector by OTLP over HTTP. It is off unless a collector is
// named, and then nothing is spent on it: those who trace hold a nil *Tracing, on which every method does nothing.
package tracing

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"sync"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// Options say where spans go, and which.
type Options struct {
	Endpoint string  // of the collector, such as http://collector:4318; "" switches tracing off
	Sample   float64 // share of the traces that begin here, 0 to 1; of others the publisher has decided
	Service  string  // which of foxhunt's programs this is, such as foxhunt-worker
	Instance string  // this process's own name
	Log      *slog.Logger
}

// Tracing makes spans and exports them in the background. What a collector cannot take is dropped: no capture ever waits for
// it. Its methods are safe for concurrent use, and for nil.
type Tracing struct {
	provider   *sdk.TracerProvider
	tracer     trace.Tracer
	propagator propagation.TraceContext
}

// Start begins tracing; it returns nil where no collector is named. OTEL_EXPORTER_OTLP_HEADERS, _CERTIFICATE and the like of
// OpenTelemetry's own environment hold for the connection. An error says what is wrong with the options; a collector that does
// not answer is none.
func Start(ctx context.Context, o Options) (*Tracing, error) {
	if o.Endpoint == "" {
		return nil, nil
	}
	u, err := url.Parse(o.Endpoint)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("traces: %.200q is no URL of a collector; want one such as http://collector:4318", o.Endpoint)
	case !(o.Sample >= 0 && o.Sample <= 1):
		return nil, fmt.Errorf("trace-sample is %v; want a share from 0 to 1", o.Sample)
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = "/v1/traces" // where OTLP's collectors take them
	}
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(u.String()), otlptracehttp.WithTimeout(5*time.Second))
	if err != nil {
		return nil, fmt.Errorf("traces: %w", err)
	}
	otel.SetErrorHandler(&complaints{log: o.Log}) // OpenTelemetry has one handler a process, which else writes to stderr
	provider := sdk.NewTracerProvider(
		sdk.WithBatcher(exporter),
		sdk.WithSampler(sdk.ParentBased(sdk.TraceIDRatioBased(o.Sample))),
		sdk.WithResource(resource.NewSchemaless(
			attribute.String("service.name", o.Service), attribute.String("service.instance.id", o.Instance))),
	)
	return &Tracing{provider: provider, tracer: provider.Tracer("foxhunt")}, nil
}

// Close sends what is left, for as long as ctx lives.
func (t *Tracing) Close(ctx context.Context) error {
	if t == nil {
		return nil
	}
	return t.provider.Shutdown(ctx)
}

// Inject writes the trace that ctx belongs to into a message's headers; without one it writes nothing.
func (t *Tracing) Inject(ctx context.Context, header map[string][]string) {
	if t != nil {
		t.propagator.Inject(ctx, carrier(header))
	}
}

// complaints logs what the exporter fails at, once a minute at most: a collector that is away fails at every batch.
type complaints struct {
	log  *slog.Logger
	mu   sync.Mutex
	last time.Time
}

// Handle is OpenTelemetry's ErrorHandler.
func (c *complaints) Handle(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); now.Sub(c.last) > time.Minute {
		c.last = now
		c.log.Warn("traces cannot be exported; captures are not affected", "error", err)
	}
}

// carrier is a message's headers as a propagator sees them. NATS's header names are case-sensitive, and W3C's are lower case.
type carrier map[string][]string

func (c carrier) Get(key string) string {
	if values := c[key]; len(values) > 0 {
		return values[0]
	}
	return ""
}

func (c carrier) Set(key, value string) { c[key] = []string{value} }

func (c carrier) Keys() []string {
	keys := make([]string, 0, len(c))
	for key := range c {
		keys = append(keys, key)
	}
	return keys
}
