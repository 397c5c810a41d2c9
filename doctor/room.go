package doctor

import (
	"slices"
	"time"

	"foxhunt/jetstream"
)

// checkRoom compares what streams hold with their limits.
func checkRoom(f *Facts) (all []Finding) {
	const code = "stream_room"
	if !f.Inventory.seen() {
		return nil
	}
	worst := 0.0
	for _, s := range slices.Concat(f.Inventory.Value.Streams, f.Inventory.Value.Buckets) {
		if s.Info == nil || s.Info.Config.MaxBytes <= 0 {
			continue
		}
		full := share(s.Info.State.Bytes, uint64(s.Info.Config.MaxBytes))
		worst = max(worst, full)
		if finding, bad := judgeRoom(f, s, full); bad {
			all = append(all, finding)
		}
	}
	all = append(all, checkSubjects(f)...)
	if len(all) == 0 && slices.ContainsFunc(f.Inventory.Value.Streams, func(s jetstream.StreamState) bool { return s.Info != nil }) {
		return []Finding{finding(code, OK, "the fullest stream is at %.0f %% of its bytes", 100*worst)}
	}
	return all
}

// judgeRoom: a full work queue refuses; a full stream of another kind drops its oldest, which matters only before their time.
func judgeRoom(f *Facts, s jetstream.StreamState, full float64) (Finding, bool) {
	const code = "stream_room"
	state, config := s.Info.State, s.Info.Config
	severity := fullness(full)
	if s.Name == f.Topology.Fixes.Name || s.Name == f.Topology.Dead.Name {
		if severity != Error || config.MaxAge <= 0 {
			return Finding{}, false
		}
		held := state.LastTime.Sub(state.FirstTime).Round(time.Second)
		return finding(code, Warning, "%s is at %.0f %% of its %s: it drops what is older than %v, not %v", s.Name, 100*full, size(uint64(config.MaxBytes)), held, config.MaxAge).
			mend("foxhunt worker --fixes-bytes N --dead-bytes N --apply, or a shorter --fixes-age and --dead-age"), true
	}
	if s.Name == f.Topology.Meetings.Name {
		severity = fullness(full * jetstream.RoomForEvents)
	}
	if severity == OK || s.Name == f.Topology.Met.Name || s.Name == f.Topology.Heard.Name { // these may be full
		return Finding{}, false
	}
	if s.Name == f.Topology.Meetings.Name {
		return finding(code, severity, "%s holds %d messages, %.0f %% of its %s; from %d %% on no event begins until others have ended",
			s.Name, state.Msgs, 100*full, size(uint64(config.MaxBytes)), 100/jetstream.RoomForEvents).
			mend("more workers; or find the station that sends captures which nobody else hears: foxhunt lag"), true
	}
	return finding(code, severity, "%s holds %d messages, %.0f %% of its %s", s.Name, state.Msgs, 100*full, size(uint64(config.MaxBytes))), true
}

// checkSubjects looks for stations that are about to be refused.
func checkSubjects(f *Facts) []Finding {
	const code = "stream_room"
	state := streamOf(f, f.Topology.Captures.Name)
	if state == nil || state.Info == nil || state.Info.Config.MaxMsgsPerSubject <= 0 || !f.Readings.seen() {
		return nil
	}
	most := uint64(state.Info.Config.MaxMsgsPerSubject)
	var names []string
	severity := OK
	for _, subject := range last(f).Subjects {
		judged := fullness(share(subject.Lag, most))
		if judged == OK {
			continue
		}
		names = append(names, subject.Subject)
		if judged.rank() > severity.rank() {
			severity = judged
		}
	}
	if len(names) == 0 {
		return nil
	}
	return []Finding{finding(code, severity, "%d subjects are near or at the %d captures that may wait: %s", len(names), most, some(names))}
}
