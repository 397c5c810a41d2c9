package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"

	"foxhunt/geo"
	"foxhunt/jetstream"
	"foxhunt/messages"
	"foxhunt/model/grid"
	"foxhunt/model/modeltest"
)

// TestWorker sends captures through one worker with default options, but for the window, and the default model.
func TestWorker(t *testing.T) {
	h := newHouse(t)
	process, _ := h.startWorker(t, "--window", "200ms")
	t.Run("locates simulated emitters", func(t *testing.T) { testLocates(t, h) })
	t.Run("takes 2 to 32 receivers", func(t *testing.T) { testReceivers(t, h) })
	t.Run("remembers what it has seen", func(t *testing.T) { testCache(t, h) })
	t.Run("publishes one fix a capture", func(t *testing.T) { testDeduplicates(t, h) })
	t.Run("refuses what is no capture", func(t *testing.T) { testHostile(t, h, process) })
	t.Run("claims no more than it knows", func(t *testing.T) { testHumble(t, h) })
	t.Run("keeps its memory", func(t *testing.T) { testMemory(t, h) })
	t.Run("watch shows its fixes", func(t *testing.T) { testWatch(t, h) })
	t.Run("shows the demo's fixes", func(t *testing.T) { testDemo(t, h) })
	t.Run("tells how it is", func(t *testing.T) { testPages(t, h, process) })
	h.waitUntilEmpty(t)
}

// testLocates expects every kind of emitter within its ellipse, or just beside it: one truth in twenty is outside.
func testLocates(t *testing.T, h *house) {
	for i, emitter := range scene().Emitters {
		capture, truth := simulated(t, i, 1)
		capture.Event, capture.Session = "event "+emitter.Name, "session"
		h.publish(t, captureSubject("demo", emitter.Name), encode(t, capture))
		fix := h.nextFix(t)
		there := geo.Position{Latitude: truth.Latitude, Longitude: truth.Longitude}
		east, north := geo.Offset(geo.Position{Latitude: fix.Position.Latitude, Longitude: fix.Position.Longitude}, there)
		u := fix.Uncertainty
		beside := geo.Ellipse{SemiMajor: 1.5 * u.SemiMajor, SemiMinor: 1.5 * u.SemiMinor, Theta: u.Theta, Confidence: u.ConfidenceInterval}
		if !beside.Contains(east, north) {
			t.Errorf("%s: %.0f m east and %.0f m north of the fix, whose ellipse is %.0f x %.0f m at %.0f°",
				emitter.Name, east, north, u.SemiMajor, u.SemiMinor, u.Theta)
		}
		if u.SemiMajor > 30e3 {
			t.Errorf("%s: the ellipse is %.0f m long, which says nothing", emitter.Name, u.SemiMajor)
		}
		checkFix(t, fix, capture)
	}
}

// checkFix compares what a fix repeats of its capture, and what it says of itself.
func checkFix(t *testing.T, fix *messages.Fix, capture *messages.Capture) {
	t.Helper()
	if fix.CaptureID != capture.ID || fix.Event != capture.Event || fix.Session != capture.Session || fix.Network != "demo" ||
		fix.Frequency != capture.Frequency || fix.Time != messages.Instant(capture.StartTime()) {
		t.Errorf("the fix is not its capture's: %+v", fix)
	}
	if fix.Model.Name != "grid" || len(fix.Model.Digest) != 64 {
		t.Errorf("model %+v", fix.Model)
	}
	if fix.Budget.Propagation <= 0 || fix.Budget.Source != "default above 30 MHz" {
		t.Errorf("budget %+v", fix.Budget)
	}
	if fix.Uncertainty.ConfidenceInterval != 0.95 || fix.GeoJSON != nil || fix.CacheHit {
		t.Errorf("confidence interval %v, geojson %s, cache hit %v; want 0.95, none, false", fix.Uncertainty.ConfidenceInterval, fix.GeoJSON, fix.CacheHit)
	}
	for i, r := range fix.Receivers {
		if r.Station != capture.Receivers[i].Station {
			t.Errorf("receiver %d is %s; want %s", i, r.Station, capture.Receivers[i].Station)
		}
	}
	stages := fix.Stages
	if sum := stages.Decode + stages.Preprocess + stages.Cache + stages.Model + stages.Ellipse; !(sum > 0 && sum <= fix.Inference) {
		t.Errorf("the stages took %v ms of %v ms", sum, fix.Inference)
	}
	if age := time.Since(fix.Timestamp.Time()); age < 0 || age > patience {
		t.Errorf("the fix was made %v ago", age)
	}
}

// testReceivers changes the number of receivers from capture to capture, up and down.
func testReceivers(t *testing.T, h *house) {
	for _, n := range []int{4, 3, 5, 2, 32, 7} {
		h.publish(t, captureSubject("demo", "several"), wire(t, fields{"rx": receivers(n)}))
		if fix := h.nextFix(t); len(fix.Receivers) != n {
			t.Errorf("the fix of %d receivers lists %d", n, len(fix.Receivers))
		}
	}
}

// testCache sends one capture's samples three times: the second fix comes from the cache and says the same, the third
// must not.
func testCache(t *testing.T, h *house) {
	capture, _ := simulated(t, 0, 2)
	var fixes []*messages.Fix
	for _, cached := range []bool{true, true, false} {
		capture.Cache = cached
		h.publish(t, captureSubject("demo", "again"), encode(t, capture))
		fix := h.nextFix(t)
		fix.CaptureID = "" // each has its own
		fixes = append(fixes, fix)
	}
	for i, hit := range []bool{false, true, false} {
		if fixes[i].CacheHit != hit {
			t.Errorf("fix %d: cache_hit is %v", i, fixes[i].CacheHit)
		}
		if !messages.SameFix(fixes[0], fixes[i]) {
			t.Errorf("fix %d says otherwise than the first:\n%+v\n%+v", i, fixes[i], fixes[0])
		}
	}
}

// testDeduplicates has a capture processed twice, as after an acknowledgement that was lost: both fixes are published,
// and the stream keeps one.
func testDeduplicates(t *testing.T, h *house) {
	published := make(chan *nats.Msg, 16)
	watching, err := h.nats.ChanSubscribe("fixes.demo.twice", published)
	if err != nil {
		t.Fatal(err)
	}
	defer watching.Unsubscribe()
	capture, _ := simulated(t, 1, 3)
	data := encode(t, capture)
	subject := captureSubject("demo", "twice")
	for range 2 {
		h.publish(t, subject, data)
	}
	var ids []string
	for range 2 {
		select {
		case message := <-published:
			ids = append(ids, message.Header.Get(natsjs.MsgIDHeader))
		case <-time.After(patience):
			t.Fatalf("fixes published: %d of 2", len(ids))
		}
	}
	if ids[0] != ids[1] || !strings.Contains(ids[0], capture.ID) {
		t.Errorf("the fixes' ids are %q", ids)
	}
	h.waitUntilEmpty(t)
	if fix := h.nextFix(t); fix.CaptureID != capture.ID {
		t.Errorf("a fix of %s; want %s", fix.CaptureID, capture.ID)
	}
	if n := h.fixesOf(t, "fixes.demo.twice"); n != 1 {
		t.Errorf("the stream holds %d fixes of one capture", n)
	}
}

// testWatch runs simulate beside watch, which compares the fixes with the truth.
func testWatch(t *testing.T, h *house) {
	before := h.watchers(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	type result struct {
		out string
		err error
	}
	watched := make(map[string]chan result)
	for _, format := range []string{"line", "json", "geojson"} {
		done := make(chan result, 1)
		watched[format] = done
		go func() {
			out, err := command(ctx, "watch", "--nats", h.server.ClientURL(), "--subject", "fixes.simulated.>", "--count", "4", "--timeout", "1m", "--format", format)
			done <- result{out, err}
		}()
	}
	waitFor(t, "three watchers", func() bool { return h.watchers(t) == before+3 })
	h.nats.Publish("truth.simulated.nobody", []byte("no truth")) // anybody may
	h.js.Publish(ctx, "fixes.simulated.nobody", []byte("no fix"))
	must(t, "simulate", "--nats", h.server.ClientURL(), "--network", "simulated", "--rate", "20", "--count", "4")
	var ids []string
	for range 4 {
		ids = append(ids, h.nextSimulated(t).CaptureID)
	}
	for format, check := range map[string]func(*testing.T, []string, []string){"line": checkLines, "json": checkJSON, "geojson": checkGeoJSON} {
		r := <-watched[format]
		if r.err != nil {
			t.Errorf("watch --format %s: %v", format, r.err)
		}
		lines := strings.Split(strings.TrimSpace(r.out), "\n")
		if len(lines) != 4 {
			t.Fatalf("watch --format %s printed %d lines; want 4:\n%s", format, len(lines), r.out)
		}
		check(t, lines, ids)
	}
}

// testDemo runs what up --demo adds to a worker.
func testDemo(t *testing.T, h *house) {
	var out syncBuffer
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- runDemo(ctx, h.conn, jetstream.DefaultTopology(), 20, &out, quietLog()) }()
	waitFor(t, "four fixes", func() bool { return strings.Count(out.String(), "\n") >= 4 })
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	for line := range strings.Lines(out.String()) {
		if !strings.Contains(line, "demo/") || !strings.Contains(line, ": error ") {
			t.Errorf("line %q; want a fix of the demo and its error", line)
		}
	}
}

// watchers is how many read the fixes.
func (h *house) watchers(t testing.TB) int {
	t.Helper()
	stream, err := h.js.Stream(t.Context(), jetstream.StreamFixes)
	if err != nil {
		t.Fatal(err)
	}
	return stream.CachedInfo().State.Consumers
}

// nextSimulated waits for the next fix of the simulated network; what is no fix is passed over.
func (h *house) nextSimulated(t testing.TB) *messages.Fix {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		message, err := h.fixes.Next(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if fix, err := messages.DecodeFix(message.ContentType, message.Body); err == nil {
			return fix
		}
	}
}

func checkLines(t *testing.T, lines, _ []string) {
	for _, line := range lines {
		if !strings.Contains(line, "simulated/") || !strings.Contains(line, "MHz") || !strings.Contains(line, ": error ") || !strings.Contains(line, "side the ellipse") {
			t.Errorf("line %q; want the source, the frequency and the error to the truth", line)
		}
	}
}

func checkJSON(t *testing.T, lines, ids []string) {
	for i, line := range lines {
		fix, err := messages.DecodeFix(messages.ContentTypeJSON, []byte(line))
		if err != nil {
			t.Fatal(err)
		}
		if fix.CaptureID != ids[i] {
			t.Errorf("fix %d is of %s; want %s", i, fix.CaptureID, ids[i])
		}
	}
}

func checkGeoJSON(t *testing.T, lines, ids []string) {
	for i, line := range lines {
		var feature struct {
			Type       string
			Geometry   struct{ Type string }
			Properties struct {
				ID string `json:"capture_id"`
			}
		}
		if err := json.Unmarshal([]byte(line), &feature); err != nil {
			t.Fatal(err)
		}
		if feature.Type != "Feature" || feature.Geometry.Type != "Polygon" || feature.Properties.ID != ids[i] {
			t.Errorf("feature %d is %+v; want the polygon of %s", i, feature, ids[i])
		}
	}
}

// testPages reads what the worker tells of itself after the tests above.
func testPages(t *testing.T, h *house, process *workerProcess) {
	h.waitUntilEmpty(t)
	address := process.http.address()
	for _, page := range []string{"/livez", "/readyz"} {
		if status, body := get(t, address, page); status != http.StatusOK || body != "ok\n" {
			t.Errorf("%s answers %d %q", page, status, body)
		}
	}
	if status, _ := get(t, address, "/"); status != http.StatusNotFound {
		t.Errorf("/ answers %d", status)
	}
	waitFor(t, "captures in flight to be 0", func() bool {
		n, ok := metric(t, address, "foxhunt_captures_in_flight")
		return ok && n == 0
	})
	for name, least := range map[string]float64{
		"foxhunt_model_loaded":                                     1,
		"foxhunt_fixes_total":                                      20,
		"foxhunt_cache_hits_total":                                 1,
		"foxhunt_cache_hit_ratio":                                  0.01,
		"foxhunt_model_runs_total":                                 20,
		`foxhunt_cache_entries{tier="memory"}`:                     1,
		`foxhunt_dead_letters_total{code="too_few_receivers"}`:     1,
		`foxhunt_stage_duration_seconds_count{stage="preprocess"}`: 20,
		`foxhunt_stage_duration_seconds_count{stage="publish"}`:    20,
		`foxhunt_capture_duration_seconds_bucket{le="+Inf"}`:       20,
		fmt.Sprintf("foxhunt_model_info{arm=\"champion\",digest=%q,name=%q,version=%q}", process.champion().Digest, "grid", fmt.Sprint(grid.Version)): 1,
		"go_goroutines":                 1,
		"process_resident_memory_bytes": 1,
	} {
		if value, ok := metric(t, address, name); !ok || value < least {
			t.Errorf("%s is %v (there: %v); want at least %v", name, value, ok, least)
		}
	}
}

// TestWorkerOptions runs a worker whose options are all others than the defaults, with a model from a file.
func TestWorkerOptions(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.startWorker(t, "--model", plainFile(t), "--fix-format", "msgpack", "--geojson", "--confidence", "0.5", "--name", "somebody",
		"--network-propagation-error", "demo=7us", "--propagation-error", "9us", "--cache-bytes", "0",
		"--lanes", "2", "--batch", "3", "--batch-delay", "2ms", "--prefetch-bytes", "20000000", "--grace", "5s")
	capture := longCapture(t)
	for network, budget := range map[string]messages.Budget{"demo": {Propagation: 7e-6, Source: "network option"}, "other": {Propagation: 9e-6, Source: "option"}} {
		h.publish(t, captureSubject(network, "a"), encode(t, capture))
		message, fix := h.nextFixMessage(t)
		if message.ContentType != messages.ContentTypeMsgpack || message.Body[0]&0xe0 != 0x80 && message.Body[0] != 0xde {
			t.Errorf("the fix is %s and begins with %#x; want a msgpack map", message.ContentType, message.Body[0])
		}
		if math.Abs(fix.Budget.Propagation-budget.Propagation) > 1e-12 || fix.Budget.Source != budget.Source {
			t.Errorf("network %s has the budget %+v; want %+v", network, fix.Budget, budget)
		}
		u := fix.Uncertainty
		if fix.Model.Name != "plain" || fix.CacheHit || u.ConfidenceInterval != 0.5 || fix.Confidence != 0 {
			t.Errorf("model %s, cache hit %v, confidence interval %v, confidence %v; want plain, false, 0.5, and 0 of a model that states none",
				fix.Model.Name, fix.CacheHit, u.ConfidenceInterval, fix.Confidence)
		}
		checkFeature(t, fix)
	}
	h.publish(t, "captures.nobody", nil)
	if letter := h.nextDead(t); letter.Worker != "somebody" || letter.Reason != messages.CodeBadSubject {
		t.Errorf("the dead letter is signed by %s and says %s; want somebody and %s", letter.Worker, letter.Reason, messages.CodeBadSubject)
	}
}

// checkFeature expects the fix's GeoJSON to be a closed ring about its place.
func checkFeature(t *testing.T, fix *messages.Fix) {
	t.Helper()
	var feature struct {
		Geometry struct {
			Type        string
			Coordinates [][][2]float64
		}
	}
	if err := json.Unmarshal(fix.GeoJSON, &feature); err != nil {
		t.Fatal(err)
	}
	if feature.Geometry.Type != "Polygon" {
		t.Fatalf("geojson is %.200s; want a polygon", fix.GeoJSON)
	}
	ring := feature.Geometry.Coordinates[0]
	centre := geo.Position{Latitude: fix.Position.Latitude, Longitude: fix.Position.Longitude}
	for _, p := range ring {
		d, _, _ := geo.Inverse(centre, geo.Position{Latitude: p[1], Longitude: p[0]})
		if d > fix.Uncertainty.SemiMajor*1.001 || d < fix.Uncertainty.SemiMinor*0.999 {
			t.Errorf("a corner is %.1f m from the fix, whose ellipse is %.1f x %.1f m", d, fix.Uncertainty.SemiMajor, fix.Uncertainty.SemiMinor)
		}
	}
	if ring[0] != ring[len(ring)-1] {
		t.Error("the polygon is not closed")
	}
}

// plainFile writes the small network of the plain contract, whose fixes mean nothing, but which loads at once.
func plainFile(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "plain.onnx")
	if err := os.WriteFile(path, modeltest.Plain(t), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestRedelivery gives a worker captures that another took and did not finish: one died before its fix, one after it.
func TestRedelivery(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	capture := longCapture(t)
	subjects := []string{captureSubject("late", "before"), captureSubject("late", "after")}
	var ids []string
	for _, subject := range subjects {
		h.publish(t, subject, encode(t, capture))
		ids = append(ids, capture.ID)
	}
	consumer, err := h.js.Consumer(t.Context(), jetstream.StreamCaptures, jetstream.ConsumerWorkers)
	if err != nil {
		t.Fatal(err)
	}
	taken, err := consumer.Fetch(2)
	if err != nil {
		t.Fatal(err)
	}
	for message := range taken.Messages() {
		if message.Subject() == subjects[1] {
			if _, err := h.conn.PublishFix(t.Context(), "fixes.late.after", "fixes.late.after/"+ids[1], "application/json", []byte("the first")); err != nil {
				t.Fatal(err)
			}
		}
		if err := message.Nak(); err != nil {
			t.Fatal(err)
		}
	}
	h.startWorker(t, "--model", plainFile(t))
	h.waitUntilEmpty(t)
	if n := h.stored(t, jetstream.StreamFixes); n != 2 {
		t.Errorf("the stream holds %d fixes; want 2", n)
	}
	var got []string
	for range 2 {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		message, err := h.fixes.Next(ctx)
		cancel()
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, message.Subject+" "+string(message.Body[:min(9, len(message.Body))]))
	}
	slices.Sort(got)
	if got[0] != "fixes.late.after the first" || !strings.HasPrefix(got[1], `fixes.late.before {"v":1`) {
		t.Errorf("fixes %q; want the one that was there before, and the worker's", got)
	}
}

// longCapture is long enough for the spectrograms of the plain contract.
func longCapture(t testing.TB) *messages.Capture {
	t.Helper()
	s := scene()
	s.Duration = 0.2
	capture, _, err := s.Capture(0, sceneTime, 1)
	if err != nil {
		t.Fatal(err)
	}
	return capture
}
