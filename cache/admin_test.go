package cache

import (
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"foxhunt/cache/redistest"
)

// TestAdmin looks at what a server holds, beside keys of others.
func TestAdmin(t *testing.T) {
	for name, start := range map[string]func() (*Redis, *redistest.Server){
		"single": func() (*Redis, *redistest.Server) {
			s := redistest.Start(t)
			return newRedis(t, RedisOptions{URL: s.URL()}), s
		},
		"cluster": func() (*Redis, *redistest.Server) {
			s := startCluster(t)
			return newRedis(t, RedisOptions{Addrs: []string{s.Addr}, Cluster: true}), s
		},
	} {
		t.Run(name, func(t *testing.T) {
			r, s := start()
			others := redis.NewClient(&redis.Options{Addr: s.Addr})
			defer others.Close()
			foreign := []string{"somebody:else", "foxhunt:notakey1", "foxhunt:", "foxhunt:" + strings.Repeat("g", 64),
				"foxhunt:" + strings.Repeat("A", 64), "foxhunt:" + strings.Repeat("0", 66)}
			for _, key := range foreign {
				if err := others.Set(t.Context(), key, "1", 0).Err(); err != nil {
					t.Fatal(err)
				}
			}
			for i := range 5 {
				mustSet(t, r, Key{byte(i)}, []byte("value"))
			}
			settle(t, r)
			h, err := r.Holdings(t.Context())
			if err != nil || h.Keys != 5 || h.Bytes < 5*int64(len("value")) {
				t.Fatalf("holdings %+v, %v; want 5 keys", h, err)
			}
			if keys, err := r.Keys(t.Context(), 3); err != nil || len(keys) != 3 {
				t.Errorf("%d keys, %v; want 3", len(keys), err)
			}
			value, left, err := r.Look(t.Context(), Key{1})
			if err != nil || string(value) != "value" || left <= 0 || left > DefaultTTL {
				t.Errorf("look: %q, %v, %v", value, left, err)
			}
			if _, _, err := r.Look(t.Context(), Key{99}); !errors.Is(err, ErrMiss) {
				t.Errorf("look at nothing: %v", err)
			}
			if err := others.Set(t.Context(), redisKey(Key{1}), "spoilt", 0).Err(); err != nil {
				t.Fatal(err)
			}
			if _, _, err := r.Look(t.Context(), Key{1}); err == nil || errors.Is(err, ErrMiss) {
				t.Errorf("look at a damaged value: %v", err)
			}
			if n, err := r.Purge(t.Context()); err != nil || n != 5 {
				t.Fatalf("%d keys were removed, %v; want 5", n, err)
			}
			if h, err := r.Holdings(t.Context()); err != nil || h.Keys != 0 {
				t.Errorf("after Clear: %+v, %v", h, err)
			}
			for _, key := range foreign {
				if n := others.Exists(t.Context(), key).Val(); n != 1 {
					t.Errorf("somebody else's key %s was removed", key)
				}
			}
		})
	}
}

func TestParseKey(t *testing.T) {
	want := Key{1, 2, 3}
	if got, err := ParseKey(hex.EncodeToString(want[:])); err != nil || got != want {
		t.Errorf("%x, %v", got, err)
	}
	for _, text := range []string{"", "xyz", "0102", hex.EncodeToString(make([]byte, 33))} {
		if _, err := ParseKey(text); err == nil {
			t.Errorf("%q was accepted", text)
		}
	}
}
