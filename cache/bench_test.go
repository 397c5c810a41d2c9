package cache

import (
	"encoding/hex"
	"errors"
	"testing"
	"time"

	"foxhunt/cache/redistest"
)

func hexOf(k Key) string { return hex.EncodeToString(k[:]) }

func BenchmarkKey4MB(b *testing.B) {
	k, samples := NewKeyer("d", nil), make([]byte, 4<<20)
	b.SetBytes(int64(len(samples)))
	b.ReportAllocs()
	for b.Loop() {
		keyOf(k, samples)
	}
}

func BenchmarkMemoryGet(b *testing.B) {
	m := NewMemory(0, 0)
	defer m.Close()
	benchGet(b, m)
}

func BenchmarkRedisGetTCP(b *testing.B) {
	benchGet(b, newRedis(b, RedisOptions{URL: redistest.Start(b).URL()}))
}

func BenchmarkRedisGetUnix(b *testing.B) {
	benchGet(b, newRedis(b, RedisOptions{URL: "unix://" + redistest.Start(b).Socket}))
}

func benchGet(b *testing.B, c Cache) {
	if err := c.Set(b.Context(), Key{1}, make([]byte, 2000)); err != nil {
		b.Fatal(err)
	}
	if r, ok := c.(*Redis); ok {
		r.flush(b.Context())
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Get(b.Context(), Key{1}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRedisSet measures what a Set costs a fix: it only queues.
func BenchmarkRedisSet(b *testing.B) {
	r := newRedis(b, RedisOptions{URL: redistest.Start(b).URL()})
	value := make([]byte, 2000)
	b.ReportAllocs()
	for b.Loop() {
		if err := r.Set(b.Context(), Key{1}, value); err != nil && !errors.Is(err, ErrUnavailable) {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(r.Stats()[0].Dropped), "dropped")
}

// BenchmarkRedisDown measures what a dead server costs a fix once the circuit is open.
func BenchmarkRedisDown(b *testing.B) {
	s := redistest.Start(b)
	r := newRedis(b, RedisOptions{URL: s.URL(), Budget: 5 * time.Millisecond})
	s.Kill()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Get(b.Context(), Key{1}); err == nil {
			b.Fatal("a dead server answered")
		}
	}
}
