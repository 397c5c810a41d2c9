// Package tracingtest gives tests a collector of traces: it takes spans by OTLP over HTTP and keeps them.
package tracingtest

import (
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// Collector runs until its test ends.
type Collector struct {
	URL   string
	mu    sync.Mutex
	spans []Span
}

// Span is a span as it was exported, and the program that exported it.
type Span struct {
	*otlp.Span
	Service string
}

// Trace is the identifier of the span's trace, in hexadecimal.
func (s Span) Trace() string { return hex.EncodeToString(s.TraceId) }

// ID is the span's own.
func (s Span) ID() string { return hex.EncodeToString(s.SpanId) }

// Parent is the identifier of the span that it is a part of; "" if it began the trace.
func (s Span) Parent() string { return hex.EncodeToString(s.ParentSpanId) }

// Text is an attribute's; "" if there is none.
func (s Span) Text(key string) string {
	for _, a := range s.Attributes {
		if a.Key == key {
			return a.Value.GetStringValue()
		}
	}
	return ""
}

// Start starts a collector.
func Start(t testing.TB) *Collector {
	t.Helper()
	c := &Collector{}
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	c.URL = server.URL
	return c
}

// ServeHTTP takes spans.
func (c *Collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var request collector.ExportTraceServiceRequest
	body, err := io.ReadAll(r.Body)
	if err != nil || r.URL.Path != "/v1/traces" || proto.Unmarshal(body, &request) != nil {
		http.Error(w, "no traces", http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, resource := range request.ResourceSpans {
		service := Span{Span: &otlp.Span{Attributes: resource.Resource.Attributes}}.Text("service.name")
		for _, scope := range resource.ScopeSpans {
			for _, span := range scope.Spans {
				c.spans = append(c.spans, Span{span, service})
			}
		}
	}
}

// Spans are those taken until now.
func (c *Collector) Spans() []Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.spans)
}

// Span is the first one of a name; the test ends without one.
func (c *Collector) Span(t testing.TB, name string) Span {
	t.Helper()
	spans := c.Spans()
	for _, span := range spans {
		if span.Name == name {
			return span
		}
	}
	t.Fatalf("no span is called %q: %v", name, spans)
	return Span{}
}
