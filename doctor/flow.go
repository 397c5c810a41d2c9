package doctor

import (
	"slices"
	"time"
)

// last is the latest reading of the lag.
func last(f *Facts) Reading { return f.Readings.Value[len(f.Readings.Value)-1] }

// looked is the time between the first and the last reading.
func looked(f *Facts) time.Duration { return last(f).Time.Sub(f.Readings.Value[0].Time) }

// checkWorkers also speaks for the other rules about the flow of captures where it could not be seen.
func checkWorkers(f *Facts) []Finding {
	const code = "workers"
	if !f.Readings.seen() {
		return []Finding{unknown(code, f.Readings.Err, "make the streams (stream_missing), or allow this user to publish $JS.API.STREAM.INFO.>, "+
			"$JS.API.CONSUMER.INFO.> and $JS.API.DIRECT.GET.>")}
	}
	first, now := f.Readings.Value[0], last(f)
	idle := !slices.ContainsFunc(f.Readings.Value, func(r Reading) bool { return r.Waiting > 0 })
	holds := slices.ContainsFunc(f.Readings.Value, func(r Reading) bool { return r.InFlight > 0 })
	moved := now.Delivered != first.Delivered || now.Completed != first.Completed
	switch {
	case !idle:
		return []Finding{finding(code, OK, "%d pulls of workers are open", now.Waiting)}
	case !holds && !moved && now.Pending > 0:
		return []Finding{finding(code, Error, "no worker pulls, and %d captures wait", now.Pending)}
	case !holds && !moved:
		return []Finding{finding(code, Warning, "no worker pulls; no captures wait")}
	case !moved:
		return []Finding{finding(code, Warning, "workers hold %d captures and settled none for %v", now.InFlight, looked(f).Round(time.Second)).
			mend("see the workers' logs; if they are gone, the captures come again after AckWait")}
	}
	return []Finding{finding(code, OK, "workers are busy: %d captures in hand", now.InFlight)}
}

// leastGrowth is how many captures more make a growing lag; fewer come and go.
const leastGrowth = 10

func checkLag(f *Facts) []Finding {
	const code = "lag"
	if !f.Readings.seen() {
		return nil
	}
	readings, now := f.Readings.Value, last(f)
	growing := len(readings) >= 3
	for i := 1; i < len(readings); i++ {
		growing = growing && readings[i].Total > readings[i-1].Total
	}
	if grown := int64(now.Total - readings[0].Total); growing && grown >= leastGrowth {
		return []Finding{finding(code, Warning, "the lag grew from %d to %d captures in %v, by %.1f a second",
			readings[0].Total, now.Total, looked(f).Round(100*time.Millisecond), float64(grown)/looked(f).Seconds())}
	}
	return []Finding{finding(code, OK, "%d captures wait, %d are with workers", now.Pending, now.InFlight)}
}

// Ages of the oldest capture from which on it is worth knowing, a warning, and an error.
const (
	oldCapture     = time.Minute
	veryOldCapture = 10 * time.Minute
	ancientCapture = time.Hour
)

func checkOldest(f *Facts) []Finding {
	const code = "oldest_capture"
	if !f.Readings.seen() {
		return nil
	}
	age := last(f).OldestAge
	if age == nil {
		return []Finding{finding(code, OK, "no capture waits")}
	}
	oldest := time.Duration(*age * float64(time.Second))
	severity := OK
	switch {
	case oldest > ancientCapture:
		severity = Error
	case oldest > veryOldCapture:
		severity = Warning
	case oldest > oldCapture:
		severity = Info
	}
	return []Finding{finding(code, severity, "the oldest capture has waited %v", oldest.Round(time.Second))}
}

// checkDead believes in dead captures that are there in every reading; a single one may count those on their way.
func checkDead(f *Facts) []Finding {
	const code = "dead_captures"
	if !f.Readings.seen() {
		return nil
	}
	least := last(f).Dead
	for _, r := range f.Readings.Value {
		least = min(least, r.Dead)
	}
	if least > 0 {
		return []Finding{finding(code, Error, "%d captures were delivered as often as they may be, and lie there still", least)}
	}
	return []Finding{finding(code, OK, "no capture lies there that will not be delivered again")}
}

func checkAdvisories(f *Facts) []Finding {
	const code = "advisories"
	if !f.Readings.seen() {
		return nil
	}
	first, now := f.Readings.Value[0], last(f)
	if first.Advisories > 0 && now.Advisories > 0 && now.AdvisoriesSettled == first.AdvisoriesSettled {
		return []Finding{finding(code, Warning, "%d advisories wait, and none was dealt with for %v", now.Advisories, looked(f).Round(time.Second))}
	}
	return []Finding{finding(code, OK, "%d advisories wait", now.Advisories)}
}
