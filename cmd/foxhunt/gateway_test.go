package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"foxhunt/geo"
	"foxhunt/jetstream"
	"foxhunt/messages"
)

// gatewayAt is a gateway that runs in this process.
type gatewayAt struct {
	address string
	token   string
	client  *http.Client
	log     *syncBuffer
	stop    func()
}

var gatewayReady = regexp.MustCompile(`msg="gateway ready" nats=\S+ http=(\S+)`)

// startGateway runs a gateway as the command does, until the test ends or stop is called.
func (h *house) startGateway(t testing.TB, flags ...string) *gatewayAt {
	t.Helper()
	return startGatewayAt(t, h.server.ClientURL(), flags...)
}

// startGatewayAt runs a gateway on any NATS server.
func startGatewayAt(t testing.TB, url string, flags ...string) *gatewayAt {
	t.Helper()
	var nats natsOptions
	var listen listenOptions
	var options gatewayOptions
	set := pflag.NewFlagSet("gateway", pflag.ContinueOnError)
	nats.register(set)
	listen.register(set)
	options.register(set, "")
	if err := set.Parse(append([]string{"--nats", url, "--http-listen", "127.0.0.1:0"}, flags...)); err != nil {
		t.Fatal(err)
	}
	nats.Log = quietLog()
	g := &gatewayAt{log: &syncBuffer{}, client: &http.Client{Timeout: patience}}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- runGateway(ctx, &nats, jetstream.DefaultTopology(), &listen, &options, slog.New(slog.NewTextHandler(g.log, nil)))
	}()
	g.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the gateway ended with %v", err)
		}
		g.client.CloseIdleConnections()
	})
	t.Cleanup(g.stop)
	waitFor(t, "the gateway", func() bool {
		if m := gatewayReady.FindStringSubmatch(g.log.String()); m != nil {
			g.address = m[1]
		}
		return g.address != ""
	})
	g.token = options.Token
	return g
}

// answer is an answer of the API, with what tests look at.
type answer struct {
	status int
	header http.Header
	body   []byte

	Position     messages.Position
	Uncertainty  struct{ Confidence_Interval, Sigma_X, Sigma_Y float64 }
	ModelVersion string `json:"model_version"`
	CacheHit     *bool  `json:"_cache_hit"`
	Timestamp    string
	Fix          *messages.Fix
	Predictions  []answer
	BatchSize    int     `json:"batch_size"`
	TotalTime    float64 `json:"total_time_ms"`
	PerSecond    float64 `json:"samples_per_second"`
	Error        *answer

	Code, Detail, Pointer string
	Type, Title           string
	Status                json.RawMessage
	CaptureID             string `json:"capture_id"`
	FixURL                string `json:"fix_url"`
	ModelLoaded           *bool  `json:"model_loaded"`
	CacheAvailable        *bool  `json:"cache_available"`
}

func (g *gatewayAt) ask(t testing.TB, method, path, contentType string, body []byte) *answer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, "http://"+g.address+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	if g.token != "" {
		request.Header.Set("Authorization", "Bearer "+g.token)
	}
	response, err := g.client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	a := &answer{status: response.StatusCode, header: response.Header}
	if a.body, err = io.ReadAll(response.Body); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(a.body, a); err != nil {
		t.Fatalf("%s %s: %v\n%s", method, path, err, a.body)
	}
	isProblem := a.status >= 400 && !(path == healthPage && a.status == http.StatusServiceUnavailable)
	if isProblem != (response.Header.Get("Content-Type") == "application/problem+json") {
		t.Errorf("%s %s: %d is %s", method, path, a.status, response.Header.Get("Content-Type"))
	}
	return a
}

const (
	predictPage = "/api/v1/inference/predict"
	batchPage   = "/api/v1/inference/predict/batch"
	healthPage  = "/api/v1/inference/health"
)

func (g *gatewayAt) predict(t testing.TB, request map[string]any) *answer {
	t.Helper()
	return g.ask(t, http.MethodPost, predictPage, "application/json", asJSON(t, request))
}

func asJSON(t testing.TB, value any) []byte {
	t.Helper()
	body, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// pairs are n samples of noise, as a tool without foxhunt has them.
func pairs(n int, seed uint64) [][2]float64 {
	random := rand.New(rand.NewPCG(seed, 0))
	list := make([][2]float64, n)
	for i := range list {
		list[i] = [2]float64{random.Float64() - 0.5, random.Float64() - 0.5}
	}
	return list
}

// oneSample is the request of a tool that knows one receiver.
func oneSample(seed uint64) map[string]any {
	return map[string]any{
		"iq_data": pairs(4480, seed), "session_id": "session", "sample_rate": 2.4e6, "center_frequency": 433.92e6,
		"latitude": 45.0, "longitude": 7.5,
	}
}

// jsonOf is a capture as a request in JSON.
func jsonOf(t testing.TB, c *messages.Capture) map[string]any {
	t.Helper()
	var list []map[string]any
	for i := range c.Receivers {
		r := &c.Receivers[i]
		re, im := make([]float32, r.Samples()), make([]float32, r.Samples())
		if err := r.Split(re, im); err != nil {
			t.Fatal(err)
		}
		iq := make([][2]float32, len(re))
		for n := range iq {
			iq[n] = [2]float32{re[n], im[n]}
		}
		list = append(list, map[string]any{
			"station": r.Station, "latitude": r.Latitude, "longitude": r.Longitude, "altitude": r.Altitude, "start_time": r.StartTime,
			"clock_sigma": r.ClockSigma, "sample_rate": r.SampleRate, "gain": r.Gain, "iq_data": iq,
		})
	}
	return map[string]any{"center_frequency": c.Frequency, "network": "demo", "event": c.Event, "receivers": list}
}

// TestGateway sends requests to gateways in front of a worker with a network of one receiver.
func TestGateway(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.startWorker(t, "--model", plainFile(t), "--bundles", "*.*")
	g := h.startGateway(t)
	t.Run("one receiver", func(t *testing.T) { testGatewayOne(t, g) })
	t.Run("batch", func(t *testing.T) { testGatewayBatch(t, g) })
	t.Run("many at once", func(t *testing.T) { testGatewayManyAtOnce(t, g, h.startGateway(t)) })
	t.Run("later", func(t *testing.T) { testGatewayLater(t, h) })
	t.Run("health", func(t *testing.T) { testGatewayHealth(t, g) })
	if n, _ := metric(t, g.address, `foxhunt_gateway_requests_total{code="200",route="/api/v1/inference/predict"}`); n < 4 {
		t.Errorf("the metrics count %v predictions", n)
	}
	if status, body := get(t, g.address, "/readyz"); status != http.StatusOK {
		t.Errorf("/readyz: %d %s", status, body)
	}
}

// testGatewayOne sends the fields that everybody knows, twice: the second answer comes from the cache, the third must not.
func testGatewayOne(t *testing.T, g *gatewayAt) {
	request := oneSample(1)
	for i, cached := range []bool{true, true, false} {
		request["cache_enabled"] = cached
		a := g.predict(t, request)
		if a.status != http.StatusOK || a.CacheHit == nil || *a.CacheHit != (i == 1) {
			t.Fatalf("request %d: %d %s", i, a.status, a.body)
		}
		f := a.Fix
		if f.Position != a.Position || a.Uncertainty.Confidence_Interval != 0.95 || a.Uncertainty.Sigma_X <= 0 || a.Timestamp != f.Timestamp.String() {
			t.Errorf("the answer disagrees with its fix: %s", a.body)
		}
		if f.Session != "session" || f.Network != "http" || f.Source != "http" || f.Frequency != 433.92e6 || a.ModelVersion != "0" {
			t.Errorf("the fix is %+v, the model's version %s", f, a.ModelVersion)
		}
	}
}

func testGatewayMsgpack(t *testing.T, g *gatewayAt) {
	capture, _ := simulated(t, 0, 1)
	for _, contentType := range []string{"application/msgpack", "application/vnd.msgpack"} {
		data := encode(t, capture)
		a := g.ask(t, http.MethodPost, predictPage+"?network=demo", contentType, data)
		if a.status != http.StatusOK || a.Fix.CaptureID != capture.ID || a.Fix.Network != "demo" || len(a.Fix.Receivers) != 4 {
			t.Fatalf("%d %s", a.status, a.body)
		}
		again := g.ask(t, http.MethodPost, predictPage+"?network=demo", contentType, data) // the stream has it: the fix is looked up
		if again.status != http.StatusOK || !messages.SameFix(a.Fix, again.Fix) {
			t.Errorf("sent twice: %d %s", again.status, again.body)
		}
	}
	a := g.ask(t, http.MethodPost, predictPage, "application/msgpack", wire(t, fields{"freq": -1}))
	if a.status != http.StatusBadRequest || a.Code != messages.CodeBadFrequency || !strings.HasPrefix(a.Detail, "freq is -1") {
		t.Errorf("a bad frequency: %d %s", a.status, a.body)
	}
}

// testGatewayBase64 sends the same samples as numbers and in base64, which must give the same fix.
func testGatewayBase64(t *testing.T, g *gatewayAt) {
	capture, _ := simulated(t, 0, 2)
	request := jsonOf(t, capture)
	numbers := g.predict(t, request)
	for i, r := range request["receivers"].([]map[string]any) {
		delete(r, "iq_data")
		r["iq"], r["format"] = capture.Receivers[i].IQ, capture.Receivers[i].Format // []byte becomes base64
		r["start_time"] = messages.Instant(capture.Receivers[i].StartTime).String()
	}
	text := g.predict(t, request)
	if numbers.status != http.StatusOK || text.status != http.StatusOK {
		t.Fatalf("%s\n%s", numbers.body, text.body)
	}
	if numbers.Position != text.Position || numbers.Fix.Time != text.Fix.Time || text.Fix.Source != "http" || text.Fix.Event != capture.Event {
		t.Errorf("as numbers %s\nin base64 %s", numbers.body, text.body)
	}
}

func testGatewayBatch(t *testing.T, g *gatewayAt) {
	short := oneSample(3)
	short["iq_data"] = pairs(3, 3)
	faulty := oneSample(4)
	faulty["iq_data"] = []any{[]any{1, 2}, []any{3, "x"}}
	a := g.ask(t, http.MethodPost, batchPage, "application/json", asJSON(t, map[string]any{"samples": []any{oneSample(5), short, faulty, 7, oneSample(6)}}))
	if a.status != http.StatusOK || a.BatchSize != 5 || len(a.Predictions) != 5 || a.TotalTime <= 0 || a.PerSecond <= 0 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	for i, want := range []struct{ code, pointer string }{{}, {"too_short", ""}, {"bad_type", "#/samples/2/iq_data/1/1"}, {"bad_type", "#/samples/3"}, {}} {
		p := a.Predictions[i]
		switch {
		case want.code == "" && (p.Error != nil || p.Fix == nil):
			t.Errorf("sample %d has no fix: %+v", i, p.Error)
		case want.code != "" && (p.Error == nil || p.Error.Code != want.code || p.Error.Pointer != want.pointer):
			t.Errorf("sample %d: %+v; want %s at %s", i, p.Error, want.code, want.pointer)
		}
	}
}

// testGatewayManyAtOnce asks two gateways for many different fixes: each must get its own.
func testGatewayManyAtOnce(t *testing.T, gateways ...*gatewayAt) {
	var all sync.WaitGroup
	for i := range 40 {
		all.Go(func() {
			request := oneSample(uint64(100 + i))
			request["session_id"] = fmt.Sprint("session ", i)
			a := gateways[i%len(gateways)].predict(t, request)
			if a.status != http.StatusOK || a.Fix.Session != request["session_id"] {
				t.Errorf("request %d: %d %s", i, a.status, a.body)
			}
		})
	}
	all.Wait()
}

// testGatewayLater finds fixes and dead letters by a gateway that was started after them.
func testGatewayLater(t *testing.T, h *house) {
	first := h.startGateway(t)
	fixed := first.predict(t, oneSample(7))
	capture, _ := simulated(t, 0, 3)
	for i := range capture.Receivers {
		capture.Receivers[i].StartTime += int64(i) * int64(time.Hour)
	}
	refused := first.ask(t, http.MethodPost, predictPage+"?network=demo", "application/msgpack", encode(t, capture))
	if refused.status != http.StatusBadRequest || refused.Code != "no_overlap" {
		t.Fatalf("receivers an hour apart: %d %s", refused.status, refused.body)
	}
	first.stop()

	g := h.startGateway(t)
	for _, page := range []string{fixed.Fix.CaptureID, fixed.Fix.CaptureID + "?network=http&source=http", fixed.Fix.CaptureID + "?since=2026-01-01T00:00:00Z"} {
		a := g.ask(t, http.MethodGet, "/api/v1/fixes/"+page, "", nil)
		if a.status != http.StatusOK || !messages.SameFix(a.Fix, fixed.Fix) {
			t.Errorf("%s: %d %s", page, a.status, a.body)
		}
	}
	a := g.ask(t, http.MethodGet, "/api/v1/fixes/"+capture.ID, "", nil)
	if a.status != http.StatusBadRequest || a.Code != "no_overlap" || a.Detail != refused.Detail {
		t.Errorf("the dead letter: %d %s", a.status, a.body)
	}
	for page, want := range map[string]string{
		messages.NewCaptureID():                              "404 fix_not_found",
		fixed.Fix.CaptureID + "?network=other":               "404 fix_not_found",
		"short":                                              "400 bad_id",
		strings.Repeat("%20", 30):                            "400 bad_id",
		fixed.Fix.CaptureID + "?network=a.b":                 "400 bad_parameter",
		fixed.Fix.CaptureID + "?source=":                     "400 bad_parameter",
		fixed.Fix.CaptureID + "?source=a&source=b":           "400 bad_parameter",
		fixed.Fix.CaptureID + "?since=yesterday":             "400 bad_parameter",
		fixed.Fix.CaptureID + "?colour=red":                  "400 bad_parameter",
		fixed.Fix.CaptureID + "?network=%zz":                 "400 bad_parameter",
		fixed.Fix.CaptureID + "?since=2199-01-01T00:00:00Z":  "404 fix_not_found",
		fixed.Fix.CaptureID + "?network=http&source=nothing": "404 fix_not_found",
	} {
		if a := g.ask(t, http.MethodGet, "/api/v1/fixes/"+page, "", nil); fmt.Sprint(a.status, " ", a.Code) != want {
			t.Errorf("%s: %d %s; want %s", page, a.status, a.Code, want)
		}
	}
}

func testGatewayHealth(t *testing.T, g *gatewayAt) {
	a := g.ask(t, http.MethodGet, healthPage, "", nil)
	if a.status != http.StatusOK || string(a.Status) != `"healthy"` || a.ModelLoaded == nil || !*a.ModelLoaded || a.CacheAvailable == nil || !*a.CacheAvailable {
		t.Errorf("%d %s", a.status, a.body)
	}
	if at, err := time.Parse(time.RFC3339Nano, a.Timestamp); err != nil || time.Since(at) > patience {
		t.Errorf("the timestamp is %q", a.Timestamp)
	}
}

// TestGatewayDefaultModel sends one receiver to the default model, which says what is missing, and then several.
func TestGatewayDefaultModel(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.startWorker(t, "--bundles", "demo.http")
	g := h.startGateway(t)
	t.Run("msgpack", func(t *testing.T) { testGatewayMsgpack(t, g) })
	t.Run("base64", func(t *testing.T) { testGatewayBase64(t, g) })
	a := g.predict(t, oneSample(1))
	if a.status != http.StatusBadRequest || a.Code != "too_few_receivers" || a.Pointer != "#/receivers" || !strings.Contains(a.Detail, "send each receiver in receivers") {
		t.Errorf("one receiver: %d %s", a.status, a.body)
	}
	capture, truth := simulated(t, 0, 1)
	request := jsonOf(t, capture)
	if a = g.predict(t, request); a.status != http.StatusOK {
		t.Fatalf("several: %d %s", a.status, a.body)
	}
	there := geo.Position{Latitude: truth.Latitude, Longitude: truth.Longitude}
	east, north := geo.Offset(geo.Position{Latitude: a.Position.Latitude, Longitude: a.Position.Longitude}, there)
	if u := a.Fix.Uncertainty; math.Hypot(east, north) > 1.5*u.SemiMajor || u.SemiMajor > 30e3 {
		t.Errorf("the fix is %.0f m off, the ellipse %.0f m long", math.Hypot(east, north), u.SemiMajor)
	}
	request["network"] = "other"
	if a = g.predict(t, request); a.status != http.StatusBadRequest || a.Code != "source_mismatch" || !strings.Contains(a.Detail, "--bundles other.http") {
		t.Errorf("a network whose workers know of no bundle: %d %s", a.status, a.body)
	}
}

// TestGatewayWithoutWorkers refuses while nobody pulls, says where the fix will be when a worker does not answer in time,
// and finds it there after another has.
func TestGatewayWithoutWorkers(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	g := h.startGateway(t, "--deadline", "300ms")
	if a := g.predict(t, oneSample(1)); a.status != http.StatusServiceUnavailable || a.Code != "no_worker" || a.header.Get("Retry-After") == "" {
		t.Errorf("nobody pulls: %d %s", a.status, a.body)
	}
	if a := g.ask(t, http.MethodGet, healthPage, "", nil); a.status != http.StatusServiceUnavailable || a.Code != "no_worker" || a.ModelLoaded == nil || *a.ModelLoaded || a.CacheAvailable != nil {
		t.Errorf("the health without workers: %d %s", a.status, a.body)
	}
	if n := h.stored(t, jetstream.StreamCaptures); n != 0 {
		t.Errorf("%d captures were stored", n)
	}

	idle, err := h.server.Connect(t).NewSource(t.Context(), jetstream.DefaultTopology(), jetstream.SourceOptions{Concurrency: 1})
	if err != nil {
		t.Fatal(err)
	}
	var late *answer
	waitFor(t, "the gateway to see the worker", func() bool {
		late = g.predict(t, oneSample(2))
		return late.Code != "no_worker"
	})
	if late.status != http.StatusGatewayTimeout || late.Code != "timeout" || len(late.CaptureID) != 44 || late.header.Get("Retry-After") == "" {
		t.Fatalf("a worker that does not answer: %d %s", late.status, late.body)
	}
	if a := g.ask(t, http.MethodGet, late.FixURL, "", nil); a.status != http.StatusNotFound || a.Code != "fix_not_found" {
		t.Errorf("before there is a fix: %d %s", a.status, a.body)
	}
	batch := g.ask(t, http.MethodPost, batchPage, "application/json", asJSON(t, map[string]any{"samples": []any{oneSample(3)}}))
	if batch.status != http.StatusOK || batch.Predictions[0].Error == nil || batch.Predictions[0].Error.Code != "timeout" {
		t.Errorf("a batch in vain: %d %s", batch.status, batch.body)
	}
	idle.Close() // gives back what it has
	h.startWorker(t, "--model", plainFile(t))
	h.waitUntilEmpty(t)
	for _, url := range []string{late.FixURL, batch.Predictions[0].Error.FixURL} {
		if a := g.ask(t, http.MethodGet, url, "", nil); a.status != http.StatusOK || !strings.HasPrefix(url, "/api/v1/fixes/"+a.Fix.CaptureID+"?") {
			t.Errorf("%s: %d %s", url, a.status, a.body)
		}
	}
}

// TestGatewayWithoutNATS says so while the server is away, and goes on when it is back.
func TestGatewayWithoutNATS(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.startWorker(t, "--model", plainFile(t))
	g := h.startGateway(t)
	if a := g.predict(t, oneSample(1)); a.status != http.StatusOK {
		t.Fatalf("%d %s", a.status, a.body)
	}
	h.server.Shutdown()
	waitFor(t, "the gateway to notice", func() bool { status, _ := get(t, g.address, "/readyz"); return status != http.StatusOK })
	if a := g.predict(t, oneSample(2)); a.status != http.StatusServiceUnavailable || a.Code != jetstream.CodeNotConnected || a.header.Get("Retry-After") == "" {
		t.Errorf("without NATS: %d %s", a.status, a.body)
	}
	if a := g.ask(t, http.MethodGet, healthPage, "", nil); a.status != http.StatusServiceUnavailable || a.ModelLoaded != nil {
		t.Errorf("the health without NATS: %d %s", a.status, a.body)
	}
	if status, _ := get(t, g.address, "/livez"); status != http.StatusOK {
		t.Errorf("/livez: %d", status)
	}
	h.server.Restart(t)
	waitFor(t, "a fix after the restart", func() bool { return g.predict(t, oneSample(3)).status == http.StatusOK })
}

// TestGatewayToken lets in who has the token, and nobody else.
func TestGatewayToken(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("0123456789abcdef0123\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	g := h.startGateway(t, "--token-file", file)
	right := g.token
	for _, c := range []struct {
		token, path string
		status      int
	}{
		{right, healthPage, http.StatusServiceUnavailable}, {"", healthPage, http.StatusUnauthorized}, {"wrong", healthPage, http.StatusUnauthorized},
		{right + "x", predictPage, http.StatusUnauthorized}, {"", "/openapi.json", http.StatusOK},
	} {
		g.token = c.token
		method := http.MethodGet
		if c.path == predictPage {
			method = http.MethodPost
		}
		a := g.ask(t, method, c.path, "application/json", nil)
		if a.status != c.status || (c.status == http.StatusUnauthorized) != (a.header.Get("WWW-Authenticate") != "") {
			t.Errorf("token %q on %s: %d %s", c.token, c.path, a.status, a.body)
		}
	}
	if strings.Contains(g.log.String(), right) {
		t.Error("the token is in the log")
	}
}
