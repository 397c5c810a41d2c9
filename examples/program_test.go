package examples_test

import (
	"bytes"
	"cmp"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"foxhunt/model/modeltest"
)

// program is an executable with its environment.
type program struct {
	path string
	env  []string
}

func buildFoxhunt(t *testing.T) program {
	t.Helper()
	p := program{filepath.Join(t.TempDir(), "foxhunt"), []string{"FOXHUNT_ONNXRUNTIME=" + modeltest.Runtime(t).Path()}}
	if out, err := exec.Command("go", "build", "-o", p.path, "foxhunt/cmd/foxhunt").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return p
}

// pythonWithPackages is the interpreter that FOXHUNT_PYTHON names, or python3, with what station.py imports.
func pythonWithPackages(t *testing.T) program {
	t.Helper()
	python := cmp.Or(os.Getenv("FOXHUNT_PYTHON"), "python3")
	if out, err := exec.Command(python, "-c", "import msgpack, nats, nkeys, numpy").CombinedOutput(); err != nil {
		missing(t, "%s lacks what examples/station/requirements.txt lists ('make python' brings it): %v\n%s", python, err, out)
	}
	return program{path: python}
}

// nodeWithModules is node, with what the dashboard imports.
func nodeWithModules(t *testing.T) program {
	t.Helper()
	node, err := exec.LookPath("node")
	if err == nil {
		_, err = os.Stat("dashboard/node_modules/@nats-io/transport-node")
	}
	if err != nil {
		missing(t, "the dashboard needs node, and 'make node' in the project's folder: %v", err)
	}
	return program{path: node}
}

// missing ends a test that lacks a tool: skipped on a person's machine, failed in CI, which has every tool.
func missing(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}

// running is a program at work.
type running struct {
	cmd      *exec.Cmd
	out, log buffer
	ended    chan struct{} // closed at the end
	err      error         // after the end
}

// start runs the program until the test ends.
func (p program) start(t *testing.T, args ...string) *running {
	t.Helper()
	r := &running{cmd: exec.Command(p.path, args...), ended: make(chan struct{})}
	r.cmd.Env = append(os.Environ(), p.env...)
	r.cmd.Stdout, r.cmd.Stderr = &r.out, &r.log
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

// wait waits for the end and returns how it was.
func (r *running) wait(t *testing.T) error {
	t.Helper()
	select {
	case <-r.ended:
		return r.err
	case <-time.After(patience):
		t.Fatalf("%v has not ended\n%s", r.cmd.Args, r.log.String())
		return nil
	}
}

func (r *running) succeeds(t *testing.T) {
	t.Helper()
	if err := r.wait(t); err != nil {
		t.Fatalf("%v: %v\n%s", r.cmd.Args, err, r.log.String())
	}
}

// says waits until the log has a text.
func (r *running) says(t *testing.T, text string) {
	t.Helper()
	for deadline := time.Now().Add(patience); !strings.Contains(r.log.String(), text); time.Sleep(10 * time.Millisecond) {
		select {
		case <-r.ended:
			t.Fatalf("%v ended: %v\n%s", r.cmd.Args, r.err, r.log.String())
		default:
		}
		if time.Now().After(deadline) {
			t.Fatalf("%v did not say %q\n%s", r.cmd.Args, text, r.log.String())
		}
	}
}

// buffer is written by a process and read by a test.
type buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
