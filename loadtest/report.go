package loadtest

import (
	"fmt"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Report is what a run found: about itself, and, unless it is invalid, about the deployment.
type Report struct {
	Started  time.Time `json:"started"`
	Duration float64   `json:"duration_seconds"`
	Options  Asked     `json:"options"`

	GeneratorLate float64 `json:"generator_late_p99_ms"` // how late this process itself woke up
	// Invalid says why nothing is said about the deployment; then there are no findings.
	Invalid string `json:"invalid,omitempty"`
	*Findings
}

// Findings are what a run found out about the deployment.
type Findings struct {
	// Overrun says why an open loop ended early: the deployment does not keep up with the rate.
	Overrun string `json:"overrun,omitempty"`

	Requests    int               `json:"requests"`
	Successes   int               `json:"successes"`
	SuccessRate float64           `json:"success_rate"`
	Failures    map[string]int    `json:"failures"` // by code
	Reasons     map[string]string `json:"failure_examples"`
	Models      map[string]int    `json:"models"` // fixes by model
	Repeats     int               `json:"repeats"`
	Hits        int               `json:"hits"`
	Misses      int               `json:"misses"`
	HitRate     float64           `json:"hit_rate"`
	Throughput  float64           `json:"successes_per_second"`

	All    Latency `json:"latency"`
	Hit    Latency `json:"latency_of_hits"`
	Missed Latency `json:"latency_of_misses"`

	LagBefore *int   `json:"lag_before"` // captures; null: not known
	LagAfter  *int   `json:"lag_after"`
	Ledger    Ledger `json:"ledger"`

	SLA      []Level  `json:"sla"`
	Met      bool     `json:"sla_met"`
	Timeline []Second `json:"timeline"`
}

// Asked is what of the options makes two runs comparable.
type Asked struct {
	Users    int     `json:"users"`
	Requests int     `json:"requests_per_user"`
	Duration float64 `json:"duration_seconds"`
	Ramp     float64 `json:"ramp_seconds"`
	Rate     float64 `json:"rate"`
	Poisson  bool    `json:"poisson"`
	Repeat   float64 `json:"repeat"`
	Timeout  float64 `json:"timeout_seconds"`
	Seed     uint64  `json:"seed"`
}

// Latency is a distribution, in ms.
type Latency struct {
	Count     int     `json:"count"`
	Min       float64 `json:"min_ms"`
	Mean      float64 `json:"mean_ms"`
	Median    float64 `json:"median_ms"`
	P90       float64 `json:"p90_ms"`
	P95       float64 `json:"p95_ms"`
	P99       float64 `json:"p99_ms"`
	Max       float64 `json:"max_ms"`
	Deviation float64 `json:"deviation_ms"`
	// Curve is the latency at the percentiles 0, 1, ... 100.
	Curve []float64 `json:"curve_ms"`
}

// Second is one second of the run.
type Second struct {
	Answered int     `json:"answered"`
	Failed   int     `json:"failed"`
	Median   float64 `json:"median_ms"`
	P95      float64 `json:"p95_ms"`
}

func ms(us int64) float64 { return float64(us) / 1000 }

func latency(h *hdrhistogram.Histogram) Latency {
	l := Latency{
		Count: int(h.TotalCount()), Min: ms(h.Min()), Mean: h.Mean() / 1000, Median: ms(h.ValueAtQuantile(50)), P90: ms(h.ValueAtQuantile(90)),
		P95: ms(h.ValueAtQuantile(95)), P99: ms(h.ValueAtQuantile(99)), Max: ms(h.Max()), Deviation: h.StdDev() / 1000,
	}
	if l.Count == 0 {
		return Latency{}
	}
	for percentile := range 101 {
		l.Curve = append(l.Curve, ms(h.ValueAtQuantile(float64(percentile))))
	}
	return l
}

// tooLate is how late the generator may be at its 99th percentile: a tenth of what the service level allows the answers at
// their 95th, or 50 ms.
func (r *run) tooLate() time.Duration {
	if r.SLA.P95 > 0 {
		return r.SLA.P95 / 10
	}
	return 50 * time.Millisecond
}

func (r *run) report(took time.Duration) *Report {
	late := r.pulse.p99()
	report := &Report{Started: r.recorder.began.UTC(), Duration: took.Seconds(), Options: asked(r.Options), GeneratorLate: ms(late.Microseconds())}
	switch {
	case r.recorder.sent == 0:
		report.Invalid = "nothing was sent"
	case late > r.tooLate():
		report.Invalid = fmt.Sprintf("the generator could not keep up: one in a hundred of its own timers was more than %v late (%v is allowed); run it on a machine with more to spare, or ask for less",
			late.Round(time.Millisecond), r.tooLate())
	default:
		report.Findings = r.findings(took, late)
		if r.overrun != "" && !report.AnyMissed() {
			report.Invalid, report.Findings = r.overrun+"; what was measured until then misses nothing", nil
		}
	}
	return report
}

func (r *run) findings(took, late time.Duration) *Findings {
	c := r.recorder
	f := &Findings{
		Requests: c.sent, Successes: int(c.all.TotalCount()), Failures: c.failures, Reasons: c.reasons, Models: c.models,
		Repeats: c.repeats, Hits: int(c.hits.TotalCount()), Misses: int(c.misses.TotalCount()),
		Overrun: r.overrun, All: latency(c.all), Hit: latency(c.hits), Missed: latency(c.misses),
	}
	f.SuccessRate = share(f.Successes, f.Requests)
	f.HitRate = share(f.Hits, f.Successes)
	f.Throughput = float64(f.Successes) / took.Seconds()
	for _, s := range c.seconds {
		f.Timeline = append(f.Timeline, Second{s.answered, s.failed, ms(s.latency.ValueAtQuantile(50)), ms(s.latency.ValueAtQuantile(95))})
	}
	f.SLA, f.Met = r.levels(f, late), r.overrun == ""
	for _, level := range f.SLA {
		f.Met = f.Met && level.Met
	}
	return f
}

func asked(o Options) Asked {
	return Asked{o.Users, o.Requests, o.Duration.Seconds(), o.Ramp.Seconds(), o.Rate, o.Poisson, o.Repeat, o.Timeout.Seconds(), o.Seed}
}

func share(part, of int) float64 {
	if of == 0 {
		return 0
	}
	return float64(part) / float64(of)
}
