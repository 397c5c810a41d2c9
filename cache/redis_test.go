package cache

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"foxhunt/cache/redistest"
)

// leftAlone looks up and stores many times on a server that answers nothing, and wants nearly all of it to cost nothing:
// the number of look-ups that asked at all is exact where the time of one depends on what else the machine does.
func leftAlone(t *testing.T, r *Redis) {
	t.Helper()
	const calls = 1000
	asked, start := 0, time.Now()
	for i := range calls {
		_, err := r.Get(t.Context(), Key{byte(i)})
		if err == nil || errors.Is(err, ErrMiss) {
			t.Errorf("call %d was answered: %v", i, err)
		}
		if !errors.Is(err, ErrUnavailable) {
			asked++
		}
		if err := r.Set(t.Context(), Key{byte(i)}, []byte("fix")); err != nil && !errors.Is(err, ErrUnavailable) {
			t.Errorf("Set: %v", err)
		}
	}
	took := time.Since(start)
	t.Logf("%d calls took %v, %d asked", calls, took, asked)
	if asked > failuresToOpen || r.Stats()[0].Available {
		t.Errorf("%d of %d look-ups asked, and Redis is available: %v", asked, calls, r.Stats()[0].Available)
	}
	if took > calls*r.budget/2 { // all would take twice as long if each waited
		t.Errorf("%d calls took %v", calls, took)
	}
}

// go-redis would write to standard error of each dial that fails. It takes a process of its own to see that.
func TestDriverIsQuiet(t *testing.T) {
	const inChild = "FOXHUNT_TEST_DRIVER_IS_QUIET"
	if os.Getenv(inChild) == "" {
		child := exec.Command(os.Args[0], "-test.run=^TestDriverIsQuiet$")
		child.Env = append(os.Environ(), inChild+"=1")
		var stderr strings.Builder
		child.Stderr = &stderr
		if err := child.Run(); err != nil || stderr.Len() > 0 {
			t.Errorf("%v; standard error has: %s", err, stderr.String())
		}
		return
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener.Close() // nobody answers there now
	r := newRedis(t, RedisOptions{URL: "redis://" + listener.Addr().String()})
	if err := r.Clear(t.Context()); err == nil {
		t.Error("a server that is not there was cleared")
	}
}

func TestServerStopped(t *testing.T) {
	s := redistest.Start(t)
	r := newRedis(t, RedisOptions{URL: s.URL(), Budget: 5 * time.Millisecond})
	waitFor(t, func() bool { _, err := r.Get(t.Context(), Key{}); return errors.Is(err, ErrMiss) })
	s.Pause(t)
	leftAlone(t, r)
	s.Resume(t)
	waitFor(t, func() bool { return r.Stats()[0].Available })
	waitFor(t, func() bool { _, err := r.Get(t.Context(), Key{200}); return errors.Is(err, ErrMiss) })
}

func TestServerKilledAndBack(t *testing.T) {
	s := redistest.Start(t)
	r := newRedis(t, RedisOptions{URL: s.URL(), Budget: 5 * time.Millisecond})
	s.Kill()
	leftAlone(t, r)
	s.Restart(t)
	waitFor(t, func() bool {
		if r.Set(t.Context(), Key{7}, []byte("fix")) != nil {
			return false
		}
		settle(t, r)
		_, err := r.Get(t.Context(), Key{7})
		return err == nil
	})
}

func TestStartWithoutServer(t *testing.T) {
	s := redistest.Start(t)
	s.Kill()
	start := time.Now()
	r := newRedis(t, RedisOptions{URL: s.URL(), Budget: 5 * time.Millisecond})
	if took := time.Since(start); took > 3*replyTimeout {
		t.Errorf("NewRedis took %v without a server", took)
	}
	if _, err := r.Get(t.Context(), Key{}); !errors.Is(err, ErrUnavailable) {
		t.Errorf("Get = %v, want %v", err, ErrUnavailable)
	}
	s.Restart(t)
	waitFor(t, func() bool { return r.Stats()[0].Available })
}

func TestDamagedValueIsAMiss(t *testing.T) {
	s := redistest.Start(t)
	r := newRedis(t, RedisOptions{URL: s.URL()})
	key := Key{8}
	mustSet(t, r, key, []byte("position"))
	raw := redis.NewClient(&redis.Options{Addr: s.Addr})
	defer raw.Close()
	sound, err := raw.Get(t.Context(), redisKey(key)).Bytes()
	if err != nil {
		t.Fatal(err)
	}
	for i := range sound { // any byte changed
		broken := append([]byte(nil), sound...)
		broken[i] ^= 0x10
		raw.Set(t.Context(), redisKey(key), broken, 0)
		mustMiss(t, r, key)
	}
	for n := range sound { // cut short anywhere
		raw.Set(t.Context(), redisKey(key), sound[:n], 0)
		mustMiss(t, r, key)
	}
	raw.Set(t.Context(), redisKey(Key{9}), sound, 0) // under another key
	mustMiss(t, r, Key{9})
	if got := r.Stats()[0].Damaged; got != uint64(2*len(sound)+1) {
		t.Errorf("Damaged = %d, want %d", got, 2*len(sound)+1)
	}
	raw.Set(t.Context(), redisKey(key), sound, 0)
	mustGet(t, r, key, []byte("position"))
}

func TestClearLeavesForeignKeys(t *testing.T) {
	s := redistest.Start(t)
	r := newRedis(t, RedisOptions{URL: s.URL()})
	raw := redis.NewClient(&redis.Options{Addr: s.Addr})
	defer raw.Close()
	raw.Set(t.Context(), "somebody:else", "1", 0)
	for i := range 2500 { // more than one piece of SCAN
		if err := r.Set(t.Context(), Key{byte(i), byte(i >> 8)}, []byte("fix")); err != nil {
			settle(t, r)
		}
	}
	if err := r.Clear(t.Context()); err != nil {
		t.Fatal(err)
	}
	keys, err := raw.Keys(t.Context(), "*").Result()
	if err != nil || len(keys) != 1 || keys[0] != "somebody:else" {
		t.Errorf("left are %d keys, %v; want somebody else's only", len(keys), err)
	}
}

func TestValuesExpire(t *testing.T) {
	s := redistest.Start(t)
	r := newRedis(t, RedisOptions{URL: s.URL(), TTL: 90 * time.Second})
	mustSet(t, r, Key{1}, []byte("fix"))
	raw := redis.NewClient(&redis.Options{Addr: s.Addr})
	defer raw.Close()
	if ttl := raw.TTL(t.Context(), redisKey(Key{1})).Val(); ttl <= 0 || ttl > 90*time.Second {
		t.Errorf("TTL in Redis is %v, want 90 s", ttl)
	}
	m := NewMemory(0, time.Millisecond)
	defer m.Close()
	mustSet(t, m, Key{1}, []byte("fix"))
	waitFor(t, func() bool { _, err := m.Get(t.Context(), Key{1}); return errors.Is(err, ErrMiss) })
	for i := range 100 {
		mustSet(t, m, Key{2, byte(i)}, []byte("fix"))
	}
	waitFor(t, func() bool { return m.Stats()[0].Entries == 0 })
	if n := m.Stats()[0].Evictions; n != 0 {
		t.Errorf("%d values were counted as thrown out to make room; all had ended", n)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	const most = 1 << 20
	m := NewMemory(most, 0)
	defer m.Close()
	value := make([]byte, 10_000)
	for i := range 2000 {
		m.Set(t.Context(), Key{byte(i), byte(i >> 8)}, value)
	}
	waitFor(t, func() bool { s := m.Stats()[0]; return s.Bytes <= most && s.Entries <= most/10_000 })
	if m.Stats()[0].Evictions == 0 {
		t.Error("20 MB went into 1 MiB without an eviction")
	}
	m.Set(t.Context(), Key{0xff, 0xff}, make([]byte, most))
	mustMiss(t, m, Key{0xff, 0xff})
	if m.Stats()[0].Dropped != 1 {
		t.Error("a value larger than the cache was not counted as dropped")
	}
}

func TestTieredKeepsWhatItFinds(t *testing.T) {
	s := redistest.Start(t)
	near, far := NewMemory(0, 0), newRedis(t, RedisOptions{URL: s.URL()})
	c := NewTiered(near, far)
	mustSet(t, far, Key{1}, []byte("another worker's"))
	mustGet(t, c, Key{1}, []byte("another worker's"))
	s.Kill()
	mustGet(t, c, Key{1}, []byte("another worker's"))
	if st := c.Stats(); st[0].Hits != 1 || st[1].Hits != 1 {
		t.Errorf("hits %d near and %d far, want one each", st[0].Hits, st[1].Hits)
	}
}

// TestTieredKeepsNoLonger: what was found in Redis ends in this process when it ends there, and not a whole TTL later.
func TestTieredKeepsNoLonger(t *testing.T) {
	s := redistest.Start(t)
	const ttl = 2 * time.Second
	others := newRedis(t, RedisOptions{URL: s.URL(), TTL: ttl})
	near, far := NewMemory(0, time.Hour), newRedis(t, RedisOptions{URL: s.URL(), TTL: time.Hour})
	c := NewTiered(near, far)
	start := time.Now()
	mustSet(t, others, Key{1}, []byte("another worker's"))
	mustGet(t, c, Key{1}, []byte("another worker's"))
	mustGet(t, near, Key{1}, []byte("another worker's"))
	waitFor(t, func() bool { _, err := c.Get(t.Context(), Key{1}); return errors.Is(err, ErrMiss) })
	if took := time.Since(start); took < ttl-10*time.Millisecond {
		t.Errorf("gone after %v, want %v", took, ttl)
	}
	// A value without any time left, by this process's clock, is used and not kept.
	raw := redis.NewClient(&redis.Options{Addr: s.Addr})
	defer raw.Close()
	raw.Set(t.Context(), redisKey(Key{2}), seal(far.table, Key{2}, []byte("old"), time.Now().Add(-time.Minute)), 0)
	mustGet(t, c, Key{2}, []byte("old"))
	mustMiss(t, near, Key{2})
	// One of a clock far ahead is kept for this process's own TTL.
	raw.Set(t.Context(), redisKey(Key{3}), seal(far.table, Key{3}, []byte("future"), time.Now().Add(1e6*time.Hour)), 0)
	if _, left, err := far.get(t.Context(), Key{3}); err != nil || left > time.Hour {
		t.Errorf("left are %v, %v; want at most an hour", left, err)
	}
}

func TestBadOptions(t *testing.T) {
	for _, o := range []RedisOptions{{}, {URL: "http://fox:secret@127.0.0.1"}, {URL: "redis://fox:secret@127.0.0.1:port"}} {
		_, err := NewRedis(t.Context(), o)
		if err == nil || !strings.HasPrefix(err.Error(), "bad_redis: ") || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", o.URL, err)
		}
	}
	u, err := RedisOptions{URL: "rediss://fox:secret@host:6380/3", Password: "other"}.universal()
	if err != nil || u.TLSConfig == nil || u.Username != "fox" || u.Password != "other" || u.DB != 3 || u.Addrs[0] != "host:6380" {
		t.Errorf("options %+v, %v", u, err)
	}
}
