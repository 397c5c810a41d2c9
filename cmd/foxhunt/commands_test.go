package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"foxhunt/jetstream"
	"foxhunt/messages"
	"foxhunt/model"
	"foxhunt/model/grid"
	"foxhunt/model/modeltest"
)

// commands are all subcommands, those of subcommands included.
func commands(parent *cobra.Command) (all []*cobra.Command) {
	for _, c := range parent.Commands() {
		if c.Name() == "help" || c.Name() == "completion" {
			continue
		}
		all = append(append(all, c), commands(c)...)
	}
	return all
}

// TestHelp expects of every command an example that its own flags and arguments accept.
func TestHelp(t *testing.T) {
	all := commands(newRoot())
	if len(all) < 10 {
		t.Errorf("only %d commands were found", len(all))
	}
	for _, c := range all {
		path := strings.Fields(c.CommandPath())[1:]
		out := must(t, append(path, "--help")...)
		_, text, found := strings.Cut(out, "Examples:\n")
		text, _, _ = strings.Cut(text, "\n\n")
		if !found || text == "" {
			t.Errorf("%s --help shows no example:\n%s", c.CommandPath(), out)
			continue
		}
		for example := range strings.Lines(strings.ReplaceAll(text, "\\\n", " ")) {
			words := shellWords(example)
			checkExample(t, c, words[slices.Index(words, "|")+1:]) // foxhunt may be at the end of a pipe
		}
	}
}

// shellWords splits a line as a shell does: what is quoted is one word.
func shellWords(line string) (words []string) {
	quoted := regexp.MustCompile(`'[^']*'|"[^"]*"|\S+`)
	for _, word := range quoted.FindAllString(line, -1) {
		words = append(words, strings.Trim(word, `'"`))
	}
	return words
}

func checkExample(t *testing.T, c *cobra.Command, words []string) {
	t.Helper()
	if len(words) < 2 || words[0] != "foxhunt" {
		t.Errorf("the example %q of %s is no command", words, c.CommandPath())
		return
	}
	meant, args, err := newRoot().Find(words[1:])
	if err != nil || !strings.HasPrefix(meant.CommandPath(), c.CommandPath()) {
		t.Errorf("the example %q of %s is one of %s (%v)", words, c.CommandPath(), meant.CommandPath(), err)
		return
	}
	if err := meant.ParseFlags(args); err != nil {
		t.Errorf("the example %q: %v", words, err)
	}
	if err := meant.ValidateArgs(meant.Flags().Args()); err != nil {
		t.Errorf("the example %q: %v", words, err)
	}
}

// TestFlagsFromEnvironment sets every flag of every command by its variable.
func TestFlagsFromEnvironment(t *testing.T) {
	values := map[string]string{"string": "x", "int": "7", "int64": "7", "uint64": "7", "float64": "0.25", "duration": "7s",
		"bool": "true", "stringToString": "[a=1us]", "stringSlice": "[a.b]", "percent": "7%"}
	for _, c := range commands(newRoot()) {
		c.InheritedFlags() // gathers the flags
		c.Flags().VisitAll(func(f *pflag.Flag) {
			want, known := values[f.Value.Type()]
			if !known {
				t.Fatalf("flag %s has the type %s, of which this test knows no value", f.Name, f.Value.Type())
			}
			variable := "FOXHUNT_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
			asked := false
			err := flagsFromEnvironment(c.Flags(), func(name string) (string, bool) {
				asked = asked || name == variable
				return strings.Trim(want, "[]"), name == variable
			})
			if err != nil || !asked || f.Value.String() != want || !f.Changed {
				t.Errorf("%s: %s is %q (%v); want %q", c.CommandPath(), variable, f.Value, err, want)
			}
		})
	}
}

func TestCommandLineGoesBeforeEnvironment(t *testing.T) {
	h := newHouse(t)
	t.Setenv("FOXHUNT_NATS", "nats://127.0.0.1:1")
	t.Setenv("FOXHUNT_ONCE", "true")
	if out := must(t, "lag", "--nats", h.server.ClientURL()); !strings.Contains(out, "0 captures") {
		t.Errorf("lag prints %q", out)
	}
	t.Setenv("FOXHUNT_NATS", h.server.ClientURL())
	if out := must(t, "lag"); !strings.Contains(out, "0 captures") {
		t.Errorf("lag prints %q", out)
	}
	t.Setenv("FOXHUNT_INTERVAL", "soon")
	if _, err := command(t.Context(), "lag"); err == nil || !strings.Contains(err.Error(), "FOXHUNT_INTERVAL") || !strings.Contains(err.Error(), "soon") {
		t.Errorf("an interval of %q is refused with %v", "soon", err)
	}
}

// TestBadFlags expects sentences that say what is wrong and what would be right.
func TestBadFlags(t *testing.T) {
	stations := filepath.Join(t.TempDir(), "stations.yaml")
	writeText(t, stations, "- {id: a, lat: 45, lon: 8}\n")
	raw := filepath.Join(t.TempDir(), "a.raw")
	writeText(t, raw, strings.Repeat("ab", 50_000))
	publish := func(args ...string) []string {
		return append([]string{"publish", "--network", "n", "--stations", stations, "--nats", "nats://127.0.0.1:1"}, args...)
	}
	cu8 := []string{"--station", "a", "--format", "cu8", "--rate", "48000", "--freq", "1e6", "--t0", "2026-01-01T00:00:00Z"}
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"hunt"}, `unknown command "hunt"`},
		{[]string{"up", "now"}, `unknown command "now"`},
		{[]string{"up", "--fast"}, "unknown flag: --fast"},
		{[]string{"up", "--log-level", "loud"}, `log-level is "loud"; want debug, info, warn or error`},
		{[]string{"worker", "--log-format", "xml"}, `log-format is "xml"; want text or json`},
		{[]string{"watch", "--nats", ""}, "no NATS URL is given; want for example nats://127.0.0.1:4222"},
		{[]string{"watch", "--nats-creds", "/absent"}, "credentials file cannot be used"},
		{[]string{"watch", "--format", "xml"}, `format is "xml"; want line, json or geojson`},
		{[]string{"watch", "--count", "many"}, `invalid argument "many" for "--count" flag`},
		{[]string{"watch", "--timeout", "20ms", "--nats", "nats://127.0.0.1:1"}, "no NATS server answered at nats://127.0.0.1:1"},
		{[]string{"lag", "--interval", "0s"}, "interval is 0s; want more than 0"},
		{[]string{"model", "info", "a", "b"}, "accepts at most 1 arg(s), received 2"},
		{[]string{"model", "info", "--onnxruntime", "/absent.so"}, "/absent.so is not a file"},
		{[]string{"worker", "--onnxruntime", "/absent.so", "--nats", "nats://127.0.0.1:1", "--log-level", "off"}, "log-level"},
		{[]string{"model", "build", "--out", "/absent/grid.onnx"}, "/absent/grid.onnx: no such file"},
		{[]string{"evaluate", "--onnxruntime", "/absent.so"}, "/absent.so is not a file"},
		{[]string{"publish"}, "requires at least 1 arg(s)"},
		{[]string{"publish", raw}, "network is missing; want for example --network dcf"},
		{publish("/absent.wav"), "/absent.wav"},
		{publish("--stations", "/absent.yaml", raw), "/absent.yaml"},
		{publish(raw), "say how its samples are written (cu8, ci8, ci16_le, cf32_le)"},
		{publish("--format", "cs12", raw), `format is "cs12"; want cu8, ci8, ci16_le or cf32_le`},
		{publish("--format", "cu8", raw), "say its sample rate"},
		{publish("--format", "cu8", "--rate", "1", raw), "want 1 kHz to 100 MHz"},
		{publish("--format", "cu8", "--rate", "48000", raw), "give it as t0"},
		{publish("--t0", "noon", raw), `t0 is "noon"; want a time from 1970 to 2199, for example 2020-08-13T06:52:20.123456789Z`},
		{publish("--format", "cu8", "--rate", "48000", "--t0", "2026-01-01T00:00:00Z", raw), "does not say its station"},
		{publish(append(cu8, "--station", "b", raw)...), "station b of a.raw is not in the stations file, which has a"},
		{publish(append(cu8, "--length", "1h", raw)...), "1h0m0s were asked for"},
		{publish(append(cu8, "--start", "1h", raw)...), "1h0m0s"},
		{publish(append(cu8, "--network", "a.b", "--nats", "", raw)...), "no NATS URL is given"},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		out, err := command(ctx, c.args...)
		cancel()
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("foxhunt %s: %v; want %q\n%s", strings.Join(c.args, " "), err, c.says, out)
		}
	}
}

// TestBadWorkerFlags are those that a worker refuses before it opens anything, or when it opens what they name.
func TestBadWorkerFlags(t *testing.T) {
	h := newHouse(t)
	worker := []string{"worker", "--nats", h.server.ClientURL(), "--http-listen", "127.0.0.1:0", "--log-level", "error", "--onnxruntime", "/absent.so"}
	for _, c := range []struct{ flag, value, says string }{
		{"--fix-format", "xml", `fix-format is "xml"; want json or msgpack`},
		{"--network-propagation-error", "dcf=soon", `network-propagation-error of dcf: time: invalid duration "soon"`},
		{"--lanes", "0", "want at least 1 each"},
		{"--batch", "-1", "want at least 1 each"},
		{"--batch-delay", "-1s", "batch delay is -1s; want 0 or more"},
		{"--confidence", "95", "confidence is 95; want a value between 0 and 1"},
		{"--propagation-error", "2s", "propagation error is 2 s; want 0 to 1 s"},
		{"--network-propagation-error", "dcf=-1us", `propagation error of network "dcf" is -1e-06 s`},
		{"--bundles", "dcf.dcf77,dcf.>", `bundles has "dcf.>"; want <network>.<source>`},
		{"--lanes", "1", "/absent.so is not a file"},
	} {
		_, err := command(t.Context(), append(worker, c.flag, c.value)...)
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("worker %s %s: %v; want %q", c.flag, c.value, err, c.says)
		}
	}
	for _, c := range []struct{ flag, value, says string }{
		{"--model", "/absent.onnx", "no_model: file:/absent.onnx: "},
		{"--redis", "http://127.0.0.1", "redis"},
	} {
		options := workerFlags(t, "--model", plainFile(t), c.flag, c.value)
		if err := options.settle(); err != nil {
			t.Fatal(err)
		}
		pages := servePages(t)
		process, err := newWorkerProcess(t.Context(), pages, h.conn, modeltest.Runtime(t), options, quietLog())
		if process != nil || err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("worker %s %s: %v; want %q", c.flag, c.value, err, c.says)
		}
	}
	process := openProcess(t, h.conn, modeltest.Runtime(t), workerFlags(t, "--model", plainFile(t), "--prefetch-bytes", "1000"))
	defer process.close()
	if err := process.run(t.Context()); err == nil || !strings.Contains(err.Error(), "allow at least") {
		t.Errorf("worker --prefetch-bytes 1000: %v", err)
	}
}

// TestBadListen expects addresses that cannot be listened on to be told at once.
func TestBadListen(t *testing.T) {
	taken := servePages(t).address()
	for address, says := range map[string]string{taken: "in use", "8080": "missing port in address"} {
		err := runWorker(t.Context(), &natsOptions{}, modeltest.Runtime(t), address, workerFlags(t), quietLog())
		if err == nil || !strings.HasPrefix(err.Error(), "http-listen: ") || !strings.Contains(err.Error(), says) {
			t.Errorf("worker --http-listen %s: %v; want %q", address, err, says)
		}
	}
	for address, says := range map[string]string{taken: "in use", "4222": "want host:port, for example 127.0.0.1:4222"} {
		up := upOptions{http: "127.0.0.1:0", nats: address, dataDir: t.TempDir()}
		if err := up.serve(t.Context(), modeltest.Runtime(t), io.Discard, quietLog()); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("up --nats-listen %s: %v; want %q", address, err, says)
		}
	}
}

// TestUp runs all of up in this process, until it is told to stop, twice on the same files: what was published before
// the first end is located after the second start.
func TestUp(t *testing.T) {
	t.Parallel()
	options := upOptions{worker: *workerFlags(t, "--model", plainFile(t), "--grace", "50ms"), dataDir: t.TempDir(), nats: "127.0.0.1:0", http: "127.0.0.1:0"}
	if err := options.worker.settle(); err != nil {
		t.Fatal(err)
	}
	url, stop := startUp(t, &options)
	conn := dial(t, url)
	if err := conn.DeleteStream(t.Context(), jetstream.StreamFixes); err != nil { // no fix can be published
		t.Fatal(err)
	}
	if _, err := conn.Publish(t.Context(), captureSubject("up", "a"), encode(t, longCapture(t))); err != nil {
		t.Fatal(err)
	}
	stop()
	url, stop = startUp(t, &options)
	conn = dial(t, url)
	waitFor(t, "the fix", func() bool {
		stream, err := conn.Stream(t.Context(), jetstream.StreamFixes)
		return err == nil && stream.CachedInfo().State.Msgs == 1
	})
	stop()
}

// startUp runs up and gives its NATS server's address once it is ready, and a function that stops it.
func startUp(t *testing.T, options *upOptions) (url string, stop func()) {
	t.Helper()
	var log syncBuffer
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- options.serve(ctx, modeltest.Runtime(t), io.Discard, slog.New(slog.NewTextHandler(&log, nil)))
	}()
	waitFor(t, "up", func() bool { return readyLine.MatchString(log.String()) })
	return readyLine.FindStringSubmatch(log.String())[1], func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("up ended with %v", err)
		}
	}
}

// dial connects to a server as any client.
func dial(t *testing.T, url string) natsjs.JetStream {
	t.Helper()
	conn, err := nats.Connect(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	js, err := natsjs.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

// TestWaitingWorker expects a worker without a NATS server to be alive and not ready, and to give up when it is told to.
func TestWaitingWorker(t *testing.T) {
	pages := servePages(t) // a port that is free again soon
	address := pages.address()
	pages.close()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	o := natsOptions{jetstream.Options{URL: "nats://127.0.0.1:1", Log: quietLog()}}
	go func() {
		ended <- runWorker(ctx, &o, modeltest.Runtime(t), address, workerFlags(t, "--model", "/absent"), quietLog())
	}()
	waitFor(t, "/livez", func() bool {
		response, err := http.Get("http://" + address + "/livez")
		if err != nil {
			return false
		}
		response.Body.Close()
		return response.StatusCode == http.StatusOK
	})
	if status, body := get(t, address, "/readyz"); status != http.StatusServiceUnavailable || body != "starting, or stopping\n" {
		t.Errorf("/readyz answers %d %q", status, body)
	}
	cancel()
	if err := <-ended; err == nil || !strings.Contains(err.Error(), "no NATS server answered") {
		t.Errorf("it ended with %v", err)
	}
}

// TestReadiness follows /readyz from before the worker serves to after the server is gone.
func TestReadiness(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	process, stop := h.startWorker(t, "--model", plainFile(t))
	address := process.http.address()
	waitFor(t, "a ready worker", func() bool { status, _ := get(t, address, "/readyz"); return status == 200 })
	h.server.Shutdown()
	waitFor(t, "a worker that misses NATS", func() bool {
		status, body := get(t, address, "/readyz")
		return status == 503 && body == "not connected to NATS\n"
	})
	if status, _ := get(t, address, "/livez"); status != 200 {
		t.Errorf("/livez answers %d without NATS", status)
	}
	h.server.Restart(t)
	waitFor(t, "a worker that is ready again", func() bool { status, _ := get(t, address, "/readyz"); return status == 200 })
	stop()
	if status, body := get(t, address, "/readyz"); status != 503 || body != "starting, or stopping\n" {
		t.Errorf("/readyz of a worker that has stopped answers %d %q", status, body)
	}
}

// TestPublishRaw publishes a recording without any header, alone and in a bundle, and looks at what is stored.
func TestPublishRaw(t *testing.T) {
	h := newHouse(t)
	folder := t.TempDir()
	stations := filepath.Join(folder, "stations.yaml")
	writeText(t, stations, "- {id: north, lat: 45.5, lon: 8.5, alt: 300, gain: 20}\n- {id: south, lat: 44.5, lon: 8.25, alt: 200}\n")
	iq := randomBytes(2 * 24_000) // half a second at 48 kHz
	for _, name := range []string{"20260101T000000Z_1000000_north_iq.cu8", "20260101T000000Z_1000000_south_iq.cu8"} {
		writeText(t, filepath.Join(folder, name), string(iq))
	}
	north, south := filepath.Join(folder, "20260101T000000Z_1000000_north_iq.cu8"), filepath.Join(folder, "20260101T000000Z_1000000_south_iq.cu8")
	raw := []string{"publish", "--nats", h.server.ClientURL(), "--network", "n", "--stations", stations, "--format", "cu8", "--rate", "48000",
		"--t0", "2026-01-01T00:00:00.000000000Z", "--sigma", "2us", "--event", "e", "--session", "s"}

	out := must(t, append(raw, "--freq", "145.5e6", "--length", "125ms", north)...)
	if strings.Count(out, "\n") != 4 || !strings.Contains(out, "4/4  stored as 4 of CAPTURES on captures.n.north: 1 receivers, 0.1 s from 2026-01-01T00:00:00.375Z") {
		t.Errorf("publish says\n%s", out)
	}
	for i := range 4 {
		c := h.capture(t, i+1, "captures.n.north")
		r := c.Receivers[0]
		if c.Frequency != 145.5e6 || c.Event != "e" || c.Session != "s" || len(c.Receivers) != 1 || r.Station != "north" || r.Latitude != 45.5 ||
			r.Gain != 20 || r.ClockSigma != 2000 || r.SampleRate != 48000 || r.Format != messages.CU8 || !c.Cache {
			t.Errorf("capture %d is %+v", i, c)
		}
		if !bytes.Equal(r.IQ, iq[i*12_000:(i+1)*12_000]) {
			t.Errorf("capture %d holds %d bytes of other samples", i, len(r.IQ))
		}
	}
	must(t, append(raw, "--bundle", "both", "--start", "100ms", north, south)...)
	c := h.capture(t, 5, "captures.n.both")
	if c.Frequency != 1e6 || len(c.Receivers) != 2 || c.Receivers[1].ClockSigma != 2000 || c.Receivers[0].Samples() != 19_200 {
		t.Errorf("the bundle is of %g Hz with %d receivers, %v ns and %d samples", c.Frequency, len(c.Receivers), c.Receivers[1].ClockSigma, c.Receivers[0].Samples())
	}
}

// capture reads a capture as it is stored, on its subject and under its own id.
func (h *house) capture(t *testing.T, sequence int, subject string) *messages.Capture {
	t.Helper()
	message, c := h.storedCapture(t, sequence)
	if message.Subject != subject || message.Header.Get("Nats-Msg-Id") != c.ID {
		t.Errorf("capture %d is on %s under the id %s; want %s and %s", sequence, message.Subject, message.Header.Get("Nats-Msg-Id"), subject, c.ID)
	}
	return c
}

// storedCapture reads the message of a capture, and the capture.
func (h *house) storedCapture(t *testing.T, sequence int) (*natsjs.RawStreamMsg, *messages.Capture) {
	t.Helper()
	stream, err := h.js.Stream(t.Context(), jetstream.StreamCaptures)
	if err != nil {
		t.Fatal(err)
	}
	message, err := stream.GetMsg(t.Context(), uint64(sequence))
	if err != nil {
		t.Fatal(err)
	}
	c := &messages.Capture{}
	if err := c.Decode(message.Data); err != nil {
		t.Fatal(err)
	}
	return message, c
}

// TestPublishTooMuch expects 9 MB to be refused before anything is stored, by publish and by the server's own limit.
func TestPublishTooMuch(t *testing.T) {
	h := newHouse(t)
	folder := t.TempDir()
	stations, raw := filepath.Join(folder, "stations.yaml"), filepath.Join(folder, "long.raw")
	writeText(t, stations, "- {id: a, lat: 45, lon: 8}\n")
	writeText(t, raw, string(make([]byte, 10_000_000)))
	_, err := command(t.Context(), "publish", "--nats", h.server.ClientURL(), "--network", "n", "--stations", stations, "--station", "a",
		"--format", "cu8", "--rate", "1e6", "--freq", "1e6", "--t0", "2026-01-01T00:00:00Z", "--length", "4500ms", raw)
	if err == nil || !strings.HasPrefix(err.Error(), "too_long: 4.5s were asked for; 4.19") || !strings.HasSuffix(err.Error(), "fit into a capture of 8388608 bytes") {
		t.Errorf("publish refuses 9 MB with %v", err)
	}
	_, err = h.conn.PublishCapture(t.Context(), "captures.n.a", messages.NewCaptureID(), make([]byte, 9_000_000))
	var refused *jetstream.Error
	if !errors.As(err, &refused) || refused.Code != jetstream.CodeTooLarge || !strings.Contains(refused.Reason, "the server takes 8454144 (its max_payload)") {
		t.Errorf("a message of 9 MB is refused with %v", err)
	}
	if n := h.stored(t, jetstream.StreamCaptures); n != 0 {
		t.Errorf("%d captures are stored", n)
	}
}

// TestPublishFailures expects publish to name every capture that was not stored.
func TestPublishFailures(t *testing.T) {
	server := newHouse(t)
	if err := server.js.DeleteStream(t.Context(), jetstream.StreamCaptures); err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	stations, raw := filepath.Join(folder, "stations.yaml"), filepath.Join(folder, "a.raw")
	writeText(t, stations, "- {id: a, lat: 45, lon: 8}\n")
	writeText(t, raw, string(randomBytes(8000)))
	publish := []string{"publish", "--nats", server.server.ClientURL(), "--network", "n", "--stations", stations, "--station", "a",
		"--format", "cu8", "--rate", "1000", "--freq", "1e6", "--t0", "2026-01-01T00:00:00Z", raw}
	if out, err := command(t.Context(), publish...); err == nil || !strings.HasPrefix(err.Error(), "4 of 4 captures were not stored: no_stream") || out != "" {
		t.Errorf("without a stream publish prints %q and ends with %v", out, err)
	}
	publish[4] = "a.b"
	if _, err := command(t.Context(), publish...); err == nil || !strings.Contains(err.Error(), "4 of 4") {
		t.Errorf("a network of two tokens: %v", err)
	}
	if _, err := command(t.Context(), "lag", "--nats", server.server.ClientURL(), "--once"); err == nil || !strings.HasPrefix(err.Error(), "no_stream: ") {
		t.Errorf("lag without a stream: %v", err)
	}
}

// TestSimulate expects as many captures as were asked for, with their truths, and that the same seed hears the same.
func TestSimulate(t *testing.T) {
	h := newHouse(t)
	truths := make(map[string]*messages.Truth)
	told := make(chan struct{}, 16)
	stop, err := h.conn.SubscribePlain("truth.net.>", func(subject string, data []byte) {
		truth, err := messages.DecodeTruth(data)
		if err != nil || subject != "truth.net."+truth.Emitter {
			t.Errorf("%s: %v", subject, err)
			return
		}
		truths[truth.CaptureID] = truth
		told <- struct{}{}
	})
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	must(t, "simulate", "--nats", h.server.ClientURL(), "--network", "net", "--rate", "1000", "--count", "8", "--seed", "3")
	for range 8 {
		<-told
	}
	if n := h.stored(t, jetstream.StreamCaptures); n != 8 || len(truths) != 8 {
		t.Fatalf("%d captures and %d truths; want 8 of each", n, len(truths))
	}
	var emitters []string
	for i := range 8 {
		_, message := h.storedCapture(t, i+1)
		truth := truths[message.ID]
		if truth == nil || len(message.Receivers) != 7 || truth.Time != messages.Instant(message.StartTime()) {
			t.Fatalf("capture %s has %d receivers and the truth %+v", message.ID, len(message.Receivers), truth)
		}
		emitters = append(emitters, truth.Emitter)
	}
	slices.Sort(emitters)
	if distinct := slices.Compact(emitters); len(distinct) != 4 {
		t.Errorf("emitters %q; want four, in turn", distinct)
	}
	if _, err := command(t.Context(), "simulate", "--nats", h.server.ClientURL(), "--rate", "0"); err == nil || err.Error() != "rate is 0; want more than 0" {
		t.Errorf("a rate of 0: %v", err)
	}
}

// TestSimulateEndsWithItsContext expects Ctrl-C to be no error.
func TestSimulateEndsWithItsContext(t *testing.T) {
	h := newHouse(t)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := command(ctx, "simulate", "--nats", h.server.ClientURL(), "--rate", "50")
		ended <- err
	}()
	waitFor(t, "captures", func() bool { return h.stored(t, jetstream.StreamCaptures) > 2 })
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestWatchTimeout tells a time-out that was an error from one that was the end.
func TestWatchTimeout(t *testing.T) {
	h := newHouse(t)
	watch := []string{"watch", "--nats", h.server.ClientURL(), "--timeout", "100ms"}
	if out, err := command(t.Context(), append(watch, "--count", "2")...); err == nil || err.Error() != "0 of 2 fixes came before the end: the time-out passed" || out != "" {
		t.Errorf("watch --count 2 prints %q and ends with %v", out, err)
	}
	if out, err := command(t.Context(), watch...); err != nil || out != "" {
		t.Errorf("watch prints %q and ends with %v", out, err)
	}
	if err := h.js.DeleteStream(t.Context(), jetstream.StreamFixes); err != nil {
		t.Fatal(err)
	}
	if _, err := command(t.Context(), append(watch, "--count", "1")...); err == nil || err.Error() != "0 of 1 fixes came before the end: the time-out passed" {
		t.Errorf("without a stream watch ends with %v", err)
	}
}

// TestModelBuild expects the file to be the model that is built in.
func TestModelBuild(t *testing.T) {
	path := filepath.Join(t.TempDir(), "grid.onnx")
	out := must(t, "model", "build", "--out", path)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(data, grid.File()) {
		t.Error("the file is not the built-in model")
	}
	if want := fmt.Sprintf("%s: %d bytes\n", path, len(data)); out != want {
		t.Errorf("it prints %q; want %q", out, want)
	}
}

// TestModelInfoText reads the table for people.
func TestModelInfoText(t *testing.T) {
	m, err := loadModel(modeltest.Runtime(t), plainFile(t))
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	var out strings.Builder
	if err := printModel(&out, m.Info()); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"plain\n", "runtime    ONNX Runtime " + model.RuntimeVersion, "frame      wgs84", "feature log_spectrogram", "output     uncertainties"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
}

// TestFixLine reads the line for people.
func TestFixLine(t *testing.T) {
	fix := &messages.Fix{
		Network: "n", Source: "s", Frequency: 145.5e6, Position: messages.Position{Latitude: -33.5, Longitude: -70.25}, Confidence: 0.5,
		Uncertainty: messages.Uncertainty{SemiMajor: 12_345, SemiMinor: 678, Theta: -30},
		Receivers:   []messages.FixReceiver{{Station: "a", Used: true}, {Station: "b"}, {Station: "c", Used: true}},
		Time:        messages.InstantOf(sceneTime),
	}
	line := fixLine(fix)
	for _, want := range []string{"12:00:00.0", "n/s", "145.5000 MHz", "33.50000 S  70.25000 W", "12.3 km", "678 m", "-30°", "confidence 0.50", "2/3 receivers without b"} {
		if !strings.Contains(line, want) {
			t.Errorf("%q does not say %q", line, want)
		}
	}
}

func writeText(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
