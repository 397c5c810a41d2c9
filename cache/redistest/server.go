// Package redistest gives tests a real redis-server of their own, which they may kill, stop and start again.
package redistest

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// Server is a redis-server on a free loopback port and on a unix socket. It ends with its test.
type Server struct {
	Addr   string // 127.0.0.1:port
	Socket string // path of the unix socket
	config string // path of a configuration file, or ""
	args   []string
	cmd    *exec.Cmd
	out    *bytes.Buffer
	exited chan struct{}
}

// StartSentinel starts a sentinel that watches master under a name.
func StartSentinel(t testing.TB, name string, master *Server) *Server {
	t.Helper()
	file := filepath.Join(t.TempDir(), "sentinel.conf") // which the sentinel rewrites
	text := fmt.Sprintf("sentinel monitor %s 127.0.0.1 %d 1\n", name, master.Port(t))
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return begin(t, file, "--sentinel")
}

// Start starts redis-server with these arguments added. Without the program the test is skipped, or, where the environment
// has CI=true, fails.
func Start(t testing.TB, args ...string) *Server {
	t.Helper()
	return begin(t, "", append([]string{"--save", "", "--appendonly", "no"}, args...)...)
}

func begin(t testing.TB, config string, args ...string) *Server {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("redis-server is missing: apt-get install redis-server")
		}
		t.Skip("redis-server is missing: apt-get install redis-server")
	}
	// A unix socket's path may have 107 bytes, which t.TempDir can exceed.
	dir, err := os.MkdirTemp("", "redis")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	s := &Server{Socket: filepath.Join(dir, "s"), config: config, args: append([]string{"--dir", dir}, args...)}
	t.Cleanup(s.Kill)
	for range 5 { // another program may take the port between our look and the server's start
		s.Addr = freeAddr(t)
		if s.start() == nil {
			return s
		}
	}
	t.Fatalf("redis-server does not start: %s", s.out)
	return nil
}

// Restart starts the server again after Kill, empty and on the same address.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	if err := s.start(); err != nil {
		t.Fatalf("redis-server does not start again: %v: %s", err, s.out)
	}
}

func (s *Server) start() error {
	_, port, err := net.SplitHostPort(s.Addr)
	if err != nil {
		return err
	}
	args := append([]string{"--bind", "127.0.0.1", "--port", port, "--unixsocket", s.Socket}, s.args...)
	if s.config != "" {
		args = append([]string{s.config}, args...)
	}
	s.out = &bytes.Buffer{}
	s.cmd = exec.Command("redis-server", args...)
	s.cmd.Stdout, s.cmd.Stderr = s.out, s.out
	if err := s.cmd.Start(); err != nil {
		return err
	}
	exited, cmd := make(chan struct{}), s.cmd
	s.exited = exited
	go func() {
		_ = cmd.Wait() // killed or failed: the caller sees it by exited
		close(exited)
	}()
	return s.waitReady()
}

// waitReady asks until the server answers anything, be it that a password is wanted.
func (s *Server) waitReady() error {
	deadline := time.After(5 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		err := s.ping()
		if err == nil {
			return nil
		}
		select {
		case <-s.exited:
			return err
		case <-deadline:
			return err
		case <-tick.C:
		}
	}
}

func (s *Server) ping() error {
	c, err := net.Dial("unix", s.Socket)
	if err != nil {
		return err
	}
	defer c.Close()
	if _, err := c.Write([]byte("PING\r\n")); err != nil {
		return err
	}
	_, err = c.Read(make([]byte, 1))
	return err
}

// Kill ends the server at once, as a crash would.
func (s *Server) Kill() {
	if s.cmd == nil || s.cmd.Process == nil {
		return
	}
	_ = s.cmd.Process.Signal(syscall.SIGKILL) // an error says that it has ended already
	<-s.exited
}

// Pause stops the server: it keeps its connections and takes new ones, and answers nothing.
func (s *Server) Pause(t testing.TB) { s.signal(t, syscall.SIGSTOP) }

// Resume ends Pause.
func (s *Server) Resume(t testing.TB) { s.signal(t, syscall.SIGCONT) }

func (s *Server) signal(t testing.TB, sig syscall.Signal) {
	t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
}

// URL is the server's address for clients over TCP.
func (s *Server) URL() string { return "redis://" + s.Addr }

// Port is the server's TCP port.
func (s *Server) Port(t testing.TB) int {
	_, port, err := net.SplitHostPort(s.Addr)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func freeAddr(t testing.TB) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
