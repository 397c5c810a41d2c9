package tracing_test

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"foxhunt/tracing"
)

// BenchmarkCapture is what following one capture costs a worker: its span, six stages, and the fix's header.
func BenchmarkCapture(b *testing.B) {
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
	defer collector.Close()
	for _, how := range []struct {
		name     string
		endpoint string
		sample   float64
	}{{"off", "", 0}, {"unsampled", collector.URL, 0}, {"sampled", collector.URL, 1}} {
		b.Run(how.name, func(b *testing.B) {
			t, err := tracing.Start(b.Context(), tracing.Options{Endpoint: how.endpoint, Sample: how.sample, Log: slog.New(slog.DiscardHandler)})
			if err != nil {
				b.Fatal(err)
			}
			header, fix := map[string][]string{"Nats-Msg-Id": {"x"}}, map[string][]string{}
			b.ReportAllocs()
			for b.Loop() {
				ctx, span := t.Receive(b.Context(), "captures.net.a", header, 1)
				for _, stage := range []string{"decode", "cache", "preprocess", "model", "ellipse", "publish"} {
					span.Stage(stage, time.Time{}, time.Millisecond)
				}
				t.Inject(ctx, fix)
				span.End("", "")
			}
			b.StopTimer()
			if err := t.Close(b.Context()); err != nil {
				fmt.Println(err)
			}
		})
	}
}
