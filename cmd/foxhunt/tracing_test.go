package main

import (
	"bytes"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"

	"foxhunt/jetstream/jetstreamtest"
	"foxhunt/tracing/tracingtest"
)

// testTraces follows a request over three programs: the client's trace goes on in the gateway, through the stream into the
// worker and all its stages, and into the fix.
func (p *program) testTraces(t *testing.T) {
	collector, server := tracingtest.Start(t), jetstreamtest.Start(t)
	common := []string{"--nats", server.ClientURL(), "--http-listen", "127.0.0.1:0", "--traces", collector.URL}
	worker := p.start(t, append([]string{"worker", "--bundles", "*.*"}, common...)...)
	worker.ready(t)
	gateway := p.start(t, append([]string{"gateway"}, common...)...)
	var address string
	waitFor(t, "the gateway", func() bool {
		_, rest, found := strings.Cut(gateway.log.String(), `msg="gateway ready"`)
		if found {
			_, address, _ = strings.Cut(strings.TrimSpace(rest), " http=")
		}
		return found
	})
	body, err := os.ReadFile("../../docs/predict.json")
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequest(http.MethodPost, "http://"+strings.Fields(address)[0]+"/api/v1/inference/predict", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	const trace = "0123456789abcdef0123456789abcdef"
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Traceparent", "00-"+trace+"-0123456789abcdef-01")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Fatalf("the gateway answered %s", response.Status)
	}
	gateway.stop(t, syscall.SIGTERM) // which exports what is left
	worker.stop(t, syscall.SIGTERM)

	published := collector.Span(t, "publish captures.demo.http")
	processed := collector.Span(t, "process captures.demo.http")
	fixed := collector.Span(t, "publish fixes.demo.http")
	if request := collector.Span(t, "HTTP POST"); published.Parent() != request.ID() || processed.Parent() != published.ID() || fixed.Parent() != processed.ID() {
		t.Errorf("the spans do not follow from one another: %v", collector.Spans())
	}
	if processed.Service != "foxhunt-worker" || published.Service != "foxhunt-gateway" || processed.Text("foxhunt.arm") != "champion" {
		t.Errorf("the spans are %v and %v", published, processed)
	}
	for _, stage := range []string{"decode", "cache", "preprocess", "model", "ellipse", "publish"} {
		if span := collector.Span(t, stage); span.Trace() != trace || span.Parent() != processed.ID() {
			t.Errorf("stage %s is %v", stage, span)
		}
	}
}
