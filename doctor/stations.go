package doctor

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"foxhunt/messages"
)

// checkFixes also speaks for the other rules about stations and workers where there are no fixes to judge by.
func checkFixes(f *Facts) []Finding {
	const code = "fixes"
	if !f.Fixes.seen() {
		return []Finding{unknown(code, f.Fixes.Err, "make the streams (stream_missing), or allow this user to publish $JS.API.STREAM.INFO.%s and $JS.API.DIRECT.GET.%s",
			f.Topology.Fixes.Name, f.Topology.Fixes.Name)}
	}
	fixes := f.Fixes.Value
	if len(fixes.Recent) == 0 {
		return []Finding{finding(code, Info, "%s holds no fix", f.Topology.Fixes.Name)}
	}
	age := fixes.Read.Sub(fixes.Recent[len(fixes.Recent)-1].Stored)
	return []Finding{finding(code, OK, "%d fixes looked at, the last %v old", len(fixes.Recent), max(age, 0).Round(time.Second))}
}

// A station is judged by its last fixes if there are so many, and found bad if it was left out of more than half of them.
const (
	leastFixes = 5
	leftOut    = 0.5
)

// stationRecord is how one station fared in the last fixes.
type stationRecord struct {
	fixes, unused int
	residuals     []float64 // s
}

// checkResiduals names stations that the model left out again and again. Fixes of fewer than three receivers leave nobody out.
func checkResiduals(f *Facts) (all []Finding) {
	const code = "station_residual"
	if !f.Fixes.seen() || len(f.Fixes.Value.Recent) == 0 {
		return nil
	}
	stations := stationRecords(f.Fixes.Value.Recent)
	judged := 0
	for _, name := range slices.Sorted(maps.Keys(stations)) {
		s := stations[name]
		if s.fixes < leastFixes {
			continue
		}
		judged++
		if float64(s.unused) > leftOut*float64(s.fixes) {
			all = append(all, finding(code, Warning, "station %s was left out of %d of its last %d fixes: median residual %s", name, s.unused, s.fixes, seconds(median(s.residuals))))
		}
	}
	if len(all) == 0 {
		return []Finding{finding(code, OK, "of %d stations %d have fixes enough to judge, and were used in most", len(stations), judged)}
	}
	return all
}

func stationRecords(fixes []Fix) map[string]*stationRecord {
	stations := map[string]*stationRecord{}
	for _, fix := range fixes {
		for _, r := range fix.Receivers {
			name := fix.Network + "/" + r.Station
			if stations[name] == nil {
				stations[name] = &stationRecord{}
			}
			s := stations[name]
			s.fixes++
			s.residuals = append(s.residuals, r.Residual)
			if !r.Used {
				s.unused++
			}
		}
	}
	return stations
}

// checkPositions names stations at 0,0, from captures that wait and from dead letters: no fix has any.
func checkPositions(f *Facts) []Finding {
	const code = "station_position"
	var seen []string
	if f.Letters.seen() {
		seen = append(seen, f.Letters.Value.Nowhere...)
	}
	if f.Waiting.seen() {
		for _, w := range f.Waiting.Value {
			if w.Refusal != nil && w.Refusal.Code == messages.CodeNullIsland {
				seen = append(seen, fmt.Sprintf("%s waiting on %s", w.Refusal.Reason, w.Subject))
			}
		}
	}
	slices.Sort(seen)
	if seen = slices.Compact(seen); len(seen) > 0 {
		return []Finding{finding(code, Warning, "%s", some(seen))}
	}
	if !f.Letters.seen() && !f.Waiting.seen() {
		return nil // dead_letters and workers say that nothing could be seen
	}
	return []Finding{finding(code, OK, "no capture of a station without a place was seen")}
}

// silence is the time without a fix after which a source that had some counts as silent.
const silence = time.Hour

func checkSilent(f *Facts) []Finding {
	const code = "station_silent"
	if !f.Fixes.seen() || len(f.Fixes.Value.Last) == 0 {
		return nil
	}
	var silent []string
	for _, subject := range slices.Sorted(maps.Keys(f.Fixes.Value.Last)) {
		if age := f.Fixes.Value.Read.Sub(f.Fixes.Value.Last[subject]); age > silence {
			silent = append(silent, fmt.Sprintf("%s for %v", strings.TrimPrefix(subject, messages.FixPrefix+"."), age.Round(time.Minute)))
		}
	}
	if len(silent) > 0 {
		return []Finding{finding(code, Info, "%d of %d sources are silent: %s", len(silent), len(f.Fixes.Value.Last), some(silent))}
	}
	return []Finding{finding(code, OK, "all %d sources had a fix within %v", len(f.Fixes.Value.Last), silence)}
}

// median of numbers, which it sorts; 0 of none.
func median(x []float64) float64 {
	if len(x) == 0 {
		return 0
	}
	slices.Sort(x)
	return x[len(x)/2]
}

// seconds writes a time difference for people, with its sign.
func seconds(s float64) string {
	sign := "+"
	if s < 0 {
		sign = "-"
	}
	switch s = math.Abs(s); {
	case s < 1e-3:
		return fmt.Sprintf("%s%.3g µs", sign, s*1e6)
	case s < 1:
		return fmt.Sprintf("%s%.3g ms", sign, s*1e3)
	case s < 1e5:
		return fmt.Sprintf("%s%.3g s", sign, s)
	}
	return fmt.Sprintf("%s%.3g days", sign, s/86400)
}
