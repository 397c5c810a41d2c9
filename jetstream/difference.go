package jetstream

import (
	"cmp"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"time"
)

// Difference is one field in which a live stream, consumer or key-value bucket is not as it should be.
type Difference struct {
	Kind  string `json:"kind"` // "stream", "consumer" or "bucket"
	Name  string `json:"name"`
	Field string `json:"field"` // NATS's JSON name of it
	Want  string `json:"want"`
	Have  string `json:"have"`
}

// isFilter reports whether a consumer is to deliver other subjects than it does.
func (d Difference) isFilter() bool {
	return d.Field == "filter_subject" || d.Field == "filter_subjects"
}

func (d Difference) String() string {
	return fmt.Sprintf("%s %s: %s is %s, want %s", d.Kind, d.Name, d.Field, d.Have, d.Want)
}

// serversOwn are the fields that a server fills in where they are left to it, beside limits of -1.
func serversOwn() []string { return []string{"name", "metadata", "max_waiting", "history"} }

// durations are the fields that NATS writes in nanoseconds.
func durations() []string {
	return []string{"max_age", "duplicate_window", "ack_wait", "ttl", "limit_marker_ttl", "inactive_threshold"}
}

// compare lists the fields, as NATS writes them in JSON, that live has otherwise than want. Those that want leaves to the
// server are not in its JSON.
func compare(kind, name string, want, live any) []Difference {
	w, l := fields(want), fields(live)
	var diffs []Difference
	for field, value := range w {
		if !reflect.DeepEqual(value, l[field]) {
			diffs = append(diffs, Difference{kind, name, field, text(field, value), text(field, l[field])})
		}
	}
	for field, value := range l { // such as headers_only, with which no worker could do its work
		if _, wanted := w[field]; !wanted && value != -1. && !slices.Contains(serversOwn(), field) {
			diffs = append(diffs, Difference{kind, name, field, "unset", text(field, value)})
		}
	}
	slices.SortFunc(diffs, func(a, b Difference) int { return cmp.Compare(a.Field, b.Field) })
	return diffs
}

func fields(config any) map[string]any {
	b, err := json.Marshal(config)
	if err != nil { // a struct of numbers and strings: cannot happen
		panic(err)
	}
	m := map[string]any{}
	if err := json.Unmarshal(b, &m); err != nil {
		panic(err)
	}
	return m
}

// text is a field's value for people: JSON, but for durations and for what is not there.
func text(field string, value any) string {
	if ns, ok := value.(float64); ok && slices.Contains(durations(), field) {
		return time.Duration(ns).String()
	}
	if value == nil {
		return "unset"
	}
	b, _ := json.Marshal(value)
	return string(b)
}
