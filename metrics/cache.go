package metrics

import "github.com/prometheus/client_golang/prometheus"

// CacheSize is what a cache holds.
type CacheSize struct{ Entries, Bytes, Errors float64 }

// NewCache registers the collectors of a cache's size; size is called at each scrape.
func NewCache(r prometheus.Registerer, size func() CacheSize) {
	fromFunc(r, false, "foxhunt_cache_entries", "Fixes held by the in-process cache.", func() float64 { return size().Entries })
	fromFunc(r, false, "foxhunt_cache_bytes", "Memory held by the in-process cache.", func() float64 { return size().Bytes })
	fromFunc(r, true, "foxhunt_cache_errors_total", "Cache calls that failed; each cost a computation, none a fix.", func() float64 { return size().Errors })
}
