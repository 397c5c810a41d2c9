package tracing

import (
	"context"
	"net/http"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// Span is a part of a trace; nil is one that nobody follows.
type Span struct {
	span   trace.Span
	tracer trace.Tracer
	ctx    context.Context // its children's
}

// Publish begins the span of a message that is published; the context goes to the call that publishes it.
func (t *Tracing) Publish(ctx context.Context, subject string) (context.Context, *Span) {
	if t == nil {
		return ctx, nil
	}
	return t.start(ctx, "publish "+subject, trace.SpanKindProducer, destination(subject)...)
}

// Receive begins the span of a message that was taken off a stream, in the trace that its headers tell of. deliveries is how
// often it was delivered.
func (t *Tracing) Receive(ctx context.Context, subject string, header map[string][]string, deliveries int) (context.Context, *Span) {
	if t == nil {
		return ctx, nil
	}
	ctx = t.propagator.Extract(ctx, carrier(header))
	return t.start(ctx, "process "+subject, trace.SpanKindConsumer,
		append(destination(subject), attribute.Int("foxhunt.deliveries", deliveries))...)
}

// Serve begins a span for every request that next answers, in the client's trace if it tells of one.
func (t *Tracing) Serve(next http.Handler) http.Handler {
	if t == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := t.propagator.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
		ctx, span := t.start(ctx, "HTTP "+r.Method, trace.SpanKindServer, attribute.String("http.request.method", text(r.Method)))
		defer span.End("", "")
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

func destination(subject string) []attribute.KeyValue {
	return []attribute.KeyValue{attribute.String("messaging.system", "nats"), attribute.String("messaging.destination.name", text(subject))}
}

// text is s as OTLP can carry it: one byte that is no UTF-8, which anybody may put into a subject, would have the exporter
// refuse all the spans that it sends at once.
func text(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

func (t *Tracing) start(ctx context.Context, name string, kind trace.SpanKind, attributes ...attribute.KeyValue) (context.Context, *Span) {
	ctx, span := t.tracer.Start(ctx, text(name), trace.WithSpanKind(kind), trace.WithAttributes(attributes...))
	return ctx, &Span{span, t.tracer, ctx}
}

// Stage adds a child that began then, took so long, and has ended.
func (s *Span) Stage(name string, began time.Time, took time.Duration) {
	if s == nil || !s.span.IsRecording() {
		return
	}
	_, child := s.tracer.Start(s.ctx, name, trace.WithTimestamp(began))
	child.End(trace.WithTimestamp(began.Add(took)))
}

// Tell adds what is known now: a capture's id and the arm that answered it, say.
func (s *Span) Tell(key, value string) {
	if s != nil && value != "" {
		s.span.SetAttributes(attribute.String(key, text(value)))
	}
}

// End ends the span; code and sentence say what went wrong, "" if nothing did.
func (s *Span) End(code, sentence string) {
	if s == nil {
		return
	}
	if code != "" {
		s.span.SetAttributes(attribute.String("foxhunt.code", text(code)))
		s.span.SetStatus(codes.Error, text(sentence))
	}
	s.span.End()
}
