package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"foxhunt/model"
	"foxhunt/model/golden"
)

// The codes of what becomes of a check that does not end as it should, beside golden's.
const (
	codeModelCrashed = "model_crashed" // the process that tried the model died
	codeModelTooBig  = "model_too_big" // the model wants more memory than it may have
)

// childCheck says how models are tried in a process of its own.
type childCheck struct {
	loading
	runtime string        // ONNX Runtime's library; "" looks for it as the command does without the flag
	program string        // "": this one
	timeout time.Duration // of computing, and five times as long by the clock, as machines are busy; 0: a minute
	memory  int64         // bytes; 0: 4 GiB, and eight times the file
}

// leastMemory is what any model may take: of the models at hand the default one takes most, some 200 MiB.
const leastMemory = 4 << 30

// checkInChild tries the model at path as `foxhunt model check` does, in a process of its own with bounds on its time
// and its memory, so that a model which crashes or hangs ONNX Runtime, or fills the memory, takes nobody along. The
// sidecar is its contract, or nil. A refusal is a [*model.Error]; any other error says that the model was not tried to the end.
func checkInChild(ctx context.Context, path string, sidecar []byte, o childCheck) error {
	args, cleanup, err := o.arguments(path, sidecar)
	if err != nil {
		return err
	}
	defer cleanup()
	ctx, cancel := context.WithTimeoutCause(ctx, byTheClock*o.computing(), errTooSlow)
	defer cancel()
	child := exec.CommandContext(ctx, cmp.Or(o.program, executable()), args...)
	stdout, stderr := &bounded{limit: 1 << 20}, &bounded{limit: 64 << 10}
	child.Stdout, child.Stderr, child.Env = stdout, stderr, childEnvironment()
	child.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	child.Cancel = func() error { return syscall.Kill(-child.Process.Pid, syscall.SIGKILL) }
	child.WaitDelay = 5 * time.Second
	err = child.Run()
	switch {
	case errors.Is(context.Cause(ctx), errTooSlow), o.spent(child.ProcessState):
		return &model.Error{Code: golden.ModelTooSlow, Reason: fmt.Sprintf("the check did not end within %v of computing, or %v; the model is slow or hangs",
			o.computing(), byTheClock*o.computing())}
	case ctx.Err() != nil:
		return ctx.Err()
	case notTried(err):
		return fmt.Errorf("the process that tries the model could not run: %w", err)
	case killed(child.ProcessState):
		return errKilled
	}
	return childVerdict(err, stdout.kept, stderr.kept)
}

// spent says whether the system ended the child because its computing was used up, of which it counts a little more.
func (o *childCheck) spent(s *os.ProcessState) bool {
	return s != nil && !s.Exited() && s.UserTime()+s.SystemTime() > o.computing()*9/10
}

// notTried reports whether it is this machine's trouble that a check has no verdict: no process, no memory for one, no pipe.
func notTried(err error) bool {
	exit := (*exec.ExitError)(nil)
	return err != nil && !errors.As(err, &exit) && !errors.Is(err, exec.ErrWaitDelay)
}

// errKilled is a check that somebody ended with SIGKILL, which nothing here had done: the system, for want of memory, may be.
// It tells little of the model.
var errKilled = errors.New("the process that tried the model was killed; this machine may have run out of memory")

func killed(s *os.ProcessState) bool {
	if s == nil {
		return false
	}
	status, ok := s.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
}

var errTooSlow = errors.New("the check's time ended")

// byTheClock is how much longer than its computing a check may take by the clock.
const byTheClock = 5

func (o *childCheck) computing() time.Duration {
	return cmp.Or(o.timeout, time.Minute) * time.Duration(max(o.threads, 1))
}

func executable() string {
	path, err := os.Executable()
	if err != nil {
		return os.Args[0]
	}
	return path
}

// enough is the memory that a model may take.
func (o *childCheck) enough(path string) int64 {
	if o.provider == string(model.CUDA) {
		return 1 << 40 // CUDA maps far more than it uses; what it uses is the device's
	}
	info, err := os.Stat(path)
	if err != nil {
		return leastMemory
	}
	return leastMemory + 8*info.Size()
}

// arguments are the command's, with the sidecar in a file; cleanup removes that.
func (o *childCheck) arguments(path string, sidecar []byte) (args []string, cleanup func(), err error) {
	memory := cmp.Or(o.memory, o.enough(path))
	args = []string{"model", "check", "--json", "--timeout", (byTheClock * o.computing()).String(),
		"--memory", strconv.FormatInt(memory, 10), "--computing", o.computing().String(),
		"--onnxruntime", o.runtime, "--model-threads", strconv.Itoa(max(o.threads, 1)),
		"--model-provider", cmp.Or(o.provider, string(model.CPU)), "--model-cache", o.cache}
	cleanup = func() {}
	if sidecar != nil {
		file, err := os.CreateTemp("", "foxhunt-contract-*.json")
		if err != nil {
			return nil, nil, err
		}
		cleanup = func() { os.Remove(file.Name()) }
		_, err = file.Write(sidecar)
		if err := errors.Join(err, file.Close()); err != nil {
			cleanup()
			return nil, nil, err
		}
		args = append(args, "--contract", file.Name())
	}
	return append(args, "--", path), cleanup, nil
}

// childEnvironment is what a process that runs somebody's model gets to know: no key and no password.
func childEnvironment() (environment []string) {
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "XDG_CACHE_HOME", "CUDA_VISIBLE_DEVICES", "GOCOVERDIR"} {
		if value, ok := os.LookupEnv(name); ok {
			environment = append(environment, name+"="+value)
		}
	}
	return environment
}

// childVerdict reads what the child said, or how it died.
func childVerdict(ended error, stdout, stderr []byte) error {
	var report checkReport
	if json.Unmarshal(stdout, &report) == nil && len(report.Rules) > 0 {
		err := report.refusal()
		if refused := (*model.Error)(nil); errors.As(err, &refused) && isOutOfMemory(refused.Reason) {
			return tooBig(refused.Reason)
		}
		if err != nil || ended == nil {
			return err
		}
	}
	if isOutOfMemory(string(stderr)) {
		return tooBig(firstLine(stderr))
	}
	return &model.Error{Code: codeModelCrashed, Reason: fmt.Sprintf("the process that tried the model ended with %v: %s", ended, firstLine(stderr))}
}

func tooBig(said string) error {
	return &model.Error{Code: codeModelTooBig, Reason: "the model wants more memory than a check allows: " + said}
}

// isOutOfMemory knows the words of ONNX Runtime, of C++ and of Go, for which a thread whose stack has no room is no thread.
func isOutOfMemory(text string) bool {
	for _, words := range []string{"Failed to allocate memory", "bad_alloc", "out of memory", "cannot allocate memory", "bad allocation", "pthread_create failed"} {
		if strings.Contains(text, words) {
			return true
		}
	}
	return false
}

// firstLine is the first line that says something, safe for a terminal and a log.
func firstLine(text []byte) string {
	line, _, _ := bytes.Cut(bytes.TrimSpace(text), []byte("\n"))
	return harmless(string(line[:min(len(line), 300)]))
}

// bounded keeps the beginning of what is written to it.
type bounded struct {
	kept  []byte
	limit int
}

func (b *bounded) Write(p []byte) (int, error) {
	b.kept = append(b.kept, p[:min(len(p), b.limit-len(b.kept))]...)
	return len(p), nil
}
