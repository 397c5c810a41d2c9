package redistest

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Proxy stands before a server and hands its answers on late. It ends with its test.
type Proxy struct {
	Addr  string // 127.0.0.1:port
	delay atomic.Int64
}

// StartProxy starts a proxy before server that holds every answer back for delay.
func StartProxy(t testing.TB, server *Server, delay time.Duration) *Proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{Addr: l.Addr().String()}
	p.Delay(delay)
	var running sync.WaitGroup
	running.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return // the test has ended
			}
			running.Go(func() { p.serve(client, server.Addr) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		server.Kill() // ends the connections
		running.Wait()
	})
	return p
}

// Delay holds back answers from now on for d.
func (p *Proxy) Delay(d time.Duration) { p.delay.Store(int64(d)) }

func (p *Proxy) serve(client net.Conn, addr string) {
	defer client.Close()
	server, err := net.Dial("tcp", addr)
	if err != nil {
		return
	}
	defer server.Close()
	go func() {
		_, _ = io.Copy(server, client) // ends when either side does
		server.Close()
	}()
	b := make([]byte, 64<<10)
	for {
		n, err := server.Read(b)
		time.Sleep(time.Duration(p.delay.Load()))
		if _, failed := client.Write(b[:n]); err != nil || failed != nil {
			return
		}
	}
}
