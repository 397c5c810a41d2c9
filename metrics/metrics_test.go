package metrics

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

func TestWorker(t *testing.T) {
	registry := prometheus.NewRegistry()
	w := NewWorker(registry)
	wantMetrics(t, registry, "foxhunt_cache_hit_ratio 0", "foxhunt_cache_hit_ratio")
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			w.InFlight(1)
			w.InFlight(1)
			w.InFlight(-1)
			w.Stage("decode", 700*time.Microsecond)
			w.Batch(3)
			w.Cache(true)
			w.Cache(true)
			w.Cache(true)
			w.Cache(false)
			w.Shared()
			w.Fixed(15 * time.Millisecond)
			w.Dead("bad_rate")
			w.Retried("publish_failed")
		})
	}
	wg.Wait()
	w.Dead("gave_up")
	wantMetrics(t, registry, `
		foxhunt_captures_total 8
		foxhunt_captures_in_flight 4
		foxhunt_fixes_total 4
		foxhunt_dead_letters_total{code="bad_rate"} 4
		foxhunt_dead_letters_total{code="gave_up"} 1
		foxhunt_dead_letters_total{code="kills_workers"} 0
		foxhunt_retries_total{code="deadline"} 0
		foxhunt_retries_total{code="model_failed"} 0
		foxhunt_retries_total{code="panic"} 0
		foxhunt_retries_total{code="publish_failed"} 4
		foxhunt_model_runs_total 4
		foxhunt_model_inferences_total 12
		foxhunt_cache_hits_total 12
		foxhunt_cache_misses_total 4
		foxhunt_cache_shared_total 4
		foxhunt_cache_hit_ratio 0.6`,
		"foxhunt_captures_total", "foxhunt_captures_in_flight", "foxhunt_fixes_total", "foxhunt_dead_letters_total", "foxhunt_retries_total",
		"foxhunt_model_runs_total", "foxhunt_model_inferences_total", "foxhunt_cache_hits_total", "foxhunt_cache_misses_total", "foxhunt_cache_shared_total", "foxhunt_cache_hit_ratio")
	wantHistogram(t, registry, "foxhunt_capture_duration_seconds", 4, 0.06)
	wantHistogram(t, registry, "foxhunt_stage_duration_seconds", 4, 0.0028)
}

func wantHistogram(t *testing.T, registry *prometheus.Registry, name string, count uint64, sum float64) {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
		h := family.GetMetric()[0].GetHistogram()
		if h.GetSampleCount() != count || h.GetSampleSum() < sum*0.999 || h.GetSampleSum() > sum*1.001 {
			t.Errorf("%s holds %d of %g s; want %d of %g s", name, h.GetSampleCount(), h.GetSampleSum(), count, sum)
		}
		return
	}
	t.Errorf("no %s", name)
}

func TestCache(t *testing.T) {
	registry := prometheus.NewRegistry()
	tiers := []CacheTier{
		{Tier: "memory", Hits: 5, Misses: 7, Waited: 0.5, Evictions: 8, Dropped: 9, Entries: 3, Bytes: 4096, Available: true},
		{Tier: "redis", Hits: 1, Misses: 2, Errors: 4, Evictions: -1, Entries: -1, Bytes: -1},
	}
	NewCache(registry, func() []CacheTier { return tiers })
	wantMetrics(t, registry, `
		foxhunt_cache_tier_hits_total{tier="memory"} 5
		foxhunt_cache_tier_hits_total{tier="redis"} 1
		foxhunt_cache_tier_misses_total{tier="memory"} 7
		foxhunt_cache_tier_misses_total{tier="redis"} 2
		foxhunt_cache_tier_errors_total{tier="memory"} 0
		foxhunt_cache_tier_errors_total{tier="redis"} 4
		foxhunt_cache_tier_lookup_seconds_total{tier="memory"} 0.5
		foxhunt_cache_tier_lookup_seconds_total{tier="redis"} 0
		foxhunt_cache_tier_evictions_total{tier="memory"} 8
		foxhunt_cache_tier_dropped_total{tier="memory"} 9
		foxhunt_cache_tier_dropped_total{tier="redis"} 0
		foxhunt_cache_entries{tier="memory"} 3
		foxhunt_cache_bytes{tier="memory"} 4096
		foxhunt_cache_available{tier="memory"} 1
		foxhunt_cache_available{tier="redis"} 0`)
	tiers[0].Hits = 6 // read anew at each scrape
	wantMetrics(t, registry, `
		foxhunt_cache_tier_hits_total{tier="memory"} 6
		foxhunt_cache_tier_hits_total{tier="redis"} 1`, "foxhunt_cache_tier_hits_total")
}

// TestHandler scrapes over HTTP, as Prometheus does.
func TestHandler(t *testing.T) {
	registry := exercised(t)
	server := httptest.NewServer(Handler(registry))
	defer server.Close()
	response, err := http.Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != http.StatusOK || !strings.HasPrefix(response.Header.Get("Content-Type"), "text/plain") {
		t.Errorf("answered %s, %s", response.Status, response.Header.Get("Content-Type"))
	}
	for _, want := range []string{
		"\nfoxhunt_capture_duration_seconds_bucket{le=\"0.5\"} 0\n", "\nfoxhunt_capture_duration_seconds_bucket{le=\"1\"} 1\n",
		"\nfoxhunt_subject_lag_captures{subject=\"captures.net.a\"} 3\n", "\ngo_goroutines ", "\nprocess_start_time_seconds ",
	} {
		if !strings.Contains(string(body), want) {
			t.Errorf("the answer lacks %q", want)
		}
	}
}
