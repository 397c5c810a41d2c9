package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"foxhunt/evaluate"
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
	t.Run("curl as the README has it", p.testCurl)
	t.Run("doctor of up", p.testDoctor)
	t.Run("three workers share the work", p.testThreeWorkers)
	t.Run("start before NATS and Redis", p.testStartBefore)
	t.Run("stop in time", p.testStopInTime)
	t.Run("models over NATS", p.testModelsNATS)
	t.Run("models from MLflow", p.testModelsMLflow)
	t.Run("hangup", p.testHangup)
	t.Run("traces", p.testTraces)
}

// program is the built binary and the environment it runs in.
type program struct {
	path        string
	environment []string
}

func buildProgram(t *testing.T) *program {
	t.Helper()
	runtime := modeltest.Runtime(t).Path()
	p := &program{path: filepath.Join(t.TempDir(), "foxhunt"), environment: []string{"FOXHUNT_ONNXRUNTIME=" + runtime, "FOXHUNT_MODELS_DIR=" + t.TempDir()}}
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
	ended chan struct{} // closed at the end
	err   error         // after the end: how it exited
}

// start runs the program in an empty folder until the test ends.
func (p *program) start(t *testing.T, args ...string) *running {
	t.Helper()
	return p.startWith(t, nil, nil, args...)
}

// startWith is start with a process's attributes, and its standard input.
func (p *program) startWith(t *testing.T, attributes *syscall.SysProcAttr, stdin *os.File, args ...string) *running {
	t.Helper()
	r := &running{cmd: exec.Command(p.path, args...), name: "foxhunt " + args[0], ended: make(chan struct{})}
	r.cmd.Env, r.cmd.Dir = p.environment, t.TempDir()
	r.cmd.Stdout, r.cmd.Stderr, r.cmd.SysProcAttr = &r.out, &r.log, attributes
	if stdin != nil {
		r.cmd.Stdin = stdin
	}
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
	case <-r.ended:
		if r.err != nil {
			t.Fatalf("%s: %v\n%s", r.name, r.err, r.log.String())
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
		case <-r.ended:
			t.Fatalf("%s ended: %v\n%s", r.name, r.err, r.log.String())
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
