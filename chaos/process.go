package chaos

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// Process is a program at work. It ends with its test, however the test ends.
type Process struct {
	Name string
	Log  *Log // standard output and standard error

	cmd   *exec.Cmd
	ended chan struct{} // closed at the end
	err   error         // after the end: how it exited
}

// startProcess starts a program in folder. It is killed when the test has ended.
func startProcess(t testing.TB, name, folder string, environment []string, path string, args ...string) (*Process, error) {
	p := &Process{Name: name, Log: &Log{}, cmd: exec.Command(path, args...), ended: make(chan struct{})}
	p.cmd.Dir, p.cmd.Env, p.cmd.SysProcAttr = folder, environment, dieWithUs()
	p.cmd.Stdout, p.cmd.Stderr = p.Log, p.Log
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("%s does not start: %w", name, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.ended)
	}()
	t.Cleanup(p.Kill)
	return p, nil
}

// Kill ends the process at once, as a crash would, and waits for its end.
func (p *Process) Kill() {
	p.signal(syscall.SIGKILL)
	<-p.ended
}

// Pause stops the process where it is: it keeps its connections, and answers nothing.
func (p *Process) Pause() { p.signal(syscall.SIGSTOP) }

// Resume ends Pause.
func (p *Process) Resume() { p.signal(syscall.SIGCONT) }

// Terminate asks the process to end; it does not wait.
func (p *Process) Terminate() { p.signal(syscall.SIGTERM) }

func (p *Process) signal(s os.Signal) { _ = p.cmd.Process.Signal(s) } // an error says that it has ended already

// Ended is closed when the process has ended.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// PID is the process's id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// killedBy says whether the process, which has ended, was ended by this signal.
func (p *Process) killedBy(s syscall.Signal) bool {
	var exit *exec.ExitError
	if !errors.As(p.err, &exit) {
		return false
	}
	status, ok := exit.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == s
}

// exitCode is that of the process, which has ended; -1 if a signal ended it.
func (p *Process) exitCode() int { return p.cmd.ProcessState.ExitCode() }

// mostLog bounds what is kept of one process's log, in bytes.
const mostLog = 4 << 20

// Log keeps what a process writes, and drops the older half when that becomes too much.
type Log struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.b.Len() > mostLog {
		l.b.Next(mostLog / 2)
	}
	return l.b.Write(p)
}

func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// Tail is the last n lines.
func (l *Log) Tail(n int) string {
	lines := strings.SplitAfter(strings.TrimSpace(l.String()), "\n")
	return strings.Join(lines[max(len(lines)-n, 0):], "")
}

// Count says how often the log holds a text.
func (l *Log) Count(text string) int { return strings.Count(l.String(), text) }
