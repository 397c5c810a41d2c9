package tracing_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	otlp "go.opentelemetry.io/proto/otlp/trace/v1"

	"foxhunt/tracing"
	"foxhunt/tracing/tracingtest"
)

func start(t *testing.T, o tracing.Options) *tracing.Tracing {
	t.Helper()
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	tr, err := tracing.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

func stop(t *testing.T, tr *tracing.Tracing) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
	defer cancel()
	if err := tr.Close(ctx); err != nil {
		t.Fatal(err)
	}
}

// TestOneTrace follows a capture from a publisher's process, by a message's headers, through a worker's to its fix.
func TestOneTrace(t *testing.T) {
	s := tracingtest.Start(t)
	publisher := start(t, tracing.Options{Endpoint: s.URL, Sample: 1, Service: "foxhunt-publish", Instance: "p"})
	worker := start(t, tracing.Options{Endpoint: s.URL, Sample: 0, Service: "foxhunt-worker", Instance: "w"}) // the publisher has decided
	ctx, published := publisher.Publish(t.Context(), "captures.net.a")
	header := map[string][]string{"Nats-Msg-Id": {"x"}}
	publisher.Inject(ctx, header)
	published.End("", "")

	ctx, processed := worker.Receive(t.Context(), "captures.net.a", header, 2)
	processed.Tell("foxhunt.capture_id", "x")
	processed.Stage("model", time.Unix(100, 0), 5*time.Millisecond)
	fix := map[string][]string{}
	worker.Inject(ctx, fix)
	processed.End("bad_rate", "rx[0].rate is 0")
	stop(t, publisher)
	stop(t, worker)

	first, second, stage := s.Span(t, "publish captures.net.a"), s.Span(t, "process captures.net.a"), s.Span(t, "model")
	if second.Parent() != first.ID() || second.Trace() != first.Trace() || stage.Parent() != second.ID() || first.Service != "foxhunt-publish" || stage.Service != "foxhunt-worker" {
		t.Errorf("the spans do not follow from one another:\n%v\n%v\n%v", first, second, stage)
	}
	if first.Kind != otlp.Span_SPAN_KIND_PRODUCER || second.Kind != otlp.Span_SPAN_KIND_CONSUMER {
		t.Errorf("kinds %v, %v", first.Kind, second.Kind)
	}
	if stage.EndTimeUnixNano-stage.StartTimeUnixNano != 5e6 || stage.StartTimeUnixNano != 100e9 {
		t.Errorf("the stage is %v", stage)
	}
	if second.Status.Code != otlp.Status_STATUS_CODE_ERROR || second.Status.Message != "rx[0].rate is 0" || second.Text("foxhunt.code") != "bad_rate" || second.Text("foxhunt.capture_id") != "x" {
		t.Errorf("the capture's span is %v", second)
	}
	if parent := fix["traceparent"]; len(parent) != 1 || !strings.Contains(parent[0], second.Trace()+"-"+second.ID()) {
		t.Errorf("the fix's headers are %v", fix)
	}
}

// What a client over HTTP traces goes on in the capture's publishing.
func TestServe(t *testing.T) {
	s := tracingtest.Start(t)
	tr := start(t, tracing.Options{Endpoint: s.URL, Sample: 1, Service: "foxhunt-gateway", Instance: "g"})
	header := map[string][]string{}
	handler := tr.Serve(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { tr.Inject(r.Context(), header) }))
	request := httptest.NewRequest(http.MethodPost, "/", nil)
	request.Header.Set("Traceparent", "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01")
	handler.ServeHTTP(httptest.NewRecorder(), request)
	stop(t, tr)
	span := s.Span(t, "HTTP POST")
	if span.Trace() != "0123456789abcdef0123456789abcdef" || span.Parent() != "0123456789abcdef" {
		t.Errorf("the request's span is %v", span)
	}
	if got := header["traceparent"]; len(got) != 1 || !strings.Contains(got[0], span.ID()) {
		t.Errorf("headers %v", header)
	}
}

// A hostile message's headers are no trace, and harm nothing.
func TestHostileHeaders(t *testing.T) {
	s := tracingtest.Start(t)
	tr := start(t, tracing.Options{Endpoint: s.URL, Sample: 1, Service: "w", Instance: "w"})
	for _, parent := range [][]string{nil, {}, {""}, {"00-zz-zz-01"}, {strings.Repeat("0", 1<<16)}, {"\x00\xff"}} {
		_, span := tr.Receive(t.Context(), "captures.net.a", map[string][]string{"traceparent": parent, "tracestate": {strings.Repeat("a=b,", 1000)}}, 1)
		span.End("", "")
	}
	stop(t, tr)
	if n := len(s.Spans()); n != 6 {
		t.Errorf("%d spans came, want 6", n)
	}
}

// What is no UTF-8 costs no other span its place.
func TestBrokenText(t *testing.T) {
	s := tracingtest.Start(t)
	tr := start(t, tracing.Options{Endpoint: s.URL, Sample: 1, Service: "w", Instance: "w"})
	_, good := tr.Receive(t.Context(), "captures.net.a", nil, 1)
	good.End("", "")
	_, span := tr.Receive(t.Context(), "captures.net.\xff", nil, 1)
	span.Tell("foxhunt.capture_id", "\xfe")
	span.End("bad\xfd", "sentence \xfc")
	stop(t, tr)
	if span := s.Span(t, "process captures.net.\uFFFD"); span.Text("foxhunt.code") != "bad\uFFFD" || len(s.Spans()) != 2 {
		t.Errorf("the spans are %v", s.Spans())
	}
}

// Without a collector named nothing is done, and nothing allocated.
func TestOff(t *testing.T) {
	tr, err := tracing.Start(t.Context(), tracing.Options{})
	if tr != nil || err != nil {
		t.Fatalf("%v, %v", tr, err)
	}
	ctx, header := t.Context(), map[string][]string{}
	allocated := testing.AllocsPerRun(100, func() {
		ctx, span := tr.Receive(ctx, "captures.net.a", header, 1)
		span.Stage("model", time.Time{}, 0)
		span.Tell("a", "b")
		tr.Inject(ctx, header)
		span.End("code", "sentence")
	})
	if allocated != 0 || len(header) != 0 {
		t.Errorf("%v allocations, headers %v", allocated, header)
	}
	if next := http.NewServeMux(); tr.Serve(next) != http.Handler(next) || tr.Close(ctx) != nil {
		t.Error("tracing that is off does something")
	}
}

// A collector that is away is complained of once, and holds nobody up.
func TestCollectorAway(t *testing.T) {
	var log bytes.Buffer
	tr := start(t, tracing.Options{Endpoint: "http://127.0.0.1:1", Sample: 1, Service: "w", Instance: "w", Log: slog.New(slog.NewTextHandler(&log, nil))})
	for range 5000 { // more than the queue holds
		_, span := tr.Receive(t.Context(), "captures.net.a", nil, 1)
		span.End("", "")
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	_ = tr.Close(ctx) // whether it says so depends on how far the exporter was
	if n := strings.Count(log.String(), "traces cannot be exported"); n > 1 {
		t.Errorf("it complained %d times:\n%s", n, log.String())
	}
}

func TestBadOptions(t *testing.T) {
	for _, o := range []tracing.Options{
		{Endpoint: "collector:4318", Sample: 1}, {Endpoint: "http://", Sample: 1}, {Endpoint: "://", Sample: 1},
		{Endpoint: "http://collector:4318", Sample: 1.5}, {Endpoint: "http://collector:4318", Sample: -1},
	} {
		if tr, err := tracing.Start(t.Context(), o); err == nil || tr != nil {
			t.Errorf("%+v: %v, %v", o, tr, err)
		}
	}
}
