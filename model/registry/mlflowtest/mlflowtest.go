// Package mlflowtest gives tests a real MLflow tracking server, and MLflow's own Python client to fill it with.
package mlflowtest

import (
	"bufio"
	"cmp"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

//go:embed driver.py
var driver string

// Server is an MLflow tracking server on a free loopback port, with SQLite and a temporary folder behind it, which serves
// artifacts through its proxy. It takes about ten seconds to start, so tests share one. It ends with its test. Methods may
// be called from several goroutines, and end the test where MLflow refuses.
type Server struct {
	URL string // http://127.0.0.1:PORT

	folder  string
	mu      sync.Mutex
	input   io.WriteCloser
	output  *bufio.Reader
	process *exec.Cmd
}

// Version is what [Server.LogFiles] registers.
type Version struct {
	Model  string            // the registered model's name
	Path   string            // a file, or a directory
	Source string            // "" for the artifacts' URI, "runs" for one of the run, or any other to be registered, in which RUN is the run
	Store  string            // file:///FOLDER for a file store without the proxy
	Note   string            // the description
	Tags   map[string]string // of the version
}

// patience bounds what is asked of Python, the start of a server included.
const patience = 4 * time.Minute

// installed says which Python has MLflow, once a process: it takes a moment.
var installed = sync.OnceValues(func() (string, error) {
	python := cmp.Or(os.Getenv("FOXHUNT_PYTHON"), "python3")
	probe := "import importlib.util, sys; sys.exit(any(importlib.util.find_spec(m) is None for m in ('mlflow', 'onnx', 'onnxruntime')))"
	return python, exec.Command(python, "-c", probe).Run()
})

// Start starts a server. Where there is no Python with MLflow the test is skipped, or fails with CI=true.
func Start(t testing.TB) *Server {
	t.Helper()
	python, err := installed()
	if err != nil {
		missing := fmt.Sprintf("%s cannot import mlflow: run `make python`, and name .cache/python/bin/python in FOXHUNT_PYTHON", python)
		if os.Getenv("CI") == "true" {
			t.Fatal(missing)
		}
		t.Skip(missing)
	}
	s := &Server{folder: t.TempDir()}
	s.process = exec.Command(python, "-c", driver)
	s.process.Env = environment()
	log, err := os.Create(filepath.Join(s.folder, "driver.log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	s.process.Stderr = log
	if s.input, err = s.process.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	output, err := s.process.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	s.output = bufio.NewReader(output)
	if err := s.process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.end(t) })
	s.serve(t)
	return s
}

// environment is this process's, without what would send MLflow elsewhere, or home.
func environment() []string {
	var kept []string
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "MLFLOW_") {
			kept = append(kept, variable)
		}
	}
	return append(kept, "MLFLOW_DISABLE_TELEMETRY=true", "DO_NOT_TRACK=true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false", "GIT_PYTHON_REFRESH=quiet")
}

// serve starts the server on a free port, which another process may take first.
func (s *Server) serve(t testing.TB) {
	t.Helper()
	var err error
	for range 3 {
		l, failed := net.Listen("tcp", "127.0.0.1:0")
		if failed != nil {
			t.Fatal(failed)
		}
		port := l.Addr().(*net.TCPAddr).Port
		l.Close()
		s.URL = fmt.Sprintf("http://127.0.0.1:%d", port)
		if err = s.ask("serve", map[string]any{"folder": s.folder, "port": port}, nil); err == nil {
			return
		}
	}
	log, _ := os.ReadFile(filepath.Join(s.folder, "server.log"))
	t.Fatalf("MLflow's server does not start: %v\n%s", err, log)
}

// end kills the server, with its processes, and the client.
func (s *Server) end(t testing.TB) {
	s.input.Close() // at which the driver kills the server
	ended := make(chan error, 1)
	go func() { ended <- s.process.Wait() }()
	select {
	case err := <-ended:
		if err != nil {
			t.Logf("MLflow's driver: %v", err)
		}
	case <-time.After(30 * time.Second):
		_ = s.process.Process.Kill()
		<-ended
	}
}

// Kill kills the server with all its processes.
func (s *Server) Kill(t testing.TB) {
	t.Helper()
	s.must(t, "kill", map[string]any{}, nil)
}

// Restart starts it again after Kill, on its port and with its data.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(s.URL, "http://"))
	s.must(t, "serve", map[string]any{"folder": s.folder, "port": port}, nil)
}

// LogONNX logs the model in an ONNX file with mlflow.onnx.log_model, which puts its weights into a file of their own, and
// registers it. It gives the version.
func (s *Server) LogONNX(t testing.TB, model, path string) (version string) {
	t.Helper()
	s.must(t, "log_onnx", map[string]any{"name": model, "path": path}, &version)
	return version
}

// LogFiles logs files as a run's artifacts, and registers them. It gives the version.
func (s *Server) LogFiles(t testing.TB, v Version) (version string) {
	t.Helper()
	s.must(t, "log_files", map[string]any{"name": v.Model, "path": v.Path, "source": cmp.Or(v.Source, "artifacts"), "store": v.Store,
		"note": v.Note, "tags": v.Tags}, &version)
	return version
}

// Alias sets an alias, or moves it.
func (s *Server) Alias(t testing.TB, model, alias, version string) {
	t.Helper()
	s.must(t, "alias", map[string]any{"name": model, "alias": alias, "version": version}, nil)
}

// RemoveAlias removes an alias.
func (s *Server) RemoveAlias(t testing.TB, model, alias string) {
	t.Helper()
	s.must(t, "remove_alias", map[string]any{"name": model, "alias": alias}, nil)
}

// Stage puts a version into a stage: Staging, Production, Archived or None.
func (s *Server) Stage(t testing.TB, model, version, stage string) {
	t.Helper()
	s.must(t, "stage", map[string]any{"name": model, "version": version, "stage": stage}, nil)
}

func (s *Server) must(t testing.TB, op string, args map[string]any, value any) {
	t.Helper()
	if err := s.ask(op, args, value); err != nil {
		t.Fatalf("MLflow: %s: %v", op, err)
	}
}

// ask has the driver do something.
func (s *Server) ask(op string, args map[string]any, value any) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	question, err := json.Marshal(map[string]any{"op": op, "args": args})
	if err != nil {
		return err
	}
	if _, err := s.input.Write(append(question, '\n')); err != nil {
		return err
	}
	late := time.AfterFunc(patience, func() { _ = s.process.Process.Kill() })
	defer late.Stop()
	line, err := s.output.ReadBytes('\n')
	if err != nil {
		log, _ := os.ReadFile(filepath.Join(s.folder, "driver.log"))
		return fmt.Errorf("the driver has ended: %w\n%s", err, log)
	}
	var answer struct {
		Value json.RawMessage `json:"value"`
		Error string          `json:"error"`
	}
	if err := json.Unmarshal(line, &answer); err != nil {
		return err
	}
	if answer.Error != "" {
		return fmt.Errorf("%s", answer.Error)
	}
	if value == nil {
		return nil
	}
	return json.Unmarshal(answer.Value, value)
}
