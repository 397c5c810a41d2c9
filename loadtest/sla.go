package loadtest

import (
	"fmt"
	"time"
)

// Level is one service level: what is owed, and what was.
type Level struct {
	Name string `json:"name"`
	Want string `json:"want"`
	Got  string `json:"got"`
	Met  bool   `json:"met"`
}

// levels compares what was measured with what is owed.
func (r *run) levels(report *Report) (levels []Level) {
	owed := r.SLA
	time := func(name string, limit time.Duration, l Latency, got float64) {
		if limit > 0 {
			most := float64(limit.Microseconds()) / 1000
			levels = append(levels, Level{name, fmt.Sprintf("at most %g ms", most), fmt.Sprintf("%.1f ms", got), l.Count > 0 && got <= most})
		}
	}
	part := func(name string, least, got float64) {
		if least > 0 {
			levels = append(levels, Level{name, fmt.Sprintf("at least %.4g %%", 100*least), fmt.Sprintf("%.2f %%", 100*got), got >= least})
		}
	}
	time("95th percentile", owed.P95, report.All, report.All.P95)
	time("99th percentile", owed.P99, report.All, report.All.P99)
	if r.Repeat > 0 {
		time("95th percentile of hits", owed.HitP95, report.Hit, report.Hit.P95)
	}
	if r.Repeat >= owed.HitRate {
		part("hits", owed.HitRate, report.HitRate)
	}
	part("success", owed.Success, report.SuccessRate)
	return levels
}
