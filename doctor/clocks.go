package doctor

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"foxhunt/messages"
)

// clockSlack is what clocks may differ by before it is worth a word: messages take their time, too.
const clockSlack = time.Second

// checkServerClock compares the server's clock with this machine's, to within the time that asking took.
func checkServerClock(f *Facts) []Finding {
	const code = "nats_clock"
	offset, took, ok := serverOffset(f)
	if !ok {
		return []Finding{unknown(code, fmt.Errorf("neither a stream nor a monitoring port tells the server's time"), "give --nats-monitor http://127.0.0.1:8222")}
	}
	if offset.Abs()-took/2 > clockSlack {
		return []Finding{finding(code, Warning, "the server's clock is %s against this machine's", seconds(offset.Seconds()))}
	}
	return []Finding{finding(code, OK, "the server's clock is within %v of this machine's", atLeast(offset.Abs()+took/2))}
}

// serverOffset is by how much the server's clock is ahead, and how long asking it took.
func serverOffset(f *Facts) (offset, took time.Duration, ok bool) {
	if state := streamOf(f, f.Topology.Captures.Name); state != nil && state.Info != nil && !state.Info.TimeStamp.IsZero() {
		return state.Info.TimeStamp.Sub(state.Asked), state.Took, true
	}
	if f.Varz.seen() && len(f.Varz.Value) > 0 && !f.Varz.Value[0].Now.IsZero() {
		varz := f.Varz.Value[0]
		return varz.Now.Sub(varz.Asked), varz.Took, true
	}
	return 0, 0, false
}

// late is how far back a capture's time may lie before it is worth knowing.
const late = 10 * time.Minute

// checkStationClock compares captures' times with the server's when it stored them, or their fixes. What is ahead is a wrong
// clock; what is behind may be.
func checkStationClock(f *Facts) (all []Finding) {
	const code = "station_clock"
	ahead, behind := map[string]float64{}, map[string]float64{}
	for source, offset := range captureOffsets(f) {
		switch {
		case offset > clockSlack.Seconds():
			ahead[source] = offset
		case offset < -late.Seconds():
			behind[source] = offset
		}
	}
	if len(ahead) > 0 {
		all = append(all, finding(code, Warning, "captures from the future: %s", offsets(ahead)))
	}
	if len(behind) > 0 {
		all = append(all, finding(code, Info, "captures of long ago: %s", offsets(behind)))
	}
	if len(all) == 0 && (f.Fixes.seen() && len(f.Fixes.Value.Recent) > 0 || f.Waiting.seen() && len(f.Waiting.Value) > 0) {
		return []Finding{finding(code, OK, "captures are of the present")}
	}
	return all
}

// captureOffsets is, by source, how far its captures' times are ahead of the server's, in seconds (median).
func captureOffsets(f *Facts) map[string]float64 {
	all := map[string][]float64{}
	if f.Fixes.seen() {
		for _, fix := range f.Fixes.Value.Recent {
			source := fix.Network + "/" + fix.Source
			all[source] = append(all[source], fix.Time.Time().Sub(fix.Stored).Seconds())
		}
	}
	if f.Waiting.seen() {
		for _, w := range f.Waiting.Value {
			if network, source, err := messages.ParseSubject(w.Subject); err == nil && !w.Start.IsZero() {
				name := network + "/" + source
				all[name] = append(all[name], w.End.Sub(w.Stored).Seconds())
			}
		}
	}
	medians := map[string]float64{}
	for source, x := range all {
		medians[source] = median(x)
	}
	return medians
}

func offsets(by map[string]float64) string {
	var lines []string
	for _, source := range slices.Sorted(maps.Keys(by)) {
		lines = append(lines, fmt.Sprintf("%s %s", source, seconds(by[source])))
	}
	return some(lines)
}

// slowStore is how long a fix may take from being made to being stored.
const slowStore = 10 * time.Second

// checkWorkerClock compares the times that workers put into fixes with the server's when it stored them.
func checkWorkerClock(f *Facts) []Finding {
	const code = "worker_clock"
	if !f.Fixes.seen() || len(f.Fixes.Value.Recent) == 0 {
		return nil
	}
	var x []float64
	for _, fix := range f.Fixes.Value.Recent {
		x = append(x, fix.Timestamp.Time().Sub(fix.Stored).Seconds())
	}
	if m := median(x); m > clockSlack.Seconds() || m < -slowStore.Seconds() {
		return []Finding{finding(code, Warning, "fixes are stored with times that are %s against the server's clock (median of %d)", seconds(m), len(x))}
	}
	return []Finding{finding(code, OK, "fixes carry the server's time to within %v (median of %d)", atLeast(time.Duration(median(x)*float64(time.Second)).Abs()), len(x))}
}

// atLeast rounds a bound to milliseconds, of which it is never none.
func atLeast(d time.Duration) time.Duration { return max(d.Round(time.Millisecond), time.Millisecond) }
