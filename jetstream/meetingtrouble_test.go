package jetstream_test

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	js "github.com/nats-io/nats.go/jetstream"

	"foxhunt/jetstream"
	"foxhunt/jetstream/jetstreamtest"
	"foxhunt/meeting"
)

// TestMeetingsOutlastTheServer restarts the server, as after a crash: entries, and who was heard, are still there, and the calls of a
// worker that lived on go on.
func TestMeetingsOutlastTheServer(t *testing.T) {
	t.Parallel()
	s, _, m := startMeetings(t)
	ctx := within(t, patience)
	open, over := meeting.KeyOfSlot("net", 1000, 1), meeting.KeyOfEvent("net", "over")
	revision, err := m.Write(ctx, open, []byte("x"), 0)
	if err == nil {
		err = m.End(ctx, over, []byte("done"), 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	s.Shutdown()
	written := make(chan error, 1)
	go func() { // tried again until the server is back
		_, err := m.Write(ctx, open, []byte("xy"), revision)
		written <- err
	}()
	s.Restart(t)
	if err := <-written; err != nil {
		t.Errorf("a write while the server was away: %v", err)
	}
	again := meetings(t, s.Connect(t), jetstream.DefaultTopology())
	if value, _, err := again.Read(ctx, open); string(value) != "xy" || err != nil {
		t.Errorf("after the restart there is %q, %v", value, err)
	}
	if value, _, err := again.Ended(ctx, over); string(value) != "done" || err != nil {
		t.Errorf("after the restart what ended is %q, %v", value, err)
	}
}

// TestFullBucketsStopNothing fills the buckets of open events and of those that ended. No event begins any more, but those that
// are open go on; and of both the oldest go where all that does not help.
func TestFullBucketsStopNothing(t *testing.T) {
	t.Parallel()
	_, single := start(t)
	_, cluster := startCluster(t)
	for _, c := range []struct {
		*jetstream.Conn
		topology jetstream.Topology
	}{{single, jetstream.DefaultTopology()}, {cluster, jetstream.DefaultTopology().WithReplicas(3)}} {
		c.topology.Met.MaxBytes, c.topology.Meetings.MaxBytes = 20_000, 20_000
		if _, err := c.Apply(within(t, patience), c.topology); err != nil {
			t.Fatal(err)
		}
		fillOpen(t, meetings(t, c.Conn, c.topology))
		fillEnded(t, meetings(t, c.Conn, c.topology))
	}
}

// fillOpen begins events while there is room for more. Those have a capture join, are closed, and end.
func fillOpen(t *testing.T, m *jetstream.Meetings) {
	t.Helper()
	ctx := within(t, patience)
	var revisions []uint64
	key := func(i int) meeting.Key { return meeting.KeyOfEvent("net", fmt.Sprint(i)) }
	write := func(i, size int, revision uint64) uint64 {
		t.Helper()
		next, err := m.Write(ctx, key(i), make([]byte, size), revision)
		if err != nil {
			t.Fatalf("event %d of %d, of %d bytes: %v", i, len(revisions), size, err)
		}
		return next
	}
	room := func() error { m.LookForRoom(); return m.Room(ctx) }
	for room() == nil {
		revisions = append(revisions, write(len(revisions), 200, 0))
	}
	if err := room(); code(err) != jetstream.CodeStreamFull || !errors.Is(err, meeting.ErrNoRoom) || len(revisions) < 20 {
		t.Errorf("after %d events there is no room: %v; want %s, and that it is worth waiting for", len(revisions), err, jetstream.CodeStreamFull)
	}
	for _, size := range []int{250, 300} {
		for i := range revisions {
			revisions[i] = write(i, size, revisions[i])
		}
	}
	for i := range 100 { // by somebody who does not ask for room
		write(1000+i, 200, 0)
	}
	if value, _, err := m.Read(ctx, key(0)); value != nil || err != nil {
		t.Errorf("the oldest is still there: %v", err)
	}
	for i := range 100 {
		value, revision, err := m.Read(ctx, key(1000+i))
		if err == nil && value != nil {
			err = m.Remove(ctx, key(1000+i), revision)
		}
		if err != nil {
			t.Errorf("what ends in a full bucket: %v", err)
		}
	}
}

// fillEnded has more events end than there is room for.
func fillEnded(t *testing.T, m *jetstream.Meetings) {
	t.Helper()
	ctx, value := within(t, patience), make([]byte, 1000)
	for i := range 40 {
		if err := m.End(ctx, meeting.KeyOfEvent("net", fmt.Sprint(i)), value, 0); err != nil {
			t.Fatalf("an event that ended as the bucket was full: %v", err)
		}
	}
	if value, _, err := m.Ended(ctx, meeting.KeyOfEvent("net", "39")); len(value) != 1000 || err != nil {
		t.Errorf("the newest is not there: %v", err)
	}
	if value, _, err := m.Ended(ctx, meeting.KeyOfEvent("net", "0")); value != nil || err != nil {
		t.Errorf("the oldest is still there: %v", err)
	}
}

// TestMeetingWriteAgain has an answer get lost: the write is made once, and is not taken for somebody else's.
func TestMeetingWriteAgain(t *testing.T) {
	t.Parallel()
	s, direct := start(t)
	cable := newLink(t, strings.TrimPrefix(s.ClientURL(), "nats://"))
	m := meetings(t, connect(t, jetstream.Options{URL: "nats://" + cable.address()}), jetstream.DefaultTopology())
	key := meeting.KeyOfSlot("net", 1000, 5)
	first, err := m.Write(within(t, patience), key, []byte("one"), 0)
	if err != nil {
		t.Fatal(err)
	}
	var attempts atomic.Int32
	stop, err := direct.SubscribePlain("$KV."+jetstream.BucketMeetings+".>", func(string, []byte) { attempts.Add(1) })
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	if _, err := direct.RoundTrip(t.Context()); err != nil { // it is heard from now on
		t.Fatal(err)
	}
	cable.pauseAnswers()
	done := make(chan error, 1)
	go func() {
		revision, err := m.Write(within(t, patience), key, []byte("two"), first)
		if err == nil && revision != first+1 {
			err = fmt.Errorf("it was stored as %d", revision)
		}
		done <- err
	}()
	waitFor(t, "a second attempt", func() bool { return attempts.Load() > 1 })
	cable.resume()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestAskedAgainAtOnce restarts the server with questions of a worker under way, as many as a busy one has: all are answered once the
// connection is back, and a conditional write is made once.
func TestAskedAgainAtOnce(t *testing.T) {
	t.Parallel()
	s := jetstreamtest.Start(t)
	cable := newLink(t, strings.TrimPrefix(s.ClientURL(), "nats://"))
	c := connect(t, jetstream.Options{URL: "nats://" + cable.address()})
	if _, err := c.Ensure(t.Context(), jetstream.DefaultTopology()); err != nil {
		t.Fatal(err)
	}
	m, ctx := meetings(t, c, jetstream.DefaultTopology()), within(t, patience)
	key := meeting.KeyOfEvent("net", "x")
	first, err := m.Write(ctx, key, []byte("one"), 0)
	if err != nil {
		t.Fatal(err)
	}
	cable.pause()
	s.Restart(t)
	const readers = 50
	read := make(chan error, readers)
	for range readers {
		go func() {
			value, _, err := m.Read(ctx, meeting.KeyOfEvent("net", "x"))
			if err == nil && string(value) != "one" && string(value) != "two" {
				err = fmt.Errorf("it is %q", value)
			}
			read <- err
		}()
	}
	written := make(chan error, 1)
	go func() {
		revision, err := m.Write(ctx, key, []byte("two"), first)
		if err == nil && revision != first+1 {
			err = fmt.Errorf("it was stored as %d, after %d", revision, first)
		}
		written <- err
	}()
	waitFor(t, "all questions", func() bool { return c.Asking() >= readers+1 })
	cable.cut()
	for range readers {
		if err := <-read; err != nil {
			t.Errorf("a reading that was under way: %v", err)
		}
	}
	if err := <-written; err != nil {
		t.Errorf("a write that was under way: %v", err)
	}
}

// TestWriteIsNotDoubled restarts the server when it has stored a conditional write, and before its answer came.
func TestWriteIsNotDoubled(t *testing.T) {
	t.Parallel()
	s := jetstreamtest.Start(t)
	cable := newLink(t, strings.TrimPrefix(s.ClientURL(), "nats://"))
	c := connect(t, jetstream.Options{URL: "nats://" + cable.address()})
	if _, err := c.Ensure(t.Context(), jetstream.DefaultTopology()); err != nil {
		t.Fatal(err)
	}
	m, ctx := meetings(t, c, jetstream.DefaultTopology()), within(t, patience)
	key := meeting.KeyOfEvent("net", "x")
	first, err := m.Write(ctx, key, []byte("one"), 0)
	if err != nil {
		t.Fatal(err)
	}
	direct := meetings(t, s.Connect(t), jetstream.DefaultTopology())
	cable.pauseAnswers()
	written := make(chan error, 1)
	go func() {
		revision, err := m.Write(ctx, key, []byte("two"), first)
		if err == nil && revision != first+1 {
			err = fmt.Errorf("it was stored as %d, after %d", revision, first)
		}
		written <- err
	}()
	waitFor(t, "the write", func() bool {
		value, _, err := direct.Read(ctx, key)
		return err == nil && string(value) == "two"
	})
	s.Restart(t)
	cable.cut()
	if err := <-written; err != nil {
		t.Error(err)
	}
	if value, revision, err := direct.Read(ctx, key); string(value) != "two" || revision != first+1 || err != nil {
		t.Errorf("there is %q, %d, %v", value, revision, err)
	}
}

// TestMeetingsWithoutBuckets says so, and does not wait.
func TestMeetingsWithoutBuckets(t *testing.T) {
	t.Parallel()
	c := connect(t, jetstream.Options{URL: startServer(t, &server.Options{})})
	if _, err := c.Meetings(within(t, patience), jetstream.DefaultTopology()); code(err) != jetstream.CodeNoStream {
		t.Errorf("without a stream: %v", err)
	}
}

// TestServerOfBefore: what versions before made, a bucket of open events that refuses what is new at its limit, and a consumer with
// fewer captures at once, is used as it is, and told of, until --apply changes it.
func TestServerOfBefore(t *testing.T) {
	t.Parallel()
	s := jetstreamtest.Start(t)
	_, err := plainStream(t, s.ClientURL()).CreateKeyValue(t.Context(), js.KeyValueConfig{
		Bucket: jetstream.BucketMeetings, Description: "events whose captures are coming together", TTL: 6 * time.Hour, Storage: js.FileStorage,
		MaxBytes: 64 << 20, Replicas: 1, LimitMarkerTTL: time.Minute,
	})
	if err != nil {
		t.Fatal(err)
	}
	c, topo, before := connect(t, jetstream.Options{URL: s.ClientURL()}), jetstream.DefaultTopology(), jetstream.DefaultTopology()
	before.Workers.MaxAckPending = 8192
	if _, err := c.Ensure(t.Context(), before); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if diffs, err := c.Ensure(t.Context(), topo); err != nil || len(diffs) != 2 || diffs[0].Field != "discard" || diffs[1].Field != "max_ack_pending" {
			t.Errorf("Ensure: %v, %v", diffs, err)
		}
	}
	m, ctx := meetings(t, c, topo), within(t, patience)
	revision, err := m.Write(ctx, meeting.KeyOfEvent("net", "x"), []byte("x"), 0)
	if err != nil {
		t.Fatal(err)
	}
	if diffs, err := c.Apply(ctx, topo); err != nil || len(diffs) != 2 {
		t.Errorf("Apply: %v, %v", diffs, err)
	}
	if diffs, err := c.Ensure(ctx, topo); err != nil || len(diffs) != 0 {
		t.Errorf("then Ensure: %v, %v", diffs, err)
	}
	if err := m.Remove(ctx, meeting.KeyOfEvent("net", "x"), revision); err != nil {
		t.Error(err)
	}
}
