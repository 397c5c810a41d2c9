package loadtest

import (
	"fmt"
	"slices"
	"time"
)

// Level is one service level: what is owed, and what was.
type Level struct {
	Name string `json:"name"`
	Want string `json:"want"`
	Got  string `json:"got"`
	Met  bool   `json:"met"`
	// NotJudged: it was not met, and the generator's own lateness may be why.
	NotJudged bool `json:"not_judged,omitempty"`
}

// AnyMissed reports whether a service level was missed for certain.
func (f *Findings) AnyMissed() bool {
	return slices.ContainsFunc(f.SLA, func(l Level) bool { return !l.Met && !l.NotJudged })
}

// levels compares what was measured with what is owed. Cache hits are owed only where enough was sent that could be one.
func (r *run) levels(f *Findings, late time.Duration) (levels []Level) {
	owed := r.SLA
	latency := func(name string, limit time.Duration, l Latency, got float64) {
		if limit > 0 {
			levels = append(levels, timeLevel(name, limit, l.Count, got, late))
		}
	}
	part := func(name string, least, got float64) {
		if least > 0 {
			levels = append(levels, Level{Name: name, Want: fmt.Sprintf("at least %.4g %%", 100*least), Got: fmt.Sprintf("%.2f %%", 100*got), Met: got >= least})
		}
	}
	latency("95th percentile", owed.P95, f.All, f.All.P95)
	latency("99th percentile", owed.P99, f.All, f.All.P99)
	if f.Repeats > 0 {
		latency("95th percentile of hits", owed.HitP95, f.Hit, f.Hit.P95)
	}
	if share(f.Repeats, f.Requests) >= owed.HitRate {
		part("hits", owed.HitRate, f.HitRate)
	}
	part("success", owed.Success, f.SuccessRate)
	return levels
}

// timeLevel judges a percentile, in ms. Lateness of the generator makes latencies longer, never shorter; where it is more
// than a tenth of what is owed, what was missed by less than ten times as much is not judged: a request passes through
// several hands here, each of which may be late.
func timeLevel(name string, limit time.Duration, count int, got float64, late time.Duration) Level {
	most, slack := ms(limit.Microseconds()), 10*ms(late.Microseconds())
	l := Level{Name: name, Want: fmt.Sprintf("at most %g ms", most), Got: "none"}
	if count == 0 {
		return l
	}
	l.Got, l.Met = fmt.Sprintf("%.1f ms", got), got <= most
	l.NotJudged = !l.Met && slack > most && got <= most+slack
	return l
}
