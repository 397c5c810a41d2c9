package jetstream_test

import (
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"foxhunt/jetstream"
)

// A wider filter brings the captures that waited under the other one, although they are older than what was delivered, and
// no sweep takes them for given up.
func TestApplyWiderFilter(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	w.topology.Workers.FilterSubject = "captures.ours.>"
	if _, err := w.Apply(t.Context(), w.topology); err != nil {
		t.Fatal(err)
	}
	publish(t, w.Conn, "captures.theirs.a", 3, 8)
	publish(t, w.Conn, "captures.ours.a", 1, 8)
	w.ack(t, w.next(t))
	r := w.reaper()
	w.look(t, r, 1)
	w.topology.Workers.FilterSubject = "captures.>"
	if diffs, err := w.Apply(t.Context(), w.topology); err != nil || len(diffs) != 1 || diffs[0].Field != "filter_subject" {
		t.Fatalf("Apply: %v, %v", diffs, err)
	}
	w.look(t, r, 4)
	w.expect(t, 3, 0, 0)
	for range 3 {
		if m := w.next(t); m.Subject() != "captures.theirs.a" {
			t.Errorf("%s came", m.Subject())
		} else {
			w.ack(t, m)
		}
	}
}

// What cannot be made anew stays as it was.
func TestApplyFilterRefused(t *testing.T) {
	t.Parallel()
	url := startServer(t, &server.Options{Users: []*server.User{
		{Username: "all", Password: "x"},
		{Username: "worker", Password: "x", Permissions: &server.Permissions{Publish: &server.SubjectPermission{
			Deny: []string{"$JS.API.CONSUMER.DELETE.CAPTURES.workers"}}}},
	}})
	login := func(user string) string { return strings.Replace(url, "//", "//"+user+":x@", 1) }
	all := connect(t, jetstream.Options{URL: login("all")})
	north, south := jetstream.DefaultTopology(), jetstream.DefaultTopology()
	north.Workers.FilterSubject = "captures.north.>"
	south.Workers.Durable, south.Workers.FilterSubject = "south", "captures.south.>"
	for _, topo := range []jetstream.Topology{north, south} {
		if _, err := all.Ensure(t.Context(), topo); err != nil {
			t.Fatal(err)
		}
	}
	wider := north
	wider.Workers.FilterSubject = "captures.>"
	worker := connect(t, jetstream.Options{URL: login("worker")})
	ctx := within(t, 10*time.Second)
	if _, err := worker.ApplyWhenReady(ctx, wider); code(err) != jetstream.CodeRefused || !strings.Contains(err.Error(), "must be made anew") {
		t.Errorf("without the right to delete: %v, want %s", err, jetstream.CodeRefused)
	}
	if _, err := all.ApplyWhenReady(ctx, wider); code(err) != jetstream.CodeBadSetup || !strings.Contains(err.Error(), "do not overlap") {
		t.Errorf("a filter that overlaps: %v, want %s", err, jetstream.CodeBadSetup)
	}
	if diffs, err := all.Ensure(t.Context(), north); err != nil || len(diffs) != 0 {
		t.Errorf("afterwards: %v, %v", diffs, err)
	}
}

// Captures of another pool come and go below the floor of this one's consumer. What this one's gave up is buried all the same.
func TestSweepBesideABusyPool(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	w.topology.Workers.FilterSubject = "captures.ours.>"
	if _, err := w.Apply(t.Context(), w.topology); err != nil {
		t.Fatal(err)
	}
	publish(t, w.Conn, "captures.theirs.a", 4, 8)
	w.exhaust(t, "captures.ours.poison")
	publish(t, w.Conn, "captures.theirs.a", 1, 8)
	publish(t, w.Conn, "captures.ours.good", 1, 8)
	w.ack(t, w.next(t))
	r := w.reaper()
	stream, err := w.js.Stream(t.Context(), jetstream.StreamCaptures)
	if err != nil {
		t.Fatal(err)
	}
	for sequence := range uint64(3) {
		w.look(t, r, 1)
		if err := stream.DeleteMsg(t.Context(), sequence+1); err != nil { // the other pool's work
			t.Fatal(err)
		}
	}
	if d := w.expect(t, 2, 1, 1)[0]; d.Subject != "captures.ours.poison" {
		t.Errorf("%s was buried", d.Subject)
	}
}
