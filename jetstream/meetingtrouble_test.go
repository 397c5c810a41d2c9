package jetstream_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/nats-io/nats-server/v2/server"

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
		err = m.End(ctx, over, []byte("done"))
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
	if value, err := again.Ended(ctx, over); string(value) != "done" || err != nil {
		t.Errorf("after the restart what ended is %q, %v", value, err)
	}
}

// TestFullBucketsStopNothing fills the bucket of events that ended: the oldest go. That of open events refuses what would be new,
// and that passes.
func TestFullBucketsStopNothing(t *testing.T) {
	t.Parallel()
	s := jetstreamtest.Start(t)
	c := connect(t, jetstream.Options{URL: s.ClientURL()})
	topo := jetstream.DefaultTopology()
	topo.Met.MaxBytes, topo.Meetings.MaxBytes = 20_000, 20_000
	if _, err := c.Ensure(t.Context(), topo); err != nil {
		t.Fatal(err)
	}
	m, ctx := meetings(t, c, topo), within(t, patience)
	value := make([]byte, 1000)
	var refused error
	for i := range 40 {
		key := meeting.KeyOfEvent("net", fmt.Sprint(i))
		if err := m.End(ctx, key, value); err != nil {
			t.Fatalf("an event that ended as the bucket was full: %v", err)
		}
		if _, err := m.Write(ctx, key, value, 0); err != nil {
			refused = err
		}
	}
	if code(refused) != jetstream.CodeStreamFull {
		t.Errorf("an event too many: %v; want %s, which passes", refused, jetstream.CodeStreamFull)
	}
	if value, err := m.Ended(ctx, meeting.KeyOfEvent("net", "39")); len(value) != 1000 || err != nil {
		t.Errorf("the newest is not there: %v", err)
	}
	if value, err := m.Ended(ctx, meeting.KeyOfEvent("net", "0")); value != nil || err != nil {
		t.Errorf("the oldest is still there: %v", err)
	}
	first := meeting.KeyOfEvent("net", "0")
	if _, revision, err := m.Read(ctx, first); err != nil {
		t.Error(err)
	} else if err := m.Remove(ctx, first, revision); err != nil {
		t.Errorf("what ends in a full bucket: %v", err)
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
