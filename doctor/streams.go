package doctor

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	js "github.com/nats-io/nats.go/jetstream"

	"foxhunt/jetstream"
)

// checkMissing also speaks for every other rule about streams and consumers where these could not be seen.
func checkMissing(f *Facts) (all []Finding) {
	const code = "stream_missing"
	if !f.Inventory.seen() {
		return []Finding{unknown(code, f.Inventory.Err, "see nats_reach and nats_jetstream")}
	}
	var missing, there, hidden []string
	var why error
	note := func(what string, isMissing bool, err error) {
		switch {
		case err != nil:
			hidden, why = append(hidden, what), err
		case isMissing:
			missing = append(missing, what)
		default:
			there = append(there, what)
		}
	}
	in := f.Inventory.Value
	for _, s := range in.Streams {
		note("stream "+s.Name, s.Missing, s.Err)
	}
	for _, c := range in.Consumers {
		note("consumer "+c.Name, c.Missing, c.Err)
	}
	for _, b := range in.Buckets {
		note("bucket "+strings.TrimPrefix(b.Name, "KV_"), b.Missing, b.Err)
	}
	if len(hidden) > 0 {
		mend := "see nats_jetstream"
		if e := (*jetstream.Error)(nil); errors.As(why, &e) && e.Code == jetstream.CodeRefused {
			mend = "allow this user to publish $JS.API.STREAM.INFO.> and $JS.API.CONSUMER.INFO.>, as an operator in deploy/nats may"
		}
		all = append(all, unknown(code, fmt.Errorf("%s: %w", strings.Join(hidden, ", "), why), "%s", mend))
	}
	if len(missing) > 0 {
		all = append(all, finding(code, Error, "missing: %s", strings.Join(missing, ", ")))
	} else if len(there) > 0 {
		all = append(all, finding(code, OK, "%d streams, consumers and buckets are there", len(there)))
	}
	return all
}

// ownRule are the fields of configurations that have rules of their own.
func ownRule(t jetstream.Topology, d jetstream.Difference) bool {
	fields := []string{"num_replicas"}
	switch {
	case d.Kind == "stream" && d.Name == t.Captures.Name:
		fields = append(fields, "retention", "discard", "discard_new_per_subject", "max_age", "storage", "duplicate_window")
	case d.Kind == "stream":
		fields = append(fields, "duplicate_window")
	case d.Kind == "consumer" && d.Name == t.Workers.Durable:
		fields = append(fields, "max_deliver", "ack_wait", "max_ack_pending")
	}
	return slices.Contains(fields, d.Field)
}

// checkConfig has a finding for each stream and consumer that differs in what no other rule looks at.
func checkConfig(f *Facts) (all []Finding) {
	const code = "stream_config"
	if !f.Inventory.seen() {
		return nil
	}
	fields := map[string][]string{} // by kind and name
	grave := map[string]bool{}
	for _, d := range f.Inventory.Value.Differences {
		if ownRule(f.Topology, d) {
			continue
		}
		what := d.Kind + " " + d.Name
		fields[what] = append(fields[what], fmt.Sprintf("%s is %s, not %s", d.Field, d.Have, d.Want))
		grave[what] = grave[what] || d.Field != "description"
	}
	for what, differences := range fields {
		severity := Info
		if grave[what] {
			severity = Warning
		}
		all = append(all, finding(code, severity, "%s: %s", what, strings.Join(differences, "; ")))
	}
	slices.SortFunc(all, func(a, b Finding) int { return strings.Compare(a.Seen, b.Seen) })
	if len(all) == 0 && slices.ContainsFunc(f.Inventory.Value.Streams, func(s jetstream.StreamState) bool { return s.Info != nil }) {
		return []Finding{finding(code, OK, "streams and consumers are as foxhunt makes them")}
	}
	return all
}

// checkRetention finds every way in which the stream of captures would lose some.
func checkRetention(f *Facts) []Finding {
	const code = "captures_retention"
	state := streamOf(f, f.Topology.Captures.Name)
	if state == nil || state.Info == nil {
		return nil
	}
	config := state.Info.Config
	var faults []string
	if config.Retention != js.WorkQueuePolicy {
		faults = append(faults, fmt.Sprintf("retention is %s, so that settled captures stay and waiting ones may go", strings.ToLower(config.Retention.String())))
	}
	if config.Discard != js.DiscardNew {
		faults = append(faults, "discard is old, so that the oldest captures go when it is full")
	} else if config.MaxMsgsPerSubject > 0 && !config.DiscardNewPerSubject {
		faults = append(faults, fmt.Sprintf("discard_new_per_subject is off, so that a subject's oldest goes at %d captures", config.MaxMsgsPerSubject))
	}
	if config.MaxAge > 0 {
		faults = append(faults, fmt.Sprintf("max_age is %v, so that captures expire", config.MaxAge))
	}
	if config.Storage != js.FileStorage {
		faults = append(faults, "storage is memory, so that a restart of the server loses all")
	}
	if len(faults) == 0 {
		return []Finding{finding(code, OK, "%s keeps captures until they are settled", state.Name)}
	}
	return []Finding{finding(code, Error, "%s: %s", state.Name, strings.Join(faults, "; "))}
}

// checkWindow compares how long ids are remembered with what foxhunt would make.
func checkWindow(f *Facts) (all []Finding) {
	const code = "duplicate_window"
	if !f.Inventory.seen() {
		return nil
	}
	for _, s := range f.Inventory.Value.Streams {
		if s.Info != nil && s.Info.Config.Duplicates < s.Want.Duplicates {
			all = append(all, finding(code, Warning, "%s remembers ids for %v, not %v", s.Name, s.Info.Config.Duplicates, s.Want.Duplicates))
		}
	}
	if state := streamOf(f, f.Topology.Captures.Name); len(all) == 0 && state != nil && state.Info != nil {
		return []Finding{finding(code, OK, "%s remembers ids for %v", state.Name, state.Info.Config.Duplicates)}
	}
	return all
}
