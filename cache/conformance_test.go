package cache

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"foxhunt/cache/redistest"
)

// settle waits until what was Set can be got.
func settle(t *testing.T, c Cache) {
	t.Helper()
	switch c := c.(type) {
	case *Redis:
		if err := c.flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	case *Tiered:
		settle(t, c.near)
		settle(t, c.far)
	}
}

func newRedis(t testing.TB, o RedisOptions) *Redis {
	t.Helper()
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Budget == 0 {
		o.Budget = time.Second // the tests of time set their own; the others must not fail on a busy machine
	}
	r, err := NewRedis(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

func startCluster(t testing.TB) *redistest.Server {
	t.Helper()
	s := redistest.Start(t, "--cluster-enabled", "yes")
	c := redis.NewClient(&redis.Options{Addr: s.Addr})
	defer c.Close()
	if err := c.ClusterAddSlotsRange(t.Context(), 0, 16383).Err(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool {
		info, err := c.ClusterInfo(t.Context()).Result()
		return err == nil && bytes.Contains([]byte(info), []byte("cluster_state:ok"))
	})
	return s
}

func waitFor(t testing.TB, done func() bool) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("it did not happen within 10 s")
		}
	}
}

// TestConformance runs the same suite over every cache.
func TestConformance(t *testing.T) {
	caches := map[string]func(t *testing.T) Cache{
		"memory": func(t *testing.T) Cache { return NewMemory(0, 0) },
		"redis": func(t *testing.T) Cache {
			return newRedis(t, RedisOptions{URL: redistest.Start(t).URL()})
		},
		"redis unix socket": func(t *testing.T) Cache {
			return newRedis(t, RedisOptions{URL: "unix://" + redistest.Start(t).Socket})
		},
		"redis with password": func(t *testing.T) Cache {
			return newRedis(t, RedisOptions{Addrs: []string{redistest.Start(t, "--requirepass", "fox").Addr}, Password: "fox"})
		},
		"redis cluster": func(t *testing.T) Cache {
			return newRedis(t, RedisOptions{Addrs: []string{startCluster(t).Addr}, Cluster: true})
		},
		"redis by sentinel": func(t *testing.T) Cache {
			sentinel := redistest.StartSentinel(t, "foxes", redistest.Start(t))
			return newRedis(t, RedisOptions{Addrs: []string{sentinel.Addr}, MasterName: "foxes"})
		},
		"redis over TLS": func(t *testing.T) Cache {
			addr, trust := startTLS(t)
			return newRedis(t, RedisOptions{Addrs: []string{addr}, TLS: trust})
		},
		"tiered": func(t *testing.T) Cache {
			return NewTiered(NewMemory(0, 0), newRedis(t, RedisOptions{URL: redistest.Start(t).URL()}))
		},
	}
	for name, make := range caches {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := make(t)
			t.Run("get what was set", func(t *testing.T) { conformGet(t, c) })
			t.Run("set does not keep the caller's bytes", func(t *testing.T) { conformCopy(t, c) })
			t.Run("delete", func(t *testing.T) { conformDelete(t, c) })
			t.Run("clear", func(t *testing.T) { conformClear(t, c) })
			t.Run("many at once", func(t *testing.T) { conformConcurrent(t, c) })
			t.Run("stats", func(t *testing.T) { conformStats(t, c) })
			if err := c.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
		})
	}
}

func mustGet(t *testing.T, c Cache, key Key, want []byte) {
	t.Helper()
	got, err := c.Get(t.Context(), key)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("Get = %d bytes, %v; want %d bytes", len(got), err, len(want))
	}
}

func mustMiss(t *testing.T, c Cache, key Key) {
	t.Helper()
	if got, err := c.Get(t.Context(), key); !errors.Is(err, ErrMiss) {
		t.Errorf("Get = %q, %v; want a miss", got, err)
	}
}

func mustSet(t *testing.T, c Cache, key Key, value []byte) {
	t.Helper()
	if err := c.Set(t.Context(), key, value); err != nil {
		t.Fatalf("Set: %v", err)
	}
	settle(t, c)
}

func conformGet(t *testing.T, c Cache) {
	mustMiss(t, c, Key{1})
	for i, value := range [][]byte{[]byte("fix"), {}, bytes.Repeat([]byte{0xff, 0}, 50_000)} {
		mustSet(t, c, Key{1, byte(i)}, value)
		mustGet(t, c, Key{1, byte(i)}, value)
	}
	mustSet(t, c, Key{1}, []byte("newer"))
	mustGet(t, c, Key{1}, []byte("newer"))
	mustMiss(t, c, Key{1, 9})
}

func conformCopy(t *testing.T, c Cache) {
	value := []byte("before")
	mustSet(t, c, Key{2}, value)
	copy(value, "after!")
	mustGet(t, c, Key{2}, []byte("before"))
}

func conformDelete(t *testing.T, c Cache) {
	mustSet(t, c, Key{3}, []byte("fix"))
	mustSet(t, c, Key{3, 1}, []byte("other"))
	for range 2 { // the second time there is nothing to delete
		if err := c.Delete(t.Context(), Key{3}); err != nil {
			t.Fatal(err)
		}
	}
	mustMiss(t, c, Key{3})
	mustGet(t, c, Key{3, 1}, []byte("other"))
}

func conformClear(t *testing.T, c Cache) {
	for i := range 100 {
		mustSet(t, c, Key{4, byte(i)}, []byte("fix"))
	}
	if err := c.Clear(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		mustMiss(t, c, Key{4, byte(i)})
	}
}

func conformConcurrent(t *testing.T, c Cache) {
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 50 {
				key, value := Key{5, byte(g), byte(i)}, fmt.Appendf(nil, "%d/%d", g, i)
				if err := c.Set(t.Context(), key, value); err != nil {
					t.Errorf("Set: %v", err)
				}
				if got, err := c.Get(t.Context(), key); err == nil && !bytes.Equal(got, value) {
					t.Errorf("Get = %q, want %q", got, value)
				}
			}
		})
	}
	wg.Wait()
	settle(t, c)
	for g := range 8 {
		mustGet(t, c, Key{5, byte(g), 49}, fmt.Appendf(nil, "%d/49", g))
	}
}

func conformStats(t *testing.T, c Cache) {
	before := c.Stats()
	mustSet(t, c, Key{6}, []byte("fix"))
	mustGet(t, c, Key{6}, []byte("fix"))
	mustMiss(t, c, Key{6, 1})
	after := c.Stats()
	if near := after[0]; near.Hits-before[0].Hits != 1 || near.Misses-before[0].Misses != 1 || near.Sets-before[0].Sets != 1 {
		t.Errorf("the first tier went from %+v to %+v; want one hit, one miss, one set", before[0], near)
	}
	for _, s := range after {
		if s.Tier == "" || !s.Available || s.Errors != 0 || s.Damaged != 0 || s.HitRate() < 0 || s.HitRate() > 1 {
			t.Errorf("stats %+v", s)
		}
	}
	if (Stats{Hits: 3, Misses: 1}).HitRate() != 0.75 || (Stats{}).HitRate() != 0 {
		t.Error("HitRate is not the share of hits")
	}
}

func TestClosedCacheRefuses(t *testing.T) {
	r := newRedis(t, RedisOptions{URL: redistest.Start(t).URL()})
	if err := errors.Join(r.Close(), r.Close()); err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	for _, err := range []error{r.Set(ctx, Key{}, nil), r.Delete(ctx, Key{}), r.Clear(ctx)} {
		if !errors.Is(err, ErrUnavailable) {
			t.Errorf("after Close: %v, want %v", err, ErrUnavailable)
		}
	}
}
