package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/spf13/pflag"

	"foxhunt/cache"
	"foxhunt/cache/redistest"
)

// TestCacheCommands looks at, and removes, what a real worker keeps in a real Redis.
func TestCacheCommands(t *testing.T) {
	server := redistest.Start(t, "--requirepass", "vixen")
	password := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(password, []byte("vixen\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	flags := []string{"--redis", server.URL(), "--redis-password-file", password}
	h := newHouse(t)
	h.startWorker(t, append([]string{"--model", plainFile(t), "--cache-bytes", "0"}, flags...)...)
	capture := longCapture(t)
	for i := range 2 {
		capture.Receivers[0].IQ[1001+400*i] ^= 1
		h.publish(t, captureSubject("demo", "a"), encode(t, capture))
		h.nextFix(t)
	}
	client := redis.NewClient(&redis.Options{Addr: server.Addr, Password: "vixen"})
	defer client.Close()
	if err := client.Set(t.Context(), "foxhunt:notakey", "1", 0).Err(); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) string {
		t.Helper()
		return must(t, append(append([]string{"cache"}, args...), flags...)...)
	}
	waitFor(t, "two fixes in Redis", func() bool { return strings.HasPrefix(run("stats"), "2 fixes, ") })
	if out := run("stats", "--json"); !strings.Contains(out, `"keys":2`) {
		t.Errorf("stats --json: %s", out)
	}
	keys := strings.Fields(run("keys"))
	if len(keys) != 2 || len(keys[0]) != 64 {
		t.Fatalf("keys %q", keys)
	}
	if out := run("get", keys[0]); !strings.Contains(out, keys[0]) || !strings.Contains(out, "VALID FOR") {
		t.Errorf("get:\n%s", out)
	}
	run("delete", keys[0])
	out, err := command(t.Context(), append([]string{"cache", "get", keys[0], keys[1]}, flags...)...)
	if err == nil || !strings.Contains(err.Error(), keys[0]) || !strings.Contains(out, keys[1]) {
		t.Errorf("get of one that is not there and one that is: %v\n%s", err, out)
	}
	if out := run("clear"); out != "1 fixes removed\n" {
		t.Errorf("clear: %q", out)
	}
	if out := run("stats"); !strings.HasPrefix(out, "0 fixes") {
		t.Errorf("stats after clear: %s", out)
	}
}

func TestRedisFlags(t *testing.T) {
	for _, c := range []struct{ flags, says string }{
		{"", "no Redis is named"},
		{"--redis redis://127.0.0.1:1 --redis-addresses 127.0.0.1:2", "exclude each other"},
		{"--redis redis://127.0.0.1:1 --redis-cluster", "need redis-addresses"},
		{"--redis redis://127.0.0.1:1 --redis-password-file /absent", "redis-password-file"},
		{"--redis rediss://127.0.0.1:1 --redis-ca /absent", "redis-ca"},
		{"--redis rediss://127.0.0.1:1 --redis-ca /dev/null", "holds no certificate"},
		{"--redis rediss://127.0.0.1:1 --redis-cert /absent", "redis-cert"},
		{"--redis redis://127.0.0.1:1", "no answer"},
		{"--redis-addresses 127.0.0.1:1 --redis-tls", "no answer"},
	} {
		_, err := command(t.Context(), append([]string{"cache", "stats"}, strings.Fields(c.flags)...)...)
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("cache stats %s: %v; want %q", c.flags, err, c.says)
		}
	}
}

func TestRedisLimits(t *testing.T) {
	parse := func(args ...string) (cache.RedisOptions, error) {
		var o redisOptions
		flags := pflag.NewFlagSet("", pflag.ContinueOnError)
		o.registerLimits(flags)
		if err := flags.Parse(args); err != nil {
			t.Fatal(err)
		}
		return o.options()
	}
	if o, err := parse("--redis-budget", "20ms", "--redis-pool", "7"); err != nil || o.Budget != 20*time.Millisecond || o.PoolSize != 7 {
		t.Errorf("%+v, %v", o, err)
	}
	if o, err := parse(); err != nil || o.Budget != cache.DefaultBudget {
		t.Errorf("%+v, %v", o, err)
	}
	for _, bad := range []string{"--redis-budget=-1ms", "--redis-budget=1m", "--redis-pool=-1", "--redis-pool=1000000"} {
		if _, err := parse(bad); err == nil || !strings.Contains(err.Error(), "want at most") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}
