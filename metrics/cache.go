package metrics

import "github.com/prometheus/client_golang/prometheus"

// CacheTier is what one tier of a cache holds and has done.
type CacheTier struct {
	Tier                 string
	Hits, Misses, Errors float64
	Waited               float64 // s that all look-ups took together
	Dropped              float64
	Evictions            float64 // below 0: not known
	Entries, Bytes       float64 // below 0: not known
	Available            bool
}

// cacheCollector asks the cache at each scrape.
type cacheCollector struct {
	tiers                                                                           func() []CacheTier
	hits, misses, errors, waited, evictions, dropped, entries, bytes, availableDesc *prometheus.Desc
}

// NewCache registers the collector of a cache's tiers.
func NewCache(r prometheus.Registerer, tiers func() []CacheTier) {
	desc := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, []string{"tier"}, nil)
	}
	r.MustRegister(&cacheCollector{
		tiers:         tiers,
		hits:          desc("foxhunt_cache_tier_hits_total", "Look-ups that this tier answered."),
		misses:        desc("foxhunt_cache_tier_misses_total", "Look-ups that this tier did not know."),
		errors:        desc("foxhunt_cache_tier_errors_total", "Calls that failed; each cost a computation, none a fix."),
		waited:        desc("foxhunt_cache_tier_lookup_seconds_total", "Time that this tier's look-ups took."),
		evictions:     desc("foxhunt_cache_tier_evictions_total", "Fixes thrown out to make room, where the tier knows; not those whose time was over."),
		dropped:       desc("foxhunt_cache_tier_dropped_total", "Fixes not stored: there was no room, or the tier did not answer."),
		entries:       desc("foxhunt_cache_entries", "Fixes that the tier holds, where it knows."),
		bytes:         desc("foxhunt_cache_bytes", "Memory that the tier holds, where it knows."),
		availableDesc: desc("foxhunt_cache_available", "1 while the tier is asked, 0 while it is left alone because it failed."),
	})
}

// Describe implements [prometheus.Collector].
func (c *cacheCollector) Describe(descs chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.hits, c.misses, c.errors, c.waited, c.evictions, c.dropped, c.entries, c.bytes, c.availableDesc} {
		descs <- d
	}
}

// Collect implements [prometheus.Collector].
func (c *cacheCollector) Collect(out chan<- prometheus.Metric) {
	for _, t := range c.tiers() {
		emit := func(d *prometheus.Desc, kind prometheus.ValueType, v float64) {
			if v >= 0 {
				out <- prometheus.MustNewConstMetric(d, kind, v, t.Tier)
			}
		}
		emit(c.hits, prometheus.CounterValue, t.Hits)
		emit(c.misses, prometheus.CounterValue, t.Misses)
		emit(c.errors, prometheus.CounterValue, t.Errors)
		emit(c.waited, prometheus.CounterValue, t.Waited)
		emit(c.evictions, prometheus.CounterValue, t.Evictions)
		emit(c.dropped, prometheus.CounterValue, t.Dropped)
		emit(c.entries, prometheus.GaugeValue, t.Entries)
		emit(c.bytes, prometheus.GaugeValue, t.Bytes)
		emit(c.availableDesc, prometheus.GaugeValue, number(t.Available))
	}
}
