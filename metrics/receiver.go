package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// ReceiverState is how a station does at a moment.
type ReceiverState struct {
	Level, Peak, Clipped float64 // dBFS, dBFS, share
	Rate, TimeSigma      float64 // Hz, s
	LastSample           time.Time
	Samples, Lost, Gaps  float64

	Clock                    bool // there is one: what follows is of it
	ClockOffset, ClockSigma  float64
	ClockSynchronized        bool
	Connected                bool
	Scheduled, Triggered     float64
	Requested, Missed        float64
	Waiting, InFlight, Aside float64
	Bytes, MaxBytes          float64
	OldestAge                float64 // s; 0: none
	Sequence                 float64
	Put, Sent, Failed        float64
	TooOld, NoRoom           float64
	Unwritten, Unfit         float64
	Refused, Damaged         float64
	Asked                    RequestCounts
}

// RequestCounts is what became of the requests that a station heard.
type RequestCounts struct{ Accepted, Refused, Malformed, Limited float64 }

// receiverValue is a metric that is read off the state; label is a value of the metric's one label, if it has one.
type receiverValue struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	read  func(*ReceiverState) float64
	label []string
}

// receiverCollector asks the station at each scrape.
type receiverCollector struct {
	state         func() ReceiverState
	always, timed []receiverValue // timed: where there is a clock
}

// NewReceiver registers the collectors of a station. pubAck is to be told how long each PubAck took.
func NewReceiver(r prometheus.Registerer, state func() ReceiverState) (pubAck func(time.Duration)) {
	c := &receiverCollector{state: state}
	c.always = append(c.always, receiverValues()...)
	c.always = append(c.always, spoolValues()...)
	c.always = append(c.always, requestValues()...)
	c.timed = clockValues()
	duration := prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "foxhunt_receiver_puback_duration_seconds", Buckets: latencyBuckets,
		Help: "From sending a capture to its PubAck."})
	r.MustRegister(c, duration)
	return func(took time.Duration) { duration.Observe(took.Seconds()) }
}

// gaugeOf and counterOf are values without a label.
func gaugeOf(name, help string, read func(*ReceiverState) float64) receiverValue {
	return receiverValue{prometheus.NewDesc(name, help, nil, nil), prometheus.GaugeValue, read, nil}
}

func counterOf(name, help string, read func(*ReceiverState) float64) receiverValue {
	return receiverValue{prometheus.NewDesc(name, help, nil, nil), prometheus.CounterValue, read, nil}
}

func receiverValues() []receiverValue {
	return append([]receiverValue{
		gaugeOf("foxhunt_receiver_level_dbfs", "Mean power of the last second; 0 is a tone of full scale, -Inf silence.", func(s *ReceiverState) float64 { return s.Level }),
		gaugeOf("foxhunt_receiver_peak_dbfs", "The highest power of a hundredth of a second within it.", func(s *ReceiverState) float64 { return s.Peak }),
		gaugeOf("foxhunt_receiver_clipped_ratio", "Share of its samples at the end of the scale.", func(s *ReceiverState) float64 { return s.Clipped }),
		gaugeOf("foxhunt_receiver_sample_rate_hertz", "The true sample rate, as measured.", func(s *ReceiverState) float64 { return s.Rate }),
		gaugeOf("foxhunt_receiver_time_sigma_seconds", "Standard deviation of the samples' times, without the clock's.", func(s *ReceiverState) float64 { return s.TimeSigma }),
		gaugeOf("foxhunt_receiver_last_sample_timestamp_seconds", "Time of the last sample; 0 before the first.", func(s *ReceiverState) float64 { return unix(s.LastSample) }),
		counterOf("foxhunt_receiver_samples_total", "Samples that came.", func(s *ReceiverState) float64 { return s.Samples }),
		counterOf("foxhunt_receiver_lost_samples_total", "Samples that were lost, as far as can be told.", func(s *ReceiverState) float64 { return s.Lost }),
		counterOf("foxhunt_receiver_gaps_total", "Times that the samples were interrupted.", func(s *ReceiverState) float64 { return s.Gaps }),
		gaugeOf("foxhunt_receiver_connected", "1 while there is a connection to NATS, else 0.", func(s *ReceiverState) float64 { return number(s.Connected) }),
		counterOf("foxhunt_receiver_missed_captures_total", "Captures that were due, and of which not all samples came.", func(s *ReceiverState) float64 { return s.Missed }),
	}, labelledValues("foxhunt_receiver_captures_total", "Captures cut, by what they were cut for.", "cause", map[string]func(*ReceiverState) float64{
		"schedule": func(s *ReceiverState) float64 { return s.Scheduled },
		"level":    func(s *ReceiverState) float64 { return s.Triggered },
		"request":  func(s *ReceiverState) float64 { return s.Requested },
	})...)
}

func spoolValues() []receiverValue {
	return append([]receiverValue{
		gaugeOf("foxhunt_receiver_spool_captures", "Captures that wait on the disk, and that are sent and not confirmed.", func(s *ReceiverState) float64 { return s.Waiting + s.InFlight }),
		gaugeOf("foxhunt_receiver_spool_aside_captures", "Captures that were set aside and are not sent.", func(s *ReceiverState) float64 { return s.Aside }),
		gaugeOf("foxhunt_receiver_spool_bytes", "Bytes in the spool.", func(s *ReceiverState) float64 { return s.Bytes }),
		gaugeOf("foxhunt_receiver_spool_limit_bytes", "Bytes at which the oldest captures are dropped.", func(s *ReceiverState) float64 { return s.MaxBytes }),
		gaugeOf("foxhunt_receiver_spool_oldest_age_seconds", "How long the oldest capture has been in the spool; 0 where there is none.", func(s *ReceiverState) float64 { return s.OldestAge }),
		gaugeOf("foxhunt_receiver_sequence", "The number of the last capture.", func(s *ReceiverState) float64 { return s.Sequence }),
		counterOf("foxhunt_receiver_spooled_captures_total", "Captures written to the disk.", func(s *ReceiverState) float64 { return s.Put }),
		counterOf("foxhunt_receiver_sent_captures_total", "Captures that the stream confirmed.", func(s *ReceiverState) float64 { return s.Sent }),
		counterOf("foxhunt_receiver_failures_total", "Attempts to send a capture that failed.", func(s *ReceiverState) float64 { return s.Failed }),
	}, labelledValues("foxhunt_receiver_dropped_captures_total", "Captures that will not be sent, by the reason.", "reason", map[string]func(*ReceiverState) float64{
		"age":       func(s *ReceiverState) float64 { return s.TooOld },
		"room":      func(s *ReceiverState) float64 { return s.NoRoom },
		"unwritten": func(s *ReceiverState) float64 { return s.Unwritten },
		"unfit":     func(s *ReceiverState) float64 { return s.Unfit },
		"refused":   func(s *ReceiverState) float64 { return s.Refused },
		"damaged":   func(s *ReceiverState) float64 { return s.Damaged },
	})...)
}

func clockValues() []receiverValue {
	return []receiverValue{
		gaugeOf("foxhunt_receiver_clock_offset_seconds", "What has to be added to this machine's time, as far as its clock's keeper knows.", func(s *ReceiverState) float64 { return s.ClockOffset }),
		gaugeOf("foxhunt_receiver_clock_sigma_seconds", "Standard deviation of this machine's clock.", func(s *ReceiverState) float64 { return s.ClockSigma }),
		gaugeOf("foxhunt_receiver_clock_synchronized", "1 while something keeps this machine's clock in time, else 0.", func(s *ReceiverState) float64 { return number(s.ClockSynchronized) }),
	}
}

func requestValues() []receiverValue {
	return labelledValues("foxhunt_receiver_requests_total", "Requests for captures that were heard, by what became of them.", "outcome", map[string]func(*ReceiverState) float64{
		"accepted":  func(s *ReceiverState) float64 { return s.Asked.Accepted },
		"refused":   func(s *ReceiverState) float64 { return s.Asked.Refused },
		"malformed": func(s *ReceiverState) float64 { return s.Asked.Malformed },
		"limited":   func(s *ReceiverState) float64 { return s.Asked.Limited },
	})
}

// labelledValues are counters that share a name.
func labelledValues(name, help, label string, reads map[string]func(*ReceiverState) float64) (values []receiverValue) {
	desc := prometheus.NewDesc(name, help, []string{label}, nil)
	for value, read := range reads {
		values = append(values, receiverValue{desc, prometheus.CounterValue, read, []string{value}})
	}
	return values
}

// unix is 0 for no time.
func unix(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixNano()) / 1e9
}

// Describe implements [prometheus.Collector].
func (c *receiverCollector) Describe(descs chan<- *prometheus.Desc) {
	for _, values := range [][]receiverValue{c.always, c.timed} {
		for _, v := range values {
			descs <- v.desc
		}
	}
}

// Collect implements [prometheus.Collector].
func (c *receiverCollector) Collect(out chan<- prometheus.Metric) {
	state := c.state()
	values := c.always
	if state.Clock {
		values = append(values[:len(values):len(values)], c.timed...)
	}
	for _, v := range values {
		out <- prometheus.MustNewConstMetric(v.desc, v.kind, v.read(&state), v.label...)
	}
}
