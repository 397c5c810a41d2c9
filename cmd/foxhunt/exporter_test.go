package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"

	"foxhunt/jetstream"
	"foxhunt/messages"
)

// quickExporter reads so often that a test need not wait.
var quickExporter = exporterOptions{interval: 50 * time.Millisecond, subjects: 1000, oldest: 10}

// startExporter runs an exporter as the command does, until the test ends or stop is called.
func startExporter(t *testing.T, h *house, topology jetstream.Topology) (address string, stop func()) {
	t.Helper()
	var log syncBuffer
	var nats natsOptions
	nats.URL, nats.Log = h.server.ClientURL(), quietLog()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- serveExporter(ctx, &nats, topology, "127.0.0.1:0", quickExporter, slog.New(slog.NewTextHandler(&log, nil)))
	}()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the exporter ended with %v", err)
		}
	})
	t.Cleanup(stop)
	line := regexp.MustCompile(`msg="exporter ready".* http=(\S+)`)
	waitFor(t, "an exporter", func() bool { return line.MatchString(log.String()) })
	return line.FindStringSubmatch(log.String())[1], stop
}

// shortLease is the default topology with a lease that lapses soon, in a bucket of its own.
func shortLease() jetstream.Topology {
	topology := jetstream.DefaultTopology()
	topology.Leases.Bucket, topology.Leases.TTL = "short-leases", 3*time.Second
	return topology
}

func leads(t *testing.T, address string) bool {
	t.Helper()
	leader, _ := metric(t, address, "foxhunt_exporter_leader")
	return leader == 1
}

// TestExporter holds a capture back, as a worker that is at it, and follows it through the lag until it is given to another.
func TestExporter(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	capture := longCapture(t)
	address, _ := startExporter(t, h, jetstream.DefaultTopology())
	h.publish(t, captureSubject("slow", "held"), encode(t, capture))
	workers, err := h.js.Consumer(t.Context(), jetstream.StreamCaptures, jetstream.DefaultTopology().Workers.Durable)
	if err != nil {
		t.Fatal(err)
	}
	held, err := workers.Next(natsjs.FetchMaxWait(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	process, _ := h.startWorker(t, "--model", plainFile(t))
	h.publish(t, captureSubject("slow", "bad"), []byte("no capture"))
	waitFor(t, "the lag in /metrics", func() bool {
		if err := held.InProgress(); err != nil {
			t.Fatal(err)
		}
		lag, _ := metric(t, address, `foxhunt_subject_lag_captures{subject="captures.slow.held"}`)
		age, _ := metric(t, address, `foxhunt_subject_oldest_age_seconds{subject="captures.slow.held"}`)
		flying, _ := metric(t, address, `foxhunt_subject_in_flight_captures{subject="captures.slow.held"}`)
		inFlight, _ := metric(t, address, "foxhunt_consumer_in_flight_captures")
		letters, _ := metric(t, address, `foxhunt_subject_dead_letters{subject="captures.slow.bad"}`)
		return lag == 1 && age > 0 && flying == 1 && inFlight == 1 && letters == 1
	})
	if lag := readLag(t, h); lag.Total != 1 || lag.InFlight != 1 || lag.DeadLetters.Total != 1 {
		t.Errorf("with a worker that cannot publish the lag is %+v", lag)
	}
	if err := held.Nak(); err != nil {
		t.Fatal(err)
	}
	h.waitUntilEmpty(t)
	if n := h.fixesOf(t, "fixes.slow.held"); n != 1 {
		t.Errorf("%d fixes of the capture that was held back; want 1", n)
	}
	waitFor(t, "no lag in /metrics", func() bool {
		lag, ok := metric(t, address, `foxhunt_subject_lag_captures{subject="captures.slow.held"}`)
		return ok && lag == 0
	})
	for name, want := range map[string]float64{
		"foxhunt_lag_up": 1, "foxhunt_consumer_dead_captures": 0, "foxhunt_stream_arrived_captures_total": 2,
		"foxhunt_stream_completed_captures_total": 2, "foxhunt_consumer_drain_seconds": 0,
		`foxhunt_stream_messages{stream="CAPTURES"}`: 0, `foxhunt_stream_messages{stream="DEAD"}`: 1,
	} {
		if got, ok := metric(t, address, name); !ok || got != want {
			t.Errorf("%s is %v (there: %v); want %v", name, got, ok, want)
		}
	}
	if _, ok := metric(t, process.http.address(), "foxhunt_exporter_leader"); ok {
		t.Error("a worker exports the lag, too")
	}
	for _, page := range []string{"/livez", "/readyz"} {
		if status, body := get(t, address, page); status != http.StatusOK || body != "ok\n" {
			t.Errorf("%s answers %d %q", page, status, body)
		}
	}
}

// TestExporters runs two: the sum over both must be what one serves, before and after the leader is stopped.
func TestExporters(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.publish(t, captureSubject("net", "a"), []byte("waits"))
	first, stopFirst := startExporter(t, h, jetstream.DefaultTopology())
	waitFor(t, "a leader", func() bool { return leads(t, first) })
	second, _ := startExporter(t, h, jetstream.DefaultTopology())
	const lag = `foxhunt_subject_lag_captures{subject="captures.net.a"}`
	waitFor(t, "the lag", func() bool { n, _ := metric(t, first, lag); return n == 1 })
	_, page := get(t, second, "/metrics")
	var own []string
	for line := range strings.Lines(page) {
		if strings.HasPrefix(line, "foxhunt_") {
			own = append(own, strings.TrimSpace(line))
		}
	}
	if len(own) != 1 || own[0] != "foxhunt_exporter_leader 0" {
		t.Errorf("the one that stands by serves %q", own)
	}
	stopped := time.Now()
	stopFirst()
	waitFor(t, "the lag from the other", func() bool { n, _ := metric(t, second, lag); return n == 1 && leads(t, second) })
	if took := time.Since(stopped); took > 8*time.Second { // the lease would lapse after 15 s
		t.Errorf("the other took over after %v", took)
	}
}

// TestExporterWithoutServer stops the server under an exporter: the last values must stay, marked as such, until the lease
// has lapsed, then go; and all must be well again when the server is back.
func TestExporterWithoutServer(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.publish(t, captureSubject("net", "a"), []byte("waits"))
	address, _ := startExporter(t, h, shortLease())
	const lag = `foxhunt_subject_lag_captures{subject="captures.net.a"}`
	served := func(up, captures float64) func() bool {
		return func() bool {
			u, _ := metric(t, address, "foxhunt_lag_up")
			n, ok := metric(t, address, lag)
			return u == up && ok && n == captures
		}
	}
	waitFor(t, "the lag", served(1, 1))
	h.server.Shutdown()
	waitFor(t, "the last values, marked as old", served(0, 1))
	if status, body := get(t, address, "/readyz"); status != http.StatusServiceUnavailable || body != "not connected to NATS\n" {
		t.Errorf("without a server /readyz answers %d %q", status, body)
	}
	waitFor(t, "no values of one that does not lead", func() bool {
		_, there := metric(t, address, lag)
		_, up := metric(t, address, "foxhunt_lag_up")
		return !there && !up && !leads(t, address)
	})
	h.server.Restart(t)
	waitFor(t, "the lag again", served(1, 1))
}

// TestExporterOptions wants each that makes no sense refused before anything is opened.
func TestExporterOptions(t *testing.T) {
	for _, wrong := range [][]string{
		{"--interval", "10ms"}, {"--subjects-max", "0"}, {"--oldest", "-1"}, {"--log-level", "loud"}, {"--consumer", "a.b"}, {"--http-listen", "nowhere"},
		{"--nats", "nats://a b"},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if _, err := command(ctx, append([]string{"exporter"}, wrong...)...); err == nil || ctx.Err() != nil {
			t.Errorf("exporter %v: %v; want a refusal at once", wrong, err)
		}
	}
}

// TestScrapeIsDocumented holds a real scrape of a process that works and exports, as up does, against docs/metrics.md.
func TestScrapeIsDocumented(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	process, _ := h.startWorker(t, "--window", "500ms")
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- runExporter(ctx, h.conn, jetstream.DefaultTopology(), process.http.registry, quickExporter, quietLog())
	}()
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	h.publish(t, captureSubject("net", "a"), encode(t, longCapture(t)))
	h.publish(t, captureSubject("net", "a"), []byte("no capture"))
	alone := longCapture(t)
	alone.Receivers, alone.Event = alone.Receivers[:1], "an emission"
	for n := range 2 { // of a station that repeats itself in an event that has too few
		numbered := nats.NewMsg(captureSubject("net", alone.Receivers[0].Station))
		numbered.Data, numbered.Header = encode(t, alone), nats.Header{messages.SequenceHeader: {fmt.Sprint(n + 1)}}
		if _, err := h.js.PublishMsg(t.Context(), numbered); err != nil {
			t.Fatal(err)
		}
	}
	conditional := []string{ // served only when there is cause
		"foxhunt_retries_total", "foxhunt_model_stated_accuracy", // a capture is tried again; the model states one
		"foxhunt_model_load_failures_total", "foxhunt_arm_errors_total", "foxhunt_fallbacks_total", // a model fails
		"foxhunt_consumer_oldest_age_seconds", "foxhunt_subject_oldest_age_seconds", "foxhunt_subject_in_flight_captures", // captures wait
		"foxhunt_consumer_oldest_companion_age_seconds", // a capture waits for others of its event
	}
	documented := documentedMetrics(t)
	var served map[string]string
	var lacking []string
	defer func() {
		if t.Failed() {
			t.Logf("docs/metrics.md lists %q, which are not served", lacking)
		}
	}()
	waitFor(t, "all metrics of docs/metrics.md", func() bool {
		served, lacking = servedMetrics(t, process.http.address()), nil
		for name := range documented {
			other := strings.HasPrefix(name, "foxhunt_gateway_") || strings.HasPrefix(name, "foxhunt_receiver_") // a station's
			if _, ok := served[name]; !ok && !other && !slices.Contains(conditional, name) {
				lacking = append(lacking, name)
			}
		}
		return len(lacking) == 0
	})
	for name, kind := range served {
		if documented[name] != kind {
			t.Errorf("served is the %s %s; docs/metrics.md says %q", kind, name, documented[name])
		}
	}
}

// documentedMetrics are the names and types in the tables of docs/metrics.md.
func documentedMetrics(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, m := range regexp.MustCompile("(?m)^\\| `(foxhunt_[a-z_]+)` \\| ([a-z]+) ").FindAllStringSubmatch(string(text), -1) {
		found[m[1]] = m[2]
	}
	return found
}

// servedMetrics are the names and types of foxhunt's metrics in a scrape.
func servedMetrics(t *testing.T, address string) map[string]string {
	t.Helper()
	_, page := get(t, address, "/metrics")
	found := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^# TYPE (foxhunt_\S+) (\S+)$`).FindAllStringSubmatch(page, -1) {
		found[m[1]] = m[2]
	}
	return found
}
