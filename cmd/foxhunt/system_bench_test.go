package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"foxhunt/jetstream"
	"foxhunt/jetstream/jetstreamtest"
	"foxhunt/messages"
	"foxhunt/model"
	"foxhunt/model/modeltest"
)

// BenchmarkSystem sends captures of 27 KB (three receivers, 4,480 samples each) through the whole system in one
// process: publisher, NATS over TCP with JetStream on disk, worker, ONNX model, and a reader of the fixes. Nothing
// comes from a cache. It reports captures per second with the queue full, and the latency from publishing to reading
// the fix at half that rate, counted from when a capture was due.
//
//	go test -run '^$' -bench System -benchtime 3000x ./cmd/foxhunt
func BenchmarkSystem(b *testing.B) {
	for _, sync := range []struct {
		name   string
		always bool
	}{{"sync", true}, {"no-sync", false}} {
		b.Run("plain/"+sync.name, func(b *testing.B) { benchmarkSystem(b, plainModel(b), sync.always) })
		b.Run("grid/"+sync.name, func(b *testing.B) { benchmarkSystem(b, "grid", sync.always) })
	}
}

// plainModel writes the small network of the plain contract to a file.
func plainModel(b testing.TB) string {
	path := b.TempDir() + "/plain.onnx"
	writeFile(b, path, modeltest.Plain(b))
	return path
}

func benchmarkSystem(b *testing.B, modelName string, syncAlways bool) {
	server := jetstreamtest.StartWith(b, jetstream.EmbeddedOptions{SyncAlways: syncAlways})
	runBenchWorker(b, server, modeltest.Runtime(b), modelName)
	s := newTraffic(b, server)
	s.send(b, 50, 0) // until every part is warm
	b.ResetTimer()
	began := time.Now()
	s.send(b, b.N, 0)
	rate := float64(b.N) / time.Since(began).Seconds()
	b.StopTimer()
	b.ReportMetric(rate, "captures/s")
	b.ReportMetric(0, "ns/op")
	latencies := s.send(b, min(b.N, int(2.5*rate)), rate/2)
	for _, q := range []struct {
		name  string
		share float64
	}{{"p50-ms", 0.50}, {"p95-ms", 0.95}, {"p99-ms", 0.99}} {
		b.ReportMetric(float64(latencies[int(q.share*float64(len(latencies)-1))])/1e6, q.name)
	}
}

// runBenchWorker runs a worker without a cache until the benchmark ends.
func runBenchWorker(b testing.TB, server *jetstreamtest.Server, runtime *model.Runtime, modelName string) {
	var options workerOptions
	options.register(pflag.NewFlagSet("worker", pflag.ContinueOnError), "*.*")
	options.models.model, options.models.folder, options.cacheBytes = modelName, b.TempDir(), 0
	process := openProcess(b, benchConn(b, server), runtime, &options)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- process.run(ctx) }()
	b.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			b.Error(err)
		}
		process.close()
	})
}

func benchConn(b testing.TB, server *jetstreamtest.Server) *jetstream.Conn {
	conn, err := jetstream.Connect(b.Context(), jetstream.Options{URL: server.ClientURL(), Log: quietLog()})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(conn.Close)
	return conn
}

// traffic publishes captures and reads their fixes.
type traffic struct {
	publisher *jetstream.Publisher
	fixes     *jetstream.Fixes
	capture   messages.Capture
	random    *rand.Rand
}

func newTraffic(b testing.TB, server *jetstreamtest.Server) *traffic {
	conn := benchConn(b, server)
	if _, err := conn.Ensure(b.Context(), jetstream.DefaultTopology()); err != nil {
		b.Fatal(err)
	}
	fixes, err := conn.Fixes(b.Context(), jetstream.DefaultTopology(), "")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(fixes.Stop)
	t := &traffic{publisher: conn.NewPublisher(0), fixes: fixes, random: rand.New(rand.NewPCG(1, 2))}
	t.capture = messages.Capture{Version: messages.CaptureVersion, Frequency: 145e6}
	for i, station := range []string{"a", "b", "c"} {
		t.capture.Receivers = append(t.capture.Receivers, messages.Receiver{
			Station: station, Latitude: 45 + 0.2*float64(i%2), Longitude: 8 + 0.2*float64(i), ClockSigma: 100,
			StartTime: 1_700_000_000_000_000_000, SampleRate: 250_000, Format: messages.CI8, IQ: make([]byte, 2*4480),
		})
	}
	return t
}

// next is one more capture: noise that the three receivers hear alike.
func (t *traffic) next(b testing.TB) []byte {
	t.capture.ID = messages.NewCaptureID()
	first := t.capture.Receivers[0].IQ
	for i := range first {
		first[i] = byte(t.random.IntN(256))
	}
	for _, r := range t.capture.Receivers[1:] {
		copy(r.IQ, first)
	}
	data, err := t.capture.Encode(nil)
	if err != nil {
		b.Fatal(err)
	}
	return data
}

// send publishes n captures at a rate (0: as fast as they are stored) and returns the sorted times from when each was
// due to when its fix was read.
func (t *traffic) send(b testing.TB, n int, rate float64) []time.Duration {
	due := make(map[string]time.Time, n)
	known := make(chan func(), n)
	go func() {
		defer close(known)
		began := time.Now()
		for i := range n {
			at := time.Now()
			if rate > 0 {
				at = began.Add(time.Duration(float64(i) / rate * 1e9))
				time.Sleep(time.Until(at))
			}
			data := t.next(b)
			id := t.capture.ID
			known <- func() { due[id] = at }
			err := t.publisher.Publish(b.Context(), "captures.bench.abc", id, data, func(_ jetstream.Stored, err error) {
				if err != nil {
					b.Error(err)
				}
			})
			if err != nil {
				b.Error(err)
				return
			}
		}
	}()
	return t.collect(b, n, due, known)
}

func (t *traffic) collect(b testing.TB, n int, due map[string]time.Time, known <-chan func()) (latencies []time.Duration) {
	ctx, cancel := context.WithTimeout(b.Context(), 5*time.Minute)
	defer cancel()
	for len(latencies) < n {
		message, err := t.fixes.Next(ctx)
		if err != nil {
			b.Fatalf("%d of %d fixes came: %v", len(latencies), n, err)
		}
		now := time.Now()
		var fix struct {
			ID string `json:"capture_id"`
		}
		if err := json.Unmarshal(message.Body, &fix); err != nil {
			b.Fatal(err)
		}
		at, ok := due[fix.ID]
		for !ok {
			(<-known)()
			at, ok = due[fix.ID]
		}
		latencies = append(latencies, now.Sub(at))
	}
	slices.Sort(latencies)
	return latencies
}

func quietLog() *slog.Logger { return slog.New(slog.DiscardHandler) }

func writeFile(b testing.TB, path string, data []byte) {
	if err := os.WriteFile(path, data, 0o600); err != nil {
		b.Fatal(err)
	}
}
