package main

import (
	"bytes"
	"testing"
	"time"

	"foxhunt/messages"
)

// TestHitsAreTheComputedFix sends what is the same capture but for its names, its time and its id: the fix from the cache must
// be the one that is computed when the cache is forbidden, with the default model, in every band and with options.
func TestHitsAreTheComputedFix(t *testing.T) {
	h := newHouse(t)
	process, _ := h.startWorker(t, "--geojson", "--network-propagation-error", "told=3us")
	locate := func(network string, capture *messages.Capture) *messages.Fix {
		t.Helper()
		h.publish(t, captureSubject(network, "b"), encode(t, capture))
		fix := h.nextFix(t)
		fix.CaptureID = ""
		fix.GeoJSON = bytes.ReplaceAll(fix.GeoJSON, []byte(capture.ID), nil)
		return fix
	}
	for i, c := range []struct {
		network   string
		frequency float64
	}{{"band", 77.5e3}, {"band", 7e6}, {"band", 145e6}, {"told", 145e6}} {
		capture, _ := simulated(t, i, 7)
		capture.Frequency = c.frequency
		first := locate(c.network, capture)
		capture.Event, capture.Session = "another", "another"
		for k := range capture.Receivers {
			capture.Receivers[k].Station += "-renamed"
			capture.Receivers[k].StartTime += int64(100*time.Hour + 1)
		}
		cached := locate(c.network, capture)
		capture.Cache = false
		computed := locate(c.network, capture)
		if first.CacheHit || !cached.CacheHit || computed.CacheHit {
			t.Errorf("%s %g Hz: cache_hit is %v, %v, %v", c.network, c.frequency, first.CacheHit, cached.CacheHit, computed.CacheHit)
		}
		if !messages.SameFix(cached, computed) {
			t.Errorf("%s %g Hz: the cached fix and the computed one:\n%+v\n%+v", c.network, c.frequency, cached, computed)
		}
		if cached.Position != first.Position || cached.Budget != first.Budget || len(cached.GeoJSON) == 0 {
			t.Errorf("%s %g Hz: the first fix and the cached one:\n%+v\n%+v", c.network, c.frequency, first, cached)
		}
	}
	for name, want := range map[string]float64{"foxhunt_cache_hits_total": 4, "foxhunt_cache_misses_total": 4, "foxhunt_model_inferences_total": 8} {
		if got, ok := metric(t, process.http.address(), name); !ok || got != want {
			t.Errorf("%s is %v; want %v", name, got, want)
		}
	}
}

// TestTwinsInFlight publishes one capture under many ids at once: it is computed once, and only fixes that the cache knew say so.
func TestTwinsInFlight(t *testing.T) {
	h := newHouse(t)
	capture, _ := simulated(t, 0, 8)
	const twins = 12
	for range twins {
		h.publish(t, captureSubject("demo", "twin"), encode(t, capture))
	}
	process, _ := h.startWorker(t, "--lanes", "6")
	var fixes []*messages.Fix
	saidSo := 0.0
	for range twins {
		fix := h.nextFix(t)
		if fix.CacheHit {
			saidSo++
		}
		fix.CaptureID = ""
		fixes = append(fixes, fix)
		if !messages.SameFix(fix, fixes[0]) {
			t.Errorf("a twin's fix:\n%+v\n%+v", fix, fixes[0])
		}
	}
	count := func(name string) float64 {
		t.Helper()
		value, ok := metric(t, process.http.address(), name)
		if !ok {
			t.Errorf("no %s", name)
		}
		return value
	}
	hits, misses, shared := count("foxhunt_cache_hits_total"), count("foxhunt_cache_misses_total"), count("foxhunt_cache_shared_total")
	if hits != saidSo || misses < 1 || hits+misses+shared != twins || count("foxhunt_model_inferences_total") != misses {
		t.Errorf("%v hits, %v misses, %v shared; %v fixes say cache_hit", hits, misses, shared, saidSo)
	}
	t.Logf("%v hits, %v misses, %v shared", hits, misses, shared)
}
