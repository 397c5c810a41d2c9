package jetstream_test

import (
	"encoding/json"
	"strings"
	"testing"

	"foxhunt/jetstream"
)

func TestLag(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	if lag := mustLag(t, c); lag.Total != 0 || len(lag.Subjects) != 0 {
		t.Errorf("lag of nothing: %+v", lag)
	}
	publish(t, c, "captures.net.a", 3, 100)
	publish(t, c, "captures.net.b", 7, 100)
	publish(t, c, "captures.other.c", 1, 100)
	publish(t, c, "captures.other.d", 1, 100)
	s := newSource(t, c, jetstream.DefaultTopology(), jetstream.SourceOptions{Concurrency: 2})
	ack(t, next(t, s)) // one of a: oldest first
	d := next(t, s)
	waitFor(t, "two more at hand", func() bool { return s.Stats().Buffered == 2 })
	lag := mustLag(t, c)
	if lag.Total != 11 || lag.Pending != 8 || lag.InFlight != 3 || lag.Dead != 0 || lag.Redelivered != 0 || lag.Stored < 1100 {
		t.Errorf("lag %+v", lag)
	}
	var order []string
	for _, sub := range lag.Subjects {
		order = append(order, sub.Subject)
	}
	if got := strings.Join(order, " "); got != "captures.net.b captures.net.a captures.other.c captures.other.d" || lag.Subjects[0].Lag != 7 || lag.Subjects[1].Lag != 2 {
		t.Errorf("subjects %+v", lag.Subjects)
	}
	for i, sub := range lag.Subjects { // asked for the three largest
		if known := sub.OldestAge != nil; known != (i < 3) || known && (*sub.OldestAge < 0 || *sub.OldestAge > 60) {
			t.Errorf("oldest age of %s: %v", sub.Subject, sub.OldestAge)
		}
	}
	ack(t, d)
	b, err := json.Marshal(lag)
	if err != nil || !strings.Contains(string(b), `"subject":"captures.net.b","lag":7,"oldest_age_seconds":`) || !strings.Contains(string(b), `"num_pending":8`) {
		t.Errorf("JSON %s, %v", b, err)
	}
}
