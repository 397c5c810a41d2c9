package cache

import (
	"crypto/sha256"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"foxhunt/cache/redistest"
)

// saturate keeps all processors that Go has busy, with others waiting for them, until the test ends.
func saturate(t *testing.T) {
	t.Helper()
	var stop atomic.Bool
	var burning sync.WaitGroup
	for range 8 * runtime.GOMAXPROCS(0) {
		burning.Go(func() {
			sum := sha256.Sum256(nil)
			for !stop.Load() {
				sum = sha256.Sum256(sum[:])
			}
		})
	}
	t.Cleanup(func() {
		stop.Store(true)
		burning.Wait()
	})
}

// TestHealthyServerStaysInUseUnderLoad: a process that has no time to read the answers must not blame the server.
func TestHealthyServerStaysInUseUnderLoad(t *testing.T) {
	s := redistest.Start(t)
	r := newRedis(t, RedisOptions{URL: s.URL(), Budget: 5 * time.Millisecond})
	mustSet(t, r, Key{1}, []byte("fix"))
	saturate(t)
	const lanes, each = 16, 50
	var found, opened atomic.Int64
	var asking sync.WaitGroup
	for range lanes {
		asking.Go(func() {
			for range each {
				if _, err := r.Get(t.Context(), Key{1}); err == nil {
					found.Add(1)
				} else if errors.Is(err, ErrUnavailable) {
					opened.Add(1)
				}
			}
		})
	}
	asking.Wait()
	t.Logf("%d of %d found, the circuit was open for %d", found.Load(), lanes*each, opened.Load())
	if found.Load() < lanes*each*9/10 || opened.Load() > 0 {
		t.Errorf("%d of %d values were found, and the circuit was open for %d", found.Load(), lanes*each, opened.Load())
	}
}

// TestSlowServerIsLeftAlone: look-ups that come too late open the circuit, however well values are stored in between.
func TestSlowServerIsLeftAlone(t *testing.T) {
	p := redistest.StartProxy(t, redistest.Start(t), 20*time.Millisecond)
	r := newRedis(t, RedisOptions{URL: "redis://" + p.Addr, Budget: 5 * time.Millisecond})
	asked := 0
	for range 100 {
		if _, err := r.Get(t.Context(), Key{1}); !errors.Is(err, ErrUnavailable) {
			asked++
		}
		if r.Set(t.Context(), Key{1}, []byte("fix")) == nil {
			settle(t, r)
		}
	}
	if asked > 32 || r.Stats()[0].Available {
		t.Errorf("a server that takes 20 ms was asked %d times of 100, and is available: %v", asked, r.Stats()[0].Available)
	}
	if err := r.probe(t.Context()); err == nil {
		t.Error("a probe takes a server that is slower than the budget")
	}
	p.Delay(0)
	waitFor(t, func() bool { return r.Stats()[0].Available })
	waitFor(t, func() bool { _, err := r.Get(t.Context(), Key{1}); return err == nil || errors.Is(err, ErrMiss) })
}
