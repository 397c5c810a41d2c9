package jetstream_test

import (
	"net"
	"sync"
	"testing"
)

// link is a cable to a server that can be pulled: while it is paused, bytes wait, and both ends believe that the other lives.
type link struct {
	listener net.Listener
	to       string

	mu     sync.Mutex
	flows  sync.Cond // signalled when paused, deaf or closed changes
	paused bool
	deaf   bool // what the server says waits; what is said to it does not
	conns  []net.Conn
	closed bool
	wg     sync.WaitGroup
}

func newLink(t testing.TB, to string) *link {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &link{listener: listener, to: to}
	l.flows.L = &l.mu
	l.wg.Go(l.accept)
	t.Cleanup(l.close)
	return l
}

func (l *link) address() string { return l.listener.Addr().String() }
func (l *link) pause()          { l.set(true) }
func (l *link) resume()         { l.set(false) }

// cut ends the connections that there are, with all that waits in them, and lets new ones flow.
func (l *link) cut() {
	l.mu.Lock()
	for _, c := range l.conns {
		c.Close()
	}
	l.conns = nil
	l.mu.Unlock()
	l.set(false)
}

func (l *link) pauseAnswers() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.deaf = true
}

func (l *link) set(paused bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.paused, l.deaf = paused, false
	l.flows.Broadcast()
}

func (l *link) accept() {
	for {
		near, err := l.listener.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", l.to)
		if err != nil || !l.keep(near, far) {
			near.Close()
			continue
		}
		l.wg.Go(func() { l.copy(near, far, true) })
		l.wg.Go(func() { l.copy(far, near, false) })
	}
}

// keep notes connections to close at the end, and reports whether that is still to come.
func (l *link) keep(conns ...net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conns = append(l.conns, conns...)
	return !l.closed
}

// copy passes bytes on while the link is not paused.
func (l *link) copy(to, from net.Conn, answers bool) {
	defer to.Close()
	defer from.Close()
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if !l.waitForFlow(answers) {
			return
		}
		if _, failed := to.Write(buffer[:n]); err != nil || failed != nil {
			return
		}
	}
}

func (l *link) waitForFlow(answers bool) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for (l.paused || answers && l.deaf) && !l.closed {
		l.flows.Wait()
	}
	return !l.closed
}

func (l *link) close() {
	l.mu.Lock()
	l.closed = true
	for _, c := range l.conns {
		c.Close()
	}
	l.flows.Broadcast()
	l.mu.Unlock()
	l.listener.Close()
	l.wg.Wait()
}
