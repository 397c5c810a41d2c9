package metrics

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Lag is how far the workers are behind, read at one moment.
type Lag struct {
	Subjects    map[string]float64       // captures in the stream: waiting, in flight and dead, by concrete subject
	Pending     float64                  // captures that no worker has been handed
	InFlight    float64                  // captures handed out and not yet settled
	Redelivered float64                  // captures in flight that were delivered more than once
	Dead        float64                  // captures delivered as often as allowed and not yet among the dead letters
	OldestAge   map[string]time.Duration // age of the oldest capture, for the worst subjects
}

// otherSubjects is the label under which the subjects beyond the limit are summed up.
const otherSubjects = "other"

// LagCollector serves the last lag that was read: a failed reading keeps the last values and clears the up gauge; a
// subject that has drained is shown with an explicit zero. Its methods are safe for concurrent use.
type LagCollector struct {
	mu    sync.Mutex
	limit int
	last  Lag
	known map[string]struct{} // subjects shown by name
	read  time.Time           // of the last reading that succeeded
	up    bool

	lag, age, pending, inFlight, redelivered, dead, upDesc, readDesc *prometheus.Desc
}

// NewLag registers a collector that shows at most limit subjects by name, the rest as one.
func NewLag(r prometheus.Registerer, limit int) *LagCollector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, labels, nil)
	}
	c := &LagCollector{
		limit: limit, known: make(map[string]struct{}),
		lag:         desc("foxhunt_subject_lag_captures", "Captures in the stream without a fix, by subject; drained subjects are 0.", "subject"),
		age:         desc("foxhunt_subject_oldest_age_seconds", "Age of the oldest capture without a fix, for the subjects furthest behind.", "subject"),
		pending:     desc("foxhunt_consumer_pending_captures", "Captures that no worker has been handed yet."),
		inFlight:    desc("foxhunt_consumer_in_flight_captures", "Captures handed to workers and not yet settled."),
		redelivered: desc("foxhunt_consumer_redelivered_captures", "Captures in flight that were delivered more than once."),
		dead:        desc("foxhunt_consumer_dead_captures", "Captures in no pending count: delivered as often as allowed and not yet among the dead letters; believe it when it persists."),
		upDesc:      desc("foxhunt_lag_up", "1 when the last reading of the lag succeeded, else 0."),
		readDesc:    desc("foxhunt_lag_last_success_timestamp_seconds", "When the lag was last read."),
	}
	r.MustRegister(c)
	return c
}

// Set takes a new reading; its maps are the collector's from now on.
func (c *LagCollector) Set(lag Lag) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last, c.read, c.up = lag, time.Now(), true
	c.admit()
}

// admit gives new subjects a name in the metrics, those furthest behind first. When all names are taken, a subject that
// has drained gives up its own: sources come and go, and those that are gone must not hide those that are there.
func (c *LagCollector) admit() {
	var strangers []string
	for subject := range c.last.Subjects {
		if _, known := c.known[subject]; !known {
			strangers = append(strangers, subject)
		}
	}
	slices.SortFunc(strangers, func(a, b string) int {
		return cmp.Or(cmp.Compare(c.last.Subjects[b], c.last.Subjects[a]), cmp.Compare(a, b))
	})
	for _, subject := range strangers {
		if len(c.known) >= c.limit && !c.forgetDrained() {
			return
		}
		c.known[subject] = struct{}{}
	}
}

// forgetDrained makes room for one subject, if any has drained.
func (c *LagCollector) forgetDrained() bool {
	for subject := range c.known {
		if c.last.Subjects[subject] == 0 {
			delete(c.known, subject)
			return true
		}
	}
	return false
}

// Failed says that a reading failed; the last one stays.
func (c *LagCollector) Failed() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.up = false
}

// Describe implements [prometheus.Collector].
func (c *LagCollector) Describe(descs chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.lag, c.age, c.pending, c.inFlight, c.redelivered, c.dead, c.upDesc, c.readDesc} {
		descs <- d
	}
}

// Collect implements [prometheus.Collector]. Before the first reading it tells only that there was none.
func (c *LagCollector) Collect(out chan<- prometheus.Metric) {
	c.mu.Lock()
	defer c.mu.Unlock()
	emit := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	emit(c.upDesc, number(c.up))
	if c.read.IsZero() {
		return
	}
	emit(c.readDesc, float64(c.read.UnixNano())/1e9)
	emit(c.pending, c.last.Pending)
	emit(c.inFlight, c.last.InFlight)
	emit(c.redelivered, c.last.Redelivered)
	emit(c.dead, c.last.Dead)
	c.collectSubjects(emit)
}

func (c *LagCollector) collectSubjects(emit func(d *prometheus.Desc, v float64, labels ...string)) {
	for subject := range c.known {
		emit(c.lag, c.last.Subjects[subject], subject)
	}
	if len(c.known) >= c.limit {
		var other float64
		for subject, lag := range c.last.Subjects {
			if _, known := c.known[subject]; !known {
				other += lag
			}
		}
		emit(c.lag, other, otherSubjects)
	}
	for subject, age := range c.last.OldestAge {
		if _, known := c.known[subject]; known {
			emit(c.age, age.Seconds(), subject)
		}
	}
}
