package prometheus_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"foxhunt/cache/redistest"
	"foxhunt/jetstream"
	"foxhunt/jetstream/jetstreamtest"
	"foxhunt/messages"
	"foxhunt/model/grid"
	"foxhunt/model/modeltest"
	"foxhunt/rollout"
	"foxhunt/sim"
)

// program is the built foxhunt.
type program struct {
	path        string
	environment []string
}

func buildProgram(t *testing.T) *program {
	t.Helper()
	p := &program{path: filepath.Join(t.TempDir(), "foxhunt")}
	p.environment = append(os.Environ(), "FOXHUNT_ONNXRUNTIME="+modeltest.Runtime(t).Path())
	if out, err := exec.Command("go", "build", "-o", p.path, "foxhunt/cmd/foxhunt").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return p
}

// process is a program at work.
type process struct {
	name  string
	log   lockedBuffer
	ended chan struct{}
}

// lockedBuffer is written to by a process and read by a test.
type lockedBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}

// start runs a command until the test ends.
func (p *program) start(t *testing.T, args ...string) *process {
	t.Helper()
	cmd := exec.Command(p.path, args...)
	cmd.Env = p.environment
	return begin(t, cmd)
}

func begin(t *testing.T, cmd *exec.Cmd) *process {
	t.Helper()
	r := &process{name: filepath.Base(cmd.Path) + " " + strings.Join(cmd.Args[1:], " "), ended: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = &r.log, &r.log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(r.ended)
		_ = cmd.Wait() // what it wrote is what tells why
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // an error says that it has ended already
		<-r.ended
	})
	return r
}

// says waits until the log matches a pattern, and gives the first group.
func (r *process) says(t *testing.T, pattern string) string {
	t.Helper()
	expression := regexp.MustCompile(pattern)
	var found []string
	waitFor(t, fmt.Sprintf("%q in the log of %s", pattern, r.name), func() bool {
		select {
		case <-r.ended:
			t.Fatalf("%s ended:\n%s", r.name, r.log.String())
		default:
		}
		found = expression.FindStringSubmatch(r.log.String())
		return found != nil
	})
	return found[len(found)-1]
}

// system is foxhunt at work, all of it, and a Prometheus that scrapes it.
type system struct {
	*program
	nats       *jetstreamtest.Server
	conn       *jetstream.Conn
	redis      *redistest.Server
	gateway    string // its address
	prometheus *prometheusServer
}

// startSystem brings up two workers, an exporter and a gateway, with NATS and Redis, and has them meet what operators meet: a
// backlog, captures like earlier ones, captures that are refused, and requests that are not understood.
func startSystem(t *testing.T) *system {
	t.Helper()
	prometheus := tool(t, "prometheus")
	s := &system{program: buildProgram(t), nats: jetstreamtest.Start(t), redis: redistest.Start(t)}
	s.conn = s.nats.Connect(t)
	url := s.nats.ClientURL()
	s.backlog(t)
	exporter := s.start(t, "exporter", "--nats", url, "--interval", "1s", "--http-listen", "127.0.0.1:0")
	gateway := s.start(t, "gateway", "--nats", url, "--http-listen", "127.0.0.1:0")
	s.gateway = gateway.says(t, `msg="gateway ready".* http=(\S+)`)
	workers, station := []string{unused(t), unused(t)}, unused(t)
	s.prometheus = startPrometheus(t, prometheus, map[string][]string{
		"foxhunt-worker": workers, "foxhunt-gateway": {s.gateway}, "foxhunt-station": {station},
		"foxhunt-exporter": {exporter.says(t, `msg="exporter ready".* http=(\S+)`)},
	})
	s.prometheus.has(t, `max(foxhunt_consumer_oldest_age_seconds) > 0 and on () foxhunt_subject_in_flight_captures`)
	if got := s.post(t, "{}"); got < 400 {
		t.Errorf("without workers the gateway answered %d", got)
	}
	for i, address := range workers {
		s.start(t, "worker", "--name", fmt.Sprint("worker-", i), "--nats", url, "--redis", s.redis.URL(), "--bundles", "demo.*,http.http",
			"--http-listen", address)
	}
	s.start(t, "simulate", "--nats", url, "--rate", "5")
	s.request(t)
	s.receive(t, station)
	s.meet(t)
	s.tryModels(t)
	return s
}

// tryModels has a challenger that cannot be loaded, and then one that can, and a shadow.
func (s *system) tryModels(t *testing.T) {
	t.Helper()
	broken, better := filepath.Join(t.TempDir(), "broken.onnx"), filepath.Join(t.TempDir(), "better.onnx")
	data, err := grid.Build()
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.WriteFile(broken, []byte("no model"), 0o600), os.WriteFile(better, renamed(data), 0o600)); err != nil {
		t.Fatal(err)
	}
	half := rollout.SplitOptions{Share: 50, For: time.Hour}
	s.plan(t, func(p *rollout.Plan, c rollout.Change) error {
		half.Since = c.At
		return errors.Join(p.Promote(rollout.Arm{Model: "grid"}, c), p.StartSplit(rollout.Arm{Model: "file:" + broken}, half, c))
	})
	s.prometheus.has(t, `sum(foxhunt_model_load_failures_total) > 0 and sum(foxhunt_fallbacks_total) > 0`)
	s.plan(t, func(p *rollout.Plan, c rollout.Change) error {
		half.Since = c.At
		return errors.Join(p.StopSplit("it cannot be loaded", c), p.StartSplit(rollout.Arm{Model: "file:" + better}, half, c),
			p.StartShadow(rollout.Arm{Model: "file:" + better}, 100, c.At, 0, c))
	})
	s.prometheus.has(t, `count(arm:foxhunt_arm_fixes:rate5m > 0) == 3 and on () avg(foxhunt_model_plan_followed) == 1`)
}

// renamed is a model under version 2: the last value of a protobuf's field counts.
func renamed(model []byte) []byte {
	const key, value = "foxhunt.version", "2"
	entry := append([]byte{0x0a, byte(len(key))}, key...)
	entry = append(append(entry, 0x12, byte(len(value))), value...)
	return append(append(model, 0x72, byte(len(entry))), entry...) // metadata_props
}

func (s *system) plan(t *testing.T, change func(*rollout.Plan, rollout.Change) error) {
	t.Helper()
	store := rollout.NewStore(s.conn.RolloutEntry(jetstream.DefaultTopology()))
	if _, err := store.Update(t.Context(), func(p *rollout.Plan) error {
		return change(p, rollout.NewChange(time.Now(), "operator", ""))
	}); err != nil {
		t.Fatal(err)
	}
}

// backlog publishes captures, two of each kind alike, one that no model can locate, and one that is none.
func (s *system) backlog(t *testing.T) {
	t.Helper()
	scene := sim.Demo(time.Now())
	for i := range 10 {
		capture, _, err := scene.Capture(i%3, time.Unix(1.7e9, 0), uint64(i/2))
		if err != nil {
			t.Fatal(err)
		}
		capture.ID = fmt.Sprintf("backlog-%026d", i)
		for j := range capture.Receivers {
			if first := &capture.Receivers[0]; i == 9 { // receivers that all stand at one place
				capture.Receivers[j].Latitude, capture.Receivers[j].Longitude, capture.Receivers[j].Altitude = first.Latitude, first.Longitude, first.Altitude
			}
		}
		data, err := capture.Encode(nil)
		if err != nil {
			t.Fatal(err)
		}
		s.publish(t, "demo", "car", capture.ID, data)
	}
	s.publish(t, "demo", "broken", "", []byte("no capture"))
}

func (s *system) publish(t *testing.T, network, source, id string, data []byte) {
	t.Helper()
	subject, err := messages.CaptureSubject(network, source)
	if err != nil {
		t.Fatal(err)
	}
	if id == "" {
		id = fmt.Sprintf("%s-%d", source, time.Now().UnixNano())
	}
	if _, err := s.conn.PublishNumbered(t.Context(), subject, id, 1, data); err != nil {
		t.Fatal(err)
	}
}

// request asks the gateway for a fix, and for something that there is not.
func (s *system) request(t *testing.T) {
	t.Helper()
	body, err := os.ReadFile("../../docs/predict.json")
	if err != nil {
		t.Fatal(err)
	}
	waitFor(t, "an answer of the gateway", func() bool { return s.post(t, string(body)) == http.StatusOK }) // once workers serve
	if got := s.post(t, "{"); got != http.StatusBadRequest {
		t.Errorf("the gateway answered %d to what is no request", got)
	}
}

func (s *system) post(t *testing.T, body string) (status int) {
	t.Helper()
	response, err := http.Post("http://"+s.gateway+"/api/v1/inference/predict", "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	return response.StatusCode
}
