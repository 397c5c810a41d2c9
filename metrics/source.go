package metrics

import "github.com/prometheus/client_golang/prometheus"

// Source is what a worker has fetched from the stream.
type Source struct {
	Redelivered, Repeated, Overtaken, Interruptions float64
	Waiting, HeldBytes                              float64
}

// sourceCollector asks the source at each scrape.
type sourceCollector struct {
	stats                                                              func() Source
	redelivered, repeated, overtaken, interruptions, waiting, heldDesc *prometheus.Desc
}

// NewSource registers the collector of a worker's source.
func NewSource(r prometheus.Registerer, stats func() Source) {
	desc := func(name, help string) *prometheus.Desc { return prometheus.NewDesc(name, help, nil, nil) }
	r.MustRegister(&sourceCollector{
		stats:         stats,
		redelivered:   desc("foxhunt_source_redelivered_total", "Captures fetched that had been delivered before, to any worker."),
		repeated:      desc("foxhunt_source_repeated_total", "Deliveries of captures that this worker had in hand already; they were handed out once."),
		overtaken:     desc("foxhunt_source_overtaken_total", "Captures taken out of turn, because those of other stations made them wait."),
		interruptions: desc("foxhunt_source_interruptions_total", "Times that fetching failed and was taken up again."),
		waiting:       desc("foxhunt_source_waiting_captures", "Captures fetched that wait for a lane."),
		heldDesc:      desc("foxhunt_source_held_bytes", "Captures fetched and not settled, waiting or in a lane."),
	})
}

// Describe implements [prometheus.Collector].
func (c *sourceCollector) Describe(descs chan<- *prometheus.Desc) {
	prometheus.DescribeByCollect(c, descs)
}

// Collect implements [prometheus.Collector].
func (c *sourceCollector) Collect(out chan<- prometheus.Metric) {
	s := c.stats()
	emit := func(d *prometheus.Desc, kind prometheus.ValueType, v float64) {
		out <- prometheus.MustNewConstMetric(d, kind, v)
	}
	emit(c.redelivered, prometheus.CounterValue, s.Redelivered)
	emit(c.repeated, prometheus.CounterValue, s.Repeated)
	emit(c.overtaken, prometheus.CounterValue, s.Overtaken)
	emit(c.interruptions, prometheus.CounterValue, s.Interruptions)
	emit(c.waiting, prometheus.GaugeValue, s.Waiting)
	emit(c.heldDesc, prometheus.GaugeValue, s.HeldBytes)
}
