package spool_test

import (
	"io"
	"net"
	"sync"
	"testing"
)

// cable passes bytes between clients and a server, until it is cut; then it is plugged in again at once.
type cable struct {
	listener net.Listener
	to       string

	mu    sync.Mutex
	conns []net.Conn
	wg    sync.WaitGroup
}

func newCable(t testing.TB, to string) *cable {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cable{listener: listener, to: to}
	c.wg.Go(c.accept)
	t.Cleanup(func() {
		listener.Close()
		c.cut()
		c.wg.Wait()
	})
	return c
}

func (c *cable) url() string { return "nats://" + c.listener.Addr().String() }

func (c *cable) accept() {
	for {
		near, err := c.listener.Accept()
		if err != nil {
			c.cut() // what came in while the cable was being cut
			return
		}
		far, err := net.Dial("tcp", c.to)
		if err != nil {
			near.Close()
			continue
		}
		c.mu.Lock()
		c.conns = append(c.conns, near, far)
		c.mu.Unlock()
		c.wg.Go(func() { pass(near, far) })
		c.wg.Go(func() { pass(far, near) })
	}
}

func pass(to, from net.Conn) {
	defer to.Close()
	defer from.Close()
	io.Copy(to, from)
}

// cut ends all connections, whatever is under way.
func (c *cable) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, conn := range c.conns {
		conn.Close()
	}
	c.conns = nil
}
