package doctor

import (
	"slices"
	"time"
)

// checkAckWait compares AckWait with how long a capture is with a worker: what a worker fetches ahead, which is bounded to
// a quarter of AckWait and to a second, and what it takes to locate, as the last fixes say.
func checkAckWait(f *Facts) []Finding {
	const code = "ack_wait"
	c := workersOf(f)
	if c == nil {
		return nil
	}
	wait := c.Info.Config.AckWait
	if backoff := c.Info.Config.BackOff; len(backoff) > 0 { // the server goes by it instead
		wait = slices.Min(backoff)
	}
	service, n := serviceTime(f)
	if n == 0 {
		if wait < c.Want.AckWait {
			return []Finding{finding(code, Info, "AckWait is %v, not %v; no fixes to measure the service time by", wait, c.Want.AckWait)}
		}
		return []Finding{finding(code, OK, "AckWait is %v; no fixes to measure the service time by", wait)}
	}
	held := min(wait/4, time.Second) + service
	severity := OK
	switch {
	case held > wait:
		severity = Error
	case held > wait/2:
		severity = Warning
	}
	return []Finding{finding(code, severity, "AckWait is %v; of the last %d captures 99 %% were located within %v, and may have waited %v before",
		wait, n, service.Round(time.Millisecond), min(wait/4, time.Second))}
}

// serviceTime is the 99th percentile of the time that the last n fixes took, from the capture's arrival at the worker.
func serviceTime(f *Facts) (p99 time.Duration, n int) {
	if !f.Fixes.seen() || len(f.Fixes.Value.Recent) == 0 {
		return 0, 0
	}
	var times []time.Duration
	for _, fix := range f.Fixes.Value.Recent {
		times = append(times, time.Duration(fix.Inference*float64(time.Millisecond)))
	}
	slices.Sort(times)
	return times[(len(times)*99-1)/100], len(times)
}
