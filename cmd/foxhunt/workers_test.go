package main

import (
	"context"
	"fmt"
	"syscall"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/redis/go-redis/v9"

	"foxhunt/cache/redistest"
	"foxhunt/jetstream"
)

// testThreeWorkers spreads captures over three worker processes with a NATS server and a Redis of their own. One of them
// is told to stop on the way. The captures are parts of DCF77's recordings where these are here, else simulated ones.
func (p *program) testThreeWorkers(t *testing.T) {
	h, cache := newHouse(t), redistest.Start(t)
	published := make(chan *nats.Msg, 1024) // every fix, those that the stream drops as duplicates included
	watching, err := h.nats.ChanSubscribe("fixes.dcf.>", published)
	if err != nil {
		t.Fatal(err)
	}
	defer watching.Unsubscribe()
	var workers []*running
	for range 3 {
		workers = append(workers, p.start(t, "worker", "--nats", h.server.ClientURL(), "--redis", cache.URL(), "--bundles", "dcf.*", "--http-listen", "127.0.0.1:0"))
	}
	for _, w := range workers {
		w.ready(t)
	}

	const captures = 24
	publish := h.parts(t)
	for i := range captures {
		if i == captures/2 { // with captures in hand
			if err := workers[0].cmd.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
		}
		publish(i)
	}
	workers[0].wait(t)
	located := make(map[string]bool)
	for range captures {
		fix := h.nextFix(t)
		located[fix.CaptureID] = true
		if fix.CacheHit {
			t.Errorf("the fix of %s came from the cache, although no other capture is like it", fix.Source)
		}
		if fix.Frequency == 77500 {
			checkDCF77(t, fix, 9e3, 20e3) // a sixth of the recordings
		}
	}
	h.waitUntilEmpty(t)
	if n := len(published); n != captures || len(located) != captures {
		t.Errorf("%d fixes of %d captures were published; want one of each of %d", n, len(located), captures)
	}
	checkOneDelivery(t, h, captures)
	for _, w := range workers[1:] {
		w.stop(t, syscall.SIGTERM)
	}
	p.checkShared(t, h, cache, captures, publish)
}

// parts gives a function that publishes one of many captures, always the same under the same number.
func (h *house) parts(t *testing.T) (publish func(i int)) {
	t.Helper()
	paths, stations := recordings(t), stationsFile(t)
	if len(paths) != 3 {
		return func(i int) {
			capture, _ := simulated(t, i%4, uint64(i))
			h.publish(t, captureSubject("dcf", fmt.Sprintf("part-%d", i)), encode(t, capture))
		}
	}
	return func(i int) {
		must(t, append([]string{"publish", "--nats", h.server.ClientURL(), "--network", "dcf", "--bundle", fmt.Sprintf("part-%d", i),
			"--stations", stations, "--start", fmt.Sprintf("%ds", i), "--length", "5s"}, paths...)...)
	}
}

// checkOneDelivery expects that the server delivered every capture once.
func checkOneDelivery(t *testing.T, h *house, captures int) {
	t.Helper()
	consumer, err := h.js.Consumer(t.Context(), jetstream.StreamCaptures, jetstream.ConsumerWorkers)
	if err != nil {
		t.Fatal(err)
	}
	if info := consumer.CachedInfo(); int(info.Delivered.Consumer) != captures || info.NumRedelivered != 0 {
		t.Errorf("%d captures took %d deliveries", captures, info.Delivered.Consumer)
	}
}

// checkShared expects Redis to know fixes, and a worker that is new to find one there. Not each: on a busy machine Redis
// may take longer than a fix waits for it.
func (p *program) checkShared(t *testing.T, h *house, cache *redistest.Server, captures int, publish func(int)) {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: cache.Addr})
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if n, err := client.DBSize(ctx).Result(); err != nil || n < 1 || int(n) > captures {
		t.Errorf("Redis holds %d keys (%v); want up to %d", n, err, captures)
	}
	fresh := p.start(t, "worker", "--nats", h.server.ClientURL(), "--redis", cache.URL(), "--bundles", "dcf.*", "--http-listen", "127.0.0.1:0")
	hit := false
	for i := 0; i < captures && !hit; i++ {
		publish(i)
		hit = h.nextFix(t).CacheHit
	}
	_, address := fresh.ready(t)
	if n, _ := metric(t, address, `foxhunt_cache_tier_hits_total{tier="redis"}`); !hit || n != 1 {
		t.Errorf("the new worker counts %v hits in Redis", n)
	}
	fresh.stop(t, syscall.SIGTERM)
}
