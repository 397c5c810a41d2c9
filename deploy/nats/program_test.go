package nats_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"foxhunt/jetstream"
	"foxhunt/messages"
	"foxhunt/model/modeltest"
	"foxhunt/sim"
)

// bundle is a user who publishes captures of several stations.
const bundle = `
STATIONS: [
  { nkey: "<public key of car.nk>", permissions: { publish: "captures.demo.car", subscribe: "_INBOX_demo.car.>" } }
  { nkey: "<public key of A.nk>", permissions: { publish: "captures.demo.A", subscribe: "_INBOX_demo.A.>" } }
]
`

// TestProgram has foxhunt's own commands do the work of every role, over TLS, with keys that foxhunt made.
func TestProgram(t *testing.T) {
	t.Parallel()
	p := buildProgram(t)
	s := layOut(t, bundle, p.makeKey)
	s.start(t, "nats-server.conf")
	worker := p.start(t, s, "worker.nk", "_INBOX_worker", "worker", "--bundles", "demo.car", "--http-listen", "127.0.0.1:0")
	exporter := p.start(t, s, "exporter.nk", "_INBOX_exporter", "exporter", "--http-listen", "127.0.0.1:0")
	watch := p.start(t, s, "dashboard.nk", "", "watch", "--count", "1", "--format", "json")
	worker.says(t, `msg="worker ready"`)
	watch.says(t, "may subscribe to fixes")
	exporter.says(t, `msg=leading`)
	recordings := record(t, s, time.Now())

	out, err := p.run(t, s, "car.nk", "_INBOX_demo.car", append([]string{"publish", "--bundle", "car"}, recordings...)...)
	if err != nil || !strings.Contains(out, "on captures.demo.car: 3 receivers") {
		t.Fatalf("publish: %v\n%s", err, out)
	}
	watch.wait(t)
	var fix messages.Fix
	if err := json.Unmarshal([]byte(watch.out.String()), &fix); err != nil || fix.Source != "car" || len(fix.Receivers) != 3 {
		t.Errorf("watch printed %q (%v)", watch.out.String(), err)
	}

	// a station that speaks for others
	if out, err := p.run(t, s, "A.nk", "_INBOX_demo.A", append([]string{"publish", "--bundle", "A"}, recordings...)...); err != nil {
		t.Fatalf("publish: %v\n%s", err, out)
	}
	worker.says(t, "code=source_mismatch")
	operator := s.connect(t, "operator.nk", "")
	for d, err := range operator.DeadLetters(within(t), jetstream.DefaultTopology(), jetstream.DeadFilter{}) {
		if err != nil || d.Letter.Reason != "source_mismatch" || d.Letter.Subject != "captures.demo.A" {
			t.Errorf("the dead letter is %+v, %v", d.Letter, err)
		}
	}
	began := time.Now()
	out, err = p.run(t, s, "A.nk", "_INBOX_demo.A", append([]string{"publish", "--bundle", "car"}, recordings...)...)
	if err == nil || !strings.Contains(out, "refused") || time.Since(began) > 4*time.Second {
		t.Errorf("publishing for another took %v: %v\n%s", time.Since(began), err, out)
	}

	out, err = p.run(t, s, "exporter.nk", "_INBOX_exporter", "lag", "--once", "--json")
	var lag jetstream.Lag
	if err != nil || json.Unmarshal([]byte(out), &lag) != nil || lag.Total != 0 || lag.DeadLetters.Total != 1 {
		t.Errorf("lag: %v\n%s", err, out)
	}
	exporter.serves(t, "foxhunt_lag_up 1")
	p.testDoctor(t, s)
	p.holdTongue(t, s)
}

// program is the built foxhunt, and all that it ever logged.
type program struct {
	path    string
	runtime string
	logs    []*syncBuffer
}

func buildProgram(t *testing.T) *program {
	t.Helper()
	p := &program{path: filepath.Join(t.TempDir(), "foxhunt"), runtime: modeltest.Runtime(t).Path()}
	if out, err := exec.Command("go", "build", "-o", p.path, "foxhunt/cmd/foxhunt").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return p
}

func (p *program) makeKey(t testing.TB, path string) string {
	t.Helper()
	out, err := exec.Command(p.path, "nkey", path).Output()
	if err != nil {
		t.Fatalf("foxhunt nkey %s: %v", path, err)
	}
	return strings.TrimSpace(string(out))
}

// running is foxhunt at work.
type running struct {
	cmd   *exec.Cmd
	out   syncBuffer
	log   syncBuffer
	ended chan struct{} // closed at the end
	err   error         // after the end
}

// start runs a command as the user of a key until the test ends.
func (p *program) start(t *testing.T, s *site, key, inbox string, args ...string) *running {
	t.Helper()
	args = append(args, "--nats", s.url, "--nats-ca", s.path("tls/ca.pem"), "--nats-nkey", s.path(key), "--nats-inbox", inbox)
	r := &running{cmd: exec.Command(p.path, args...), ended: make(chan struct{})}
	r.cmd.Env, r.cmd.Dir = []string{"FOXHUNT_ONNXRUNTIME=" + p.runtime, "HOME=" + s.dir}, s.dir
	r.cmd.Stdout, r.cmd.Stderr = &r.out, &r.log
	p.logs = append(p.logs, &r.out, &r.log)
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		r.err = r.cmd.Wait()
		close(r.ended)
	}()
	t.Cleanup(func() {
		_ = r.cmd.Process.Kill() // an error says that it has ended already
		<-r.ended
	})
	return r
}

// run runs a command to its end, and returns what it wrote.
func (p *program) run(t *testing.T, s *site, key, inbox string, args ...string) (string, error) {
	t.Helper()
	r := p.start(t, s, key, inbox, args...)
	select {
	case <-r.ended:
	case <-time.After(patience):
		t.Fatalf("%v has not ended\n%s", args, r.log.String())
	}
	return r.out.String() + r.log.String(), r.err
}

func (r *running) wait(t *testing.T) {
	t.Helper()
	select {
	case <-r.ended:
		if r.err != nil {
			t.Fatalf("%v: %v\n%s", r.cmd.Args, r.err, r.log.String())
		}
	case <-time.After(patience):
		t.Fatalf("%v has not ended\n%s", r.cmd.Args, r.log.String())
	}
}

// says waits until the log has a text.
func (r *running) says(t *testing.T, text string) {
	t.Helper()
	waitFor(t, fmt.Sprintf("%v saying %q", r.cmd.Args[1], text), func() bool {
		select {
		case <-r.ended:
			t.Fatalf("%v ended: %v\n%s", r.cmd.Args, r.err, r.log.String())
		default:
		}
		return strings.Contains(r.log.String(), text)
	})
}

var httpAddress = regexp.MustCompile(` http=(\S+)`)

// serves waits until /metrics has a line.
func (r *running) serves(t *testing.T, line string) {
	t.Helper()
	address := httpAddress.FindStringSubmatch(r.log.String())
	if address == nil {
		t.Fatalf("no address in the log:\n%s", r.log.String())
	}
	waitFor(t, line, func() bool {
		response, err := http.Get("http://" + address[1] + "/metrics")
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		return err == nil && strings.Contains(string(text), line)
	})
}

// holdTongue looks for secret keys in everything that foxhunt and the server wrote.
func (p *program) holdTongue(t *testing.T, s *site) {
	t.Helper()
	files, err := filepath.Glob(s.path("*.nk"))
	if err != nil || len(files) < 6 {
		t.Fatalf("the keys are %q (%v)", files, err)
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		lines := bytes.Fields(text)
		seed := string(lines[len(lines)-1])
		for _, log := range append(p.logs, s.log) {
			if strings.Contains(log.String(), seed[:20]) {
				t.Errorf("the secret of %s was written to a log", filepath.Base(f))
			}
		}
	}
}

// record writes what three receivers heard of a simulated transmitter from a time on, and gives publish's arguments for it.
func record(t *testing.T, s *site, from time.Time) (arguments []string) {
	t.Helper()
	capture, _, err := sim.Demo(from).Capture(0, from, 1)
	if err != nil {
		t.Fatal(err)
	}
	stations := ""
	first := capture.Receivers[0]
	arguments = []string{"--network", "demo", "--stations", "stations.yaml", "--format", string(first.Format),
		"--rate", fmt.Sprint(first.SampleRate), "--freq", fmt.Sprint(capture.Frequency)}
	options := len(arguments)
	for _, r := range capture.Receivers {
		if r.Format != first.Format || len(arguments) == options+3 {
			continue // publish takes files of one format
		}
		stations += fmt.Sprintf("- {id: %s, lat: %v, lon: %v}\n", r.Station, r.Latitude, r.Longitude)
		s.write(t, r.Station+".raw", string(r.IQ))
		start := time.Unix(0, r.StartTime).UTC().Format(time.RFC3339Nano)
		arguments = append(arguments, fmt.Sprintf("%s=%s.raw@%s", r.Station, r.Station, start))
	}
	s.write(t, "stations.yaml", stations)
	return arguments
}
