package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	natsjs "github.com/nats-io/nats.go/jetstream"

	"github.com/nats-io/nats.go"
	"github.com/spf13/pflag"

	"foxhunt/jetstream"
	"foxhunt/jetstream/jetstreamtest"
	"foxhunt/messages"
	"foxhunt/model"
	"foxhunt/model/modeltest"
	"foxhunt/sim"
)

// patience is how long anything that must happen may take on a busy machine.
const patience = 2 * time.Minute

// house is a NATS server of the test's own with foxhunt's streams, and the connections of those who stand beside the
// workers: a station, a dashboard and an operator.
type house struct {
	server *jetstreamtest.Server
	conn   *jetstream.Conn
	nats   *nats.Conn
	js     natsjs.JetStream
	fixes  *jetstream.Fixes
	dead   natsjs.MessagesContext
}

// newHouse starts the server and listens for fixes and dead letters; all of it ends with the test.
func newHouse(t testing.TB) *house {
	t.Helper()
	h := &house{server: jetstreamtest.Start(t)}
	h.conn = h.server.Connect(t)
	var err error
	if h.nats, err = nats.Connect(h.server.ClientURL()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.nats.Close)
	if h.js, err = natsjs.New(h.nats); err != nil {
		t.Fatal(err)
	}
	if h.fixes, err = h.conn.Fixes(t.Context(), jetstream.DefaultTopology(), ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.fixes.Stop)
	dead, err := h.js.OrderedConsumer(t.Context(), jetstream.StreamDead, natsjs.OrderedConsumerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	if h.dead, err = dead.Messages(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.dead.Stop)
	return h
}

// startWorker runs a worker in this process, made as the command makes it, until the test ends or stop is called.
func (h *house) startWorker(t testing.TB, flags ...string) (process *workerProcess, stop func()) {
	t.Helper()
	runtime := modeltest.Runtime(t)
	options := workerFlags(t, flags...)
	conn := h.server.Connect(t)
	process = openProcess(t, conn, runtime, options)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- process.run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the worker ended with %v", err)
		}
		process.close()
	})
	t.Cleanup(stop)
	return process, stop
}

// openProcess makes a worker process on a free port; its HTTP server ends with the test.
func openProcess(t testing.TB, conn *jetstream.Conn, runtime *model.Runtime, options *workerOptions) *workerProcess {
	t.Helper()
	if err := options.settle(); err != nil {
		t.Fatal(err)
	}
	process, err := newWorkerProcess(t.Context(), servePages(t), conn, runtime, options, quietLog())
	if err != nil {
		t.Fatal(err)
	}
	return process
}

// servePages serves /metrics, /livez and /readyz until the test ends.
func servePages(t testing.TB) *httpServer {
	t.Helper()
	h, err := serveHTTP("127.0.0.1:0", quietLog())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.close)
	return h
}

// workerFlags parses a worker's flags.
func workerFlags(t testing.TB, flags ...string) *workerOptions {
	t.Helper()
	var options workerOptions
	set := pflag.NewFlagSet("worker", pflag.ContinueOnError)
	options.register(set, "*.*") // these captures are of several stations
	if err := set.Parse(append([]string{"--models-dir", t.TempDir()}, flags...)); err != nil {
		t.Fatal(err)
	}
	return &options
}

// publish stores a message as any NATS client may, with no id against duplicates.
func (h *house) publish(t testing.TB, subject string, data []byte) {
	t.Helper()
	if _, err := h.js.Publish(t.Context(), subject, data); err != nil {
		t.Fatalf("publishing %d bytes on %s: %v", len(data), subject, err)
	}
}

// nextFix waits for the next fix.
func (h *house) nextFix(t testing.TB) *messages.Fix {
	t.Helper()
	_, fix := h.nextFixMessage(t)
	return fix
}

func (h *house) nextFixMessage(t testing.TB) (jetstream.FixMessage, *messages.Fix) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	message, err := h.fixes.Next(ctx)
	if err != nil {
		t.Fatalf("no fix came: %v", err)
	}
	fix, err := messages.DecodeFix(message.ContentType, message.Body)
	if err != nil {
		t.Fatal(err)
	}
	return message, fix
}

// nextDead waits for the next dead letter.
func (h *house) nextDead(t testing.TB) *messages.DeadLetter {
	t.Helper()
	message, err := h.dead.Next(natsjs.NextMaxWait(patience))
	if err != nil {
		t.Fatalf("no dead letter came: %v", err)
	}
	letter, err := messages.DecodeDeadLetter(message.Data(), message.Headers())
	if err != nil {
		t.Fatal(err)
	}
	return letter
}

// stored is how many messages a stream holds.
func (h *house) stored(t testing.TB, stream string) int {
	t.Helper()
	info, err := h.js.Stream(t.Context(), stream)
	if err != nil {
		t.Fatal(err)
	}
	return int(info.CachedInfo().State.Msgs)
}

// fixesOf is how many fixes the stream holds on one subject.
func (h *house) fixesOf(t testing.TB, subject string) int {
	t.Helper()
	stream, err := h.js.Stream(t.Context(), jetstream.StreamFixes)
	if err != nil {
		t.Fatal(err)
	}
	info, err := stream.Info(t.Context(), natsjs.WithSubjectFilter(subject))
	if err != nil {
		t.Fatal(err)
	}
	return int(info.State.Subjects[subject])
}

// waitUntilEmpty waits until the workers have settled every capture.
func (h *house) waitUntilEmpty(t testing.TB) {
	t.Helper()
	waitFor(t, "an empty "+jetstream.StreamCaptures, func() bool { return h.stored(t, jetstream.StreamCaptures) == 0 })
}

// waitFor polls until done, for what others do in their own time.
func waitFor(t testing.TB, what string, done func() bool) {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s: not within %v", what, patience)
		}
	}
}

// sceneTime is the time of all simulated captures here, so that they are the same in every run.
var sceneTime = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// scene is the demo's, with fewer receivers, so that tests are quick.
func scene() *sim.Scene {
	s := sim.Demo(sceneTime)
	s.Receivers = s.Receivers[:4]
	for i := range s.Emitters {
		if s.Emitters[i].Links != nil {
			s.Emitters[i].Links = s.Emitters[i].Links[:4]
		}
	}
	return s
}

// simulated is a capture of one of the scene's emitters, with the truth. Those of other seeds have other noise.
func simulated(t testing.TB, emitter int, seed uint64) (*messages.Capture, *messages.Truth) {
	t.Helper()
	capture, truth, err := scene().Capture(emitter, sceneTime, seed)
	if err != nil {
		t.Fatal(err)
	}
	return capture, truth
}

// encode gives a capture a new id and writes it.
func encode(t testing.TB, capture *messages.Capture) []byte {
	t.Helper()
	capture.ID = messages.NewCaptureID()
	data, err := capture.Encode(nil)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// get fetches a page of a process's HTTP server.
func get(t testing.TB, address, path string) (status int, body string) {
	t.Helper()
	response, err := http.Get("http://" + address + path)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

// metric reads one value of a process's /metrics by its name with labels; ok is false where it is not there.
func metric(t testing.TB, address, name string) (value float64, ok bool) {
	t.Helper()
	status, text := get(t, address, "/metrics")
	if status != http.StatusOK {
		t.Fatalf("/metrics answers %d: %s", status, text)
	}
	for line := range strings.Lines(text) {
		if rest, found := strings.CutPrefix(line, name+" "); found {
			value, err := strconv.ParseFloat(strings.TrimSpace(rest), 64)
			if err != nil {
				t.Fatal(err)
			}
			return value, true
		}
	}
	return 0, false
}

// command runs a subcommand in this process and gives what it wrote to standard output.
func command(ctx context.Context, args ...string) (string, error) {
	var out syncBuffer
	root := newRoot()
	root.SetArgs(args)
	root.SetOut(&out)
	root.SetErr(io.Discard)
	err := root.ExecuteContext(ctx)
	return out.String(), err
}

// must runs a subcommand that is to succeed.
func must(t testing.TB, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	out, err := command(ctx, args...)
	if err != nil {
		t.Fatalf("foxhunt %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// syncBuffer is a buffer that one goroutine fills while another looks.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// captureSubject is captures.<network>.<source>.
func captureSubject(network, source string) string {
	return fmt.Sprintf("captures.%s.%s", network, source)
}
