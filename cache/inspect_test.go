package cache_test

import (
	"strings"
	"testing"
	"time"

	"foxhunt/cache"
	"foxhunt/cache/redistest"
)

func TestInspectRedis(t *testing.T) {
	s := redistest.Start(t, "--maxmemory", "64mb", "--maxmemory-policy", "allkeys-lru")
	state, err := cache.InspectRedis(t.Context(), cache.RedisOptions{URL: s.URL()})
	if err != nil {
		t.Fatal(err)
	}
	if state.Version == "" || state.MaxMemory != 64<<20 || state.Policy != "allkeys-lru" || state.Used <= 0 || state.Latency <= 0 || state.Role != "master" {
		t.Errorf("read %+v", state)
	}
}

func TestInspectRedisThatIsPaused(t *testing.T) {
	s := redistest.Start(t)
	s.Pause(t)
	defer s.Resume(t)
	start := time.Now()
	if _, err := cache.InspectRedis(t.Context(), cache.RedisOptions{URL: s.URL()}); err == nil {
		t.Error("a server that answers nothing was read")
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestInspectRedisErrorsHaveNoPassword(t *testing.T) {
	s := redistest.Start(t, "--requirepass", "right-secret")
	if _, err := cache.InspectRedis(t.Context(), cache.RedisOptions{URL: "redis://:right-secret@" + s.Addr}); err != nil {
		t.Errorf("with the password: %v", err)
	}
	for _, url := range []string{"redis://:wrong-secret@" + s.Addr, "redis://:wrong-secret@%zz", "redis://:wrong-secret@127.0.0.1:1"} {
		_, err := cache.InspectRedis(t.Context(), cache.RedisOptions{URL: url})
		if err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("the error of %s is %v", url, err)
		}
	}
	if _, err := cache.InspectRedis(t.Context(), cache.RedisOptions{}); err == nil {
		t.Error("no address was accepted")
	}
}

// Whoever may ping but not look gets what could be seen, and an error.
func TestInspectRedisForbidden(t *testing.T) {
	s := redistest.Start(t, "--rename-command", "INFO", "")
	state, err := cache.InspectRedis(t.Context(), cache.RedisOptions{URL: s.URL()})
	if err == nil || !strings.Contains(err.Error(), "INFO") || state.Latency <= 0 {
		t.Errorf("read %+v, %v", state, err)
	}
}
