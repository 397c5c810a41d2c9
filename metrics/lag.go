package metrics

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Lag is how far the workers are behind, read at one moment. Ages and times are in seconds; nil is not known.
type Lag struct {
	Subjects map[string]SubjectLag // by concrete subject: all with captures or dead letters

	Pending            float64  // captures that no worker has been handed
	InFlight           float64  // captures handed out and not yet settled
	Redelivered        float64  // captures in flight that were delivered more than once
	Dead               float64  // captures delivered as often as allowed and not yet among the dead letters
	OldestAge          *float64 // of the oldest capture
	Companions         float64  // captures that wait for others of their event, and for no worker
	EventsOpen         *float64 // events whose captures are coming together; nil: not known, and so are those that wait
	OldestCompanionAge *float64 // of the oldest capture that waits for others of its event
	Drain              *float64 // until none waits for a worker at the present pace; +Inf: never

	Arrived   float64 // captures stored since the stream was made
	Completed float64 // of them, those that are gone

	Streams []Stream
}

// SubjectLag is the lag of one subject.
type SubjectLag struct {
	Captures    float64  // in the stream: waiting, in flight and dead
	Companions  float64  // of them, those that wait for others of their event
	InFlight    *float64 // of them, those handed to workers
	OldestAge   *float64
	DeadLetters float64
}

// Stream is how full a stream is.
type Stream struct {
	Name            string
	Messages, Bytes float64
	Limit           float64 // bytes; below 0: none
}

// LagCollector serves the last lag that was read, while this process leads: a failed reading keeps the last values and
// clears the up gauge; a subject that has drained is shown with an explicit zero. One that stands by serves nothing but
// that, so that sums over all processes count nothing twice. Its methods are safe for concurrent use.
type LagCollector struct {
	mu      sync.Mutex
	leads   bool
	last    Lag
	names   names
	read    time.Time     // of the last reading that succeeded in this term
	took    time.Duration // the last reading, successful or not; 0: none yet
	up      bool
	subject subjectDescs

	leader, upDesc, readDesc, tookDesc                                     *prometheus.Desc
	pending, inFlight, redelivered, dead, oldest, drain, arrived, complete *prometheus.Desc
	companions, events, oldestCompanion                                    *prometheus.Desc
	messages, bytes, limit                                                 *prometheus.Desc
}

// NewLag registers a collector that shows at most limit subjects by name, the rest as one. It stands by until told to lead.
func NewLag(r prometheus.Registerer, limit int) *LagCollector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, labels, nil)
	}
	c := &LagCollector{
		names:           names{limit: limit},
		subject:         newSubjectDescs(),
		leader:          desc("foxhunt_exporter_leader", "1 when this process is the one that serves the lag, 0 when it stands by."),
		upDesc:          desc("foxhunt_lag_up", "1 when the last reading of the lag succeeded, else 0."),
		readDesc:        desc("foxhunt_lag_last_success_timestamp_seconds", "When the lag was last read."),
		tookDesc:        desc("foxhunt_lag_poll_duration_seconds", "How long the last reading of the lag took."),
		pending:         desc("foxhunt_consumer_pending_captures", "Captures that no worker has been handed yet."),
		inFlight:        desc("foxhunt_consumer_in_flight_captures", "Captures handed to workers and not yet settled, those that wait for companions among them."),
		companions:      desc("foxhunt_consumer_waiting_for_companions_captures", "Captures that wait for those of other stations, and for no worker; absent where that is not known."),
		events:          desc("foxhunt_events_open", "Events whose captures are coming together, or whose fix is being made; absent where that is not known."),
		redelivered:     desc("foxhunt_consumer_redelivered_captures", "Captures in flight that were delivered more than once."),
		dead:            desc("foxhunt_consumer_dead_captures", "Captures in no pending count for three readings: delivered as often as allowed and not yet among the dead letters."),
		oldest:          desc("foxhunt_consumer_oldest_age_seconds", "Age of the oldest capture without a fix; absent when there is none."),
		oldestCompanion: desc("foxhunt_consumer_oldest_companion_age_seconds", "Age of the oldest capture that waits for those of other stations, and for no worker; absent where there is none, or that is not known."),
		drain:           desc("foxhunt_consumer_drain_seconds", "Time until no capture waits for a worker at the pace of the last minute; +Inf when they do not get fewer, or would take more than a week."),
		arrived:         desc("foxhunt_stream_arrived_captures_total", "Captures stored since the stream was made."),
		complete:        desc("foxhunt_stream_completed_captures_total", "Captures that left the stream since it was made: fixed, dead letters, or purged."),
		messages:        desc("foxhunt_stream_messages", "Messages in a stream.", "stream"),
		bytes:           desc("foxhunt_stream_bytes", "Bytes in a stream.", "stream"),
		limit:           desc("foxhunt_stream_limit_bytes", "Bytes at which a stream is full: captures are then refused, the oldest dead letters dropped.", "stream"),
	}
	r.MustRegister(c)
	return c
}

// Lead says that this process serves the lag from now on. StandBy takes it back, and what was read is forgotten.
func (c *LagCollector) Lead() { c.begin(true) }

// StandBy is the state of a new collector.
func (c *LagCollector) StandBy() { c.begin(false) }

func (c *LagCollector) begin(leads bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.leads, c.up, c.last, c.read, c.took = leads, false, Lag{}, time.Time{}, 0
	c.names = names{limit: c.names.limit}
}

// Set takes a new reading, and how long it took.
func (c *LagCollector) Set(lag Lag, took time.Duration) {
	lag.Subjects = labelled(lag.Subjects)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last, c.read, c.took, c.up = lag, time.Now(), took, true
	c.names.admit(lag.Subjects)
}

// Failed says that a reading failed, and after how long; the last one stays.
func (c *LagCollector) Failed(took time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.up, c.took = false, took
}

// Describe implements [prometheus.Collector].
func (c *LagCollector) Describe(descs chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.leader, c.upDesc, c.readDesc, c.tookDesc, c.pending, c.inFlight, c.redelivered, c.dead, c.oldest,
		c.drain, c.arrived, c.complete, c.messages, c.bytes, c.limit, c.companions, c.events, c.oldestCompanion, c.subject.lag, c.subject.companions, c.subject.inFlight, c.subject.age, c.subject.letters} {
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
	emit(c.leader, number(c.leads))
	if !c.leads {
		return
	}
	emit(c.upDesc, number(c.up))
	if c.took > 0 {
		emit(c.tookDesc, c.took.Seconds())
	}
	if c.read.IsZero() {
		return
	}
	emit(c.readDesc, float64(c.read.UnixNano())/1e9)
	c.collectConsumer(emit)
	out <- prometheus.MustNewConstMetric(c.arrived, prometheus.CounterValue, c.last.Arrived)
	out <- prometheus.MustNewConstMetric(c.complete, prometheus.CounterValue, c.last.Completed)
	c.subject.collect(c.last.Subjects, c.names, c.last.EventsOpen != nil, emit)
	for _, s := range c.last.Streams {
		emit(c.messages, s.Messages, s.Name)
		emit(c.bytes, s.Bytes, s.Name)
		if s.Limit >= 0 {
			emit(c.limit, s.Limit, s.Name)
		}
	}
}

func (c *LagCollector) collectConsumer(emit func(d *prometheus.Desc, v float64, labels ...string)) {
	emit(c.pending, c.last.Pending)
	emit(c.inFlight, c.last.InFlight)
	emit(c.redelivered, c.last.Redelivered)
	emit(c.dead, c.last.Dead)
	if c.last.EventsOpen != nil {
		emit(c.companions, c.last.Companions)
		emit(c.events, *c.last.EventsOpen)
	}
	if c.last.OldestAge != nil {
		emit(c.oldest, *c.last.OldestAge)
	}
	if c.last.OldestCompanionAge != nil {
		emit(c.oldestCompanion, *c.last.OldestCompanionAge)
	}
	if c.last.Drain != nil {
		emit(c.drain, *c.last.Drain)
	}
}
