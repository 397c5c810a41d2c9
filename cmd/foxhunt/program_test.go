package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/redis/go-redis/v9"

	"foxhunt/cache/redistest"
	"foxhunt/evaluate"
	"foxhunt/geo"
	"foxhunt/messages"
	"foxhunt/model/modeltest"
)

// TestProgram builds the program and uses it as a new user would, over its commands, its output and its signals alone.
// Where FOXHUNT_COVERDIR names a folder, the program writes there what it covered, for go tool covdata.
func TestProgram(t *testing.T) {
	p := buildProgram(t)
	t.Run("model info", p.testModelInfo)
	t.Run("evaluate", p.testEvaluate)
	t.Run("up locates DCF77", p.testUp)
	t.Run("up demo", p.testDemo)
	t.Run("three workers share the work", p.testThreeWorkers)
}

// program is the built binary and the environment it runs in.
type program struct {
	path        string
	environment []string
}

func buildProgram(t *testing.T) *program {
	t.Helper()
	runtime := modeltest.Runtime(t).Path()
	p := &program{path: filepath.Join(t.TempDir(), "foxhunt"), environment: []string{"FOXHUNT_ONNXRUNTIME=" + runtime}}
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "FOXHUNT_") {
			p.environment = append(p.environment, variable)
		}
	}
	args := []string{"build", "-o", p.path}
	if folder := os.Getenv("FOXHUNT_COVERDIR"); folder != "" {
		args = append(args, "-cover", "-coverpkg", "foxhunt/...")
		p.environment = append(p.environment, "GOCOVERDIR="+folder)
	}
	if out, err := exec.Command("go", append(args, ".")...).CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return p
}

// running is the program at work.
type running struct {
	cmd   *exec.Cmd
	name  string
	out   bytes.Buffer // to be read after the end
	log   syncBuffer
	ended chan error
}

// start runs the program in an empty folder until the test ends.
func (p *program) start(t *testing.T, args ...string) *running {
	t.Helper()
	r := &running{cmd: exec.Command(p.path, args...), name: "foxhunt " + args[0], ended: make(chan error, 1)}
	r.cmd.Env, r.cmd.Dir = p.environment, t.TempDir()
	r.cmd.Stdout, r.cmd.Stderr = &r.out, &r.log
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { r.ended <- r.cmd.Wait() }()
	t.Cleanup(func() { _ = r.cmd.Process.Kill() })
	return r
}

// run runs the program to its end and gives its standard output.
func (p *program) run(t *testing.T, args ...string) string {
	t.Helper()
	r := p.start(t, args...)
	r.wait(t)
	return r.out.String()
}

// wait waits until the program has ended well.
func (r *running) wait(t *testing.T) {
	t.Helper()
	select {
	case err := <-r.ended:
		if err != nil {
			t.Fatalf("%s: %v\n%s", r.name, err, r.log.String())
		}
	case <-time.After(patience):
		t.Fatalf("%s has not ended within %v\n%s", r.name, patience, r.log.String())
	}
}

// stop sends a signal and expects a clean end.
func (r *running) stop(t *testing.T, signal os.Signal) {
	t.Helper()
	if err := r.cmd.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
	r.wait(t)
}

var readyLine = regexp.MustCompile(`msg="worker ready".* nats=(\S+) http=(\S+)`)

// ready waits until a worker serves, and gives the address of its NATS server and of its own pages.
func (r *running) ready(t *testing.T) (nats, http string) {
	t.Helper()
	var found []string
	waitFor(t, r.name+" to be ready", func() bool {
		select {
		case err := <-r.ended:
			t.Fatalf("%s ended: %v\n%s", r.name, err, r.log.String())
		default:
		}
		found = readyLine.FindStringSubmatch(r.log.String())
		return found != nil
	})
	return found[1], found[2]
}

func (p *program) testModelInfo(t *testing.T) {
	var info struct {
		Name, Digest string
		Inputs       []struct{ Name string }
		Contract     struct{ Receivers struct{ Min, Max int } }
	}
	if err := json.Unmarshal([]byte(p.run(t, "model", "info", "--json")), &info); err != nil {
		t.Fatal(err)
	}
	if info.Name != "grid" || len(info.Digest) != 64 || info.Contract.Receivers.Max != 32 || len(info.Inputs) < 8 || info.Inputs[0].Name != "receiver_position" {
		t.Errorf("model info says %+v", info)
	}
	text := p.run(t, "model", "info", plainFile(t))
	for _, want := range []string{"plain", "log_spectrogram", "positions", "uncertainties", "wgs84"} {
		if !strings.Contains(text, want) {
			t.Errorf("model info of the plain model does not say %s:\n%s", want, text)
		}
	}
}

// testEvaluate measures a few scenes only: too few for a verdict, enough to see that it counts.
func (p *program) testEvaluate(t *testing.T) {
	r := p.start(t, "evaluate", "--scenes", "2", "--seed", "1", "--json")
	select {
	case <-r.ended: // the exit code says whether so few scenes met the figures
	case <-time.After(patience):
		t.Fatalf("evaluate has not ended\n%s", r.log.String())
	}
	var report evaluate.Report
	if err := json.Unmarshal(r.out.Bytes(), &report); err != nil {
		t.Fatalf("%v\n%s\n%s", err, r.out.String(), r.log.String())
	}
	if report.Model != "grid" || report.Seed != 1 || report.Scenes != 2 || len(report.Cases) < 4 {
		t.Errorf("the report is %+v", report)
	}
	for _, c := range report.Cases {
		answers := c.Fixes
		for _, n := range c.Refused {
			answers += n
		}
		if answers != report.Scenes {
			t.Errorf("%s has %d fixes and refusals %v of %d scenes", c.Name, c.Fixes, c.Refused, report.Scenes)
		}
	}
}

// recordings are the three of DCF77, which do not belong to the project: FOXHUNT_DATA names their folder.
func recordings(t *testing.T) []string {
	t.Helper()
	folder := os.Getenv("FOXHUNT_DATA")
	if folder == "" {
		folder = "../../../shared/data"
	}
	paths, err := filepath.Glob(filepath.Join(folder, "dcf77-2020", "*_iq.wav"))
	if err != nil {
		t.Fatal(err)
	}
	if len(paths) != 3 {
		t.Skipf("the recordings of DCF77 are not in %s/dcf77-2020; name the folder above it in FOXHUNT_DATA", folder)
	}
	for i, path := range paths {
		if paths[i], err = filepath.Abs(path); err != nil {
			t.Fatal(err)
		}
	}
	return paths
}

// stationsFile says where DCF77's three receivers stand.
func stationsFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "stations.yaml")
	text := `
- {id: HB9ODP, lat: 46.499351, lon: 8.798828, alt: 900}
- {id: JO51xl, lat: 51.466044, lon: 11.977189, alt: 100}
- {id: pa0rdt, lat: 51.500500, lon: 3.600690, alt: 0}
`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// checkDCF77 holds a fix against the transmitter's place. Parts of the recordings locate it less well.
func checkDCF77(t *testing.T, fix *messages.Fix, within, longest float64) {
	t.Helper()
	there := geo.Position{Latitude: 50.0152, Longitude: 9.0112}
	here := geo.Position{Latitude: fix.Position.Latitude, Longitude: fix.Position.Longitude}
	distance, _, _ := geo.Inverse(here, there)
	u := fix.Uncertainty
	if !(distance <= within) {
		t.Errorf("the fix is %.0f m from DCF77; want at most %.0f m", distance, within)
	}
	ellipse := geo.Ellipse{SemiMajor: u.SemiMajor, SemiMinor: u.SemiMinor, Theta: u.Theta, Confidence: u.ConfidenceInterval}
	if !ellipse.ContainsPosition(here, there) {
		t.Errorf("the ellipse of %.0f x %.0f m at %.0f° does not hold DCF77, %.0f m away", u.SemiMajor, u.SemiMinor, u.Theta, distance)
	}
	if !(u.SemiMinor >= 11e3 && u.SemiMajor <= longest) || u.ConfidenceInterval != 0.95 {
		t.Errorf("the %g ellipse is %.0f x %.0f m; want 11 to %.0f km at 0.95", u.ConfidenceInterval, u.SemiMajor, u.SemiMinor, longest/1e3)
	}
	if fix.Confidence < 0.9 || fix.Network != "dcf" || math.Abs(fix.Budget.Propagation-20e-6) > 1e-12 {
		t.Errorf("confidence %v, network %s, budget %+v; want at least 0.9, dcf, 20 µs", fix.Confidence, fix.Network, fix.Budget)
	}
	for _, r := range fix.Receivers {
		if !r.Used {
			t.Errorf("receiver %s was not used", r.Station)
		}
	}
}

// testUp is the issue's own example: up, watch and publish as three processes, with default options.
func (p *program) testUp(t *testing.T) {
	paths, stations := recordings(t), stationsFile(t)
	up := p.start(t, "up", "--data-dir", "D", "--nats-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0")
	url, address := up.ready(t)
	watch := p.start(t, "watch", "--nats", url, "--count", "1", "--timeout", "40s", "--format", "json")
	waitForWatcher(t, url)
	out := p.run(t, append([]string{"publish", "--nats", url, "--network", "dcf", "--bundle", "dcf77", "--stations", stations}, paths...)...)
	if !strings.Contains(out, "1/1  stored as 1 of CAPTURES on captures.dcf.dcf77: 3 receivers, 29") {
		t.Errorf("publish says %q", out)
	}
	watch.wait(t)
	fix, err := messages.DecodeFix(messages.ContentTypeJSON, watch.out.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	checkDCF77(t, fix, 3e3, 15e3)
	waitFor(t, "one fix in /metrics", func() bool { n, _ := metric(t, address, "foxhunt_fixes_total"); return n == 1 })
	up.stop(t, os.Interrupt)
	if strings.Contains(up.log.String(), "level=ERROR") {
		t.Errorf("up wrote\n%s", up.log.String())
	}
}

// waitForWatcher waits until somebody reads the fixes.
func waitForWatcher(t *testing.T, url string) {
	t.Helper()
	conn, err := nats.Connect(url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	js, err := conn.JetStream()
	if err != nil {
		t.Fatal(err)
	}
	waitFor(t, "a watcher", func() bool {
		info, err := js.StreamInfo("FIXES")
		return err == nil && info.State.Consumers > 0
	})
}

// testDemo expects lines with fixes and their errors, and a clean end by Ctrl-C.
func (p *program) testDemo(t *testing.T) {
	up := p.start(t, "up", "--demo", "--demo-rate", "20", "--data-dir", "D", "--nats-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0", "--log-level", "info")
	_, address := up.ready(t)
	waitFor(t, "fixes of the demo", func() bool {
		n, _ := metric(t, address, "foxhunt_fixes_total")
		return n >= 8
	})
	up.stop(t, os.Interrupt)
	text := up.out.String()
	for _, want := range []string{"Ctrl-C stops it", "curl http://" + address + "/metrics", "demo/car", "car: error ", "inside the ellipse"} {
		if !strings.Contains(text, want) {
			t.Errorf("the demo does not say %q:\n%s", want, text)
		}
	}
}

// testThreeWorkers spreads captures over three worker processes with a NATS server and a Redis of their own. One of them
// is told to stop on the way.
func (p *program) testThreeWorkers(t *testing.T) {
	paths, stations := recordings(t), stationsFile(t)
	h, cache := newHouse(t), redistest.Start(t)
	published := make(chan *nats.Msg, 1024)
	watching, err := h.nats.ChanSubscribe("fixes.dcf.>", published)
	if err != nil {
		t.Fatal(err)
	}
	defer watching.Unsubscribe()
	var workers []*running
	for i := range 3 {
		workers = append(workers, p.start(t, "worker", "--nats", h.server.ClientURL(), "--redis", cache.URL(), "--http-listen", "127.0.0.1:0",
			"--name", fmt.Sprintf("worker-%d", i), "--log-format", "text"))
	}
	for _, w := range workers {
		w.ready(t)
	}

	const captures = 24
	ids := make(map[string]int) // how often a capture's fix was published
	publish := func(from, to int) {
		for i := from; i < to; i++ {
			out := must(t, append([]string{"publish", "--nats", h.server.ClientURL(), "--network", "dcf", "--bundle", fmt.Sprintf("part-%d", i),
				"--stations", stations, "--start", fmt.Sprintf("%ds", i), "--length", "5s"}, paths...)...)
			_, id, found := strings.Cut(strings.TrimSpace(out), ", id ")
			if !found {
				t.Fatalf("publish says %q", out)
			}
			ids[id] = 0
		}
	}
	publish(0, captures/2)
	if err := workers[0].cmd.Process.Signal(syscall.SIGTERM); err != nil { // with captures in hand
		t.Fatal(err)
	}
	publish(captures/2, captures)
	workers[0].wait(t)

	for range captures {
		fix := h.nextFix(t)
		ids[fix.CaptureID]++
		checkDCF77(t, fix, 9e3, 20e3)
		if fix.CacheHit {
			t.Errorf("the fix of %s came from the cache, although no other capture is like it", fix.Source)
		}
	}
	h.waitUntilEmpty(t)
	for id, n := range ids {
		if n != 1 {
			t.Errorf("capture %s has %d fixes", id, n)
		}
	}
	if n := len(published); n != captures || len(ids) != captures {
		t.Errorf("%d fixes of %d captures were published, those that the stream drops included; want %d", n, len(ids), captures)
	}
	p.checkNothingAgain(t, h, captures)
	for _, w := range workers[1:] {
		w.stop(t, syscall.SIGTERM)
	}
	p.checkShared(t, h, cache, captures, append([]string{"--stations", stations, "--start", "3s", "--length", "5s"}, paths...))
}

// checkNothingAgain expects that the server delivered every capture once.
func (p *program) checkNothingAgain(t *testing.T, h *house, captures int) {
	t.Helper()
	consumer, err := h.js.Consumer(t.Context(), "CAPTURES", "workers")
	if err != nil {
		t.Fatal(err)
	}
	if info := consumer.CachedInfo(); int(info.Delivered.Consumer) != captures || info.NumRedelivered != 0 {
		t.Errorf("%d captures took %d deliveries", captures, info.Delivered.Consumer)
	}
}

// checkShared expects Redis to know every fix, and a worker that is new to find one there.
func (p *program) checkShared(t *testing.T, h *house, cache *redistest.Server, captures int, again []string) {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: cache.Addr})
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if n, err := client.DBSize(ctx).Result(); err != nil || int(n) != captures {
		t.Errorf("Redis holds %d keys (%v); want %d", n, err, captures)
	}
	fresh := p.start(t, "worker", "--nats", h.server.ClientURL(), "--redis", cache.URL(), "--http-listen", "127.0.0.1:0")
	must(t, append([]string{"publish", "--nats", h.server.ClientURL(), "--network", "dcf", "--bundle", "again"}, again...)...)
	if fix := h.nextFix(t); !fix.CacheHit {
		t.Error("a capture that was seen before did not come from the cache")
	}
	_, address := fresh.ready(t)
	if n, _ := metric(t, address, `foxhunt_cache_tier_hits_total{tier="redis"}`); n != 1 {
		t.Errorf("the new worker counts %v hits in Redis", n)
	}
	fresh.stop(t, syscall.SIGTERM)
}
