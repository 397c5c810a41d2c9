package main

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	natsjs "github.com/nats-io/nats.go/jetstream"

	"foxhunt/cache/redistest"
	"foxhunt/jetstream"
)

// testStartBefore starts a worker before NATS and Redis are there. It says once that it waits for the one, does not wait for
// the other, and uses both when they come.
func (p *program) testStartBefore(t *testing.T) {
	h, redis := newHouse(t), redistest.Start(t)
	url := h.server.ClientURL()
	h.server.Shutdown()
	redis.Kill()
	w := p.start(t, "worker", "--nats", url, "--redis", redis.URL(), "--http-listen", "127.0.0.1:0", "--bundles", "*.*")
	waitFor(t, "a word about waiting", func() bool { return strings.Contains(w.log.String(), "waiting for NATS at") })
	h.server.Restart(t)
	w.ready(t)
	if n := strings.Count(w.log.String(), "waiting for NATS at"); n != 1 {
		t.Errorf("it is said %d times that the worker waits:\n%s", n, w.log.String())
	}
	capture, _ := simulated(t, 0, 1)
	h.publish(t, captureSubject("n", "a"), encode(t, capture))
	h.nextFix(t)
	redis.Restart(t)
	waitFor(t, "a word about Redis", func() bool { return strings.Contains(w.log.String(), "using Redis again") })
	if n := strings.Count(w.log.String(), "going on without it until"); n != 1 {
		t.Errorf("it is said %d times that Redis is not there:\n%s", n, w.log.String())
	}
	w.stop(t, syscall.SIGTERM)
}

// testStopInTime has a worker with a capture that it cannot finish, as the stream of fixes is full.
func (p *program) testStopInTime(t *testing.T) {
	h := newHouse(t)
	fixes := jetstream.DefaultTopology().Fixes
	full := fixes
	full.Discard, full.MaxMsgs = natsjs.DiscardNew, 1
	if _, err := h.js.UpdateStream(t.Context(), full); err != nil {
		t.Fatal(err)
	}
	start := func(grace time.Duration) *running {
		w := p.start(t, "worker", "--nats", h.server.ClientURL(), "--http-listen", "127.0.0.1:0", "--bundles", "*.*", "--grace", grace.String(), "--ack-wait", "1h")
		w.ready(t)
		return w
	}
	stuck := func(n int) func() bool {
		return func() bool {
			c, err := h.js.Consumer(t.Context(), jetstream.StreamCaptures, jetstream.ConsumerWorkers)
			return err == nil && c.CachedInfo().NumAckPending == n && h.stored(t, jetstream.StreamFixes) == 1
		}
	}
	w := start(time.Second)
	for i := range 2 {
		capture, _ := simulated(t, i, uint64(i))
		h.publish(t, captureSubject("n", fmt.Sprint(i)), encode(t, capture))
	}
	waitFor(t, "a capture in hand", stuck(1))
	began := time.Now()
	w.stop(t, syscall.SIGTERM)
	if took := time.Since(began); took < time.Second {
		t.Errorf("a stop with a capture in hand took %v; want its second of grace", took)
	}
	w = start(time.Hour) // gets what the first gave back, although AckWait is an hour
	waitFor(t, "a capture in hand again", stuck(1))
	for range 2 {
		if err := w.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		waitFor(t, "a word about the stop", func() bool { return strings.Contains(w.log.String(), "stopping") || hasEnded(w) })
	}
	select {
	case <-w.ended:
	case <-time.After(patience):
		t.Fatal("a second SIGTERM does not end the worker")
	}
	if status, ok := w.cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGTERM {
		t.Errorf("after a second SIGTERM the worker ended with %v", w.err)
	}
}

func hasEnded(r *running) bool {
	select {
	case <-r.ended:
		return true
	default:
		return false
	}
}
