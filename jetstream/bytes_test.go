package jetstream_test

import (
	"context"
	"math"
	"strings"
	"sync"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	js "github.com/nats-io/nats.go/jetstream"

	"foxhunt/jetstream"
)

// deleteAll deletes all streams, so that the next start is a first one.
func deleteAll(t *testing.T, plain js.JetStream) {
	t.Helper()
	names := plain.StreamNames(within(t, patience))
	for name := range names.Name() {
		if err := plain.DeleteStream(within(t, patience), name); err != nil {
			t.Fatal(err)
		}
	}
	if err := names.Err(); err != nil {
		t.Fatal(err)
	}
}

// A start that fails, or dies, between any two of its steps leaves streams that have few of their bytes yet, or more than their
// share: the next start, of whatever process, goes on.
func TestStartsThatFail(t *testing.T) {
	t.Parallel()
	for room, share := range map[int64]int64{64 << 30: 1, 10 << 30: 4} {
		url := startServer(t, &server.Options{JetStreamMaxStore: room})
		plain := plainStream(t, url)
		steps := 0
		for failed := true; failed && !t.Failed(); steps++ {
			deleteAll(t, plain)
			failed = ensureUpTo(t, url, steps)
			next := connect(t, jetstream.Options{URL: url})
			if diffs, err := next.EnsureWhenReady(within(t, patience), jetstream.DefaultTopology()); err != nil || len(diffs) != 0 {
				t.Errorf("after a start that failed at step %d: %v, %v", steps, diffs, err)
			}
			next.Close()
			checkShares(t, url, room, share, steps)
		}
		if steps < 12+4+4 { // made, raised, and their marks taken off
			t.Errorf("a start has %d steps", steps)
		}
	}
}

// ensureUpTo is a start that dies at a step; false where it has no such step.
func ensureUpTo(t *testing.T, url string, step int) (failed bool) {
	t.Helper()
	c := connect(t, jetstream.Options{URL: url})
	defer c.Close()
	c.FailChanges(step, math.MaxInt32)
	_, err := c.Ensure(within(t, patience), jetstream.DefaultTopology())
	if err != nil && code(err) != jetstream.CodeTimeout {
		t.Fatalf("step %d: %v", step, err)
	}
	return err != nil
}

// checkShares holds what is set aside against even shares. Of those whose marks are taken off the last may get more, where its is
// the only one that was left, and there is room.
func checkShares(t *testing.T, url string, room, share int64, step int) {
	t.Helper()
	each, all := maxBytes(t, url)
	topo := jetstream.DefaultTopology()
	for _, s := range []js.StreamConfig{topo.Captures, topo.Fixes, topo.Dead} {
		if each[s.Name] != s.MaxBytes/share {
			t.Errorf("after step %d with %d GiB %s has %d bytes; want 1/%d of %d", step, room>>30, s.Name, each[s.Name], share, s.MaxBytes)
		}
	}
	if each[topo.Models.Name] < topo.Models.MaxBytes/share || all > room {
		t.Errorf("after step %d with %d GiB %d bytes are set aside: %v", step, room>>30, all, each)
	}
}

// Who may not change streams goes on with those that another left with few bytes, and says so.
func TestFewBytesAndNoRightToMore(t *testing.T) {
	t.Parallel()
	url := startServer(t, &server.Options{Users: []*server.User{{Username: "looks", Password: "pw", Permissions: &server.Permissions{
		Publish: &server.SubjectPermission{Allow: []string{"$JS.API.STREAM.INFO.*", "$JS.API.CONSUMER.INFO.*.*"}},
	}}, {Username: "admin", Password: "pw"}}})
	login := func(user string) string { return strings.Replace(url, "//", "//"+user+":pw@", 1) }
	ensureUpTo(t, login("admin"), 12)
	var log logBuffer
	looks := connect(t, jetstream.Options{URL: login("looks"), Log: log.logger()})
	if diffs, err := looks.Ensure(within(t, patience), jetstream.DefaultTopology()); err != nil || len(diffs) != 0 {
		t.Errorf("Ensure: %v, %v", diffs, err)
	}
	if !strings.Contains(log.String(), `CAPTURES="67108864 of 17179869184"`) {
		t.Errorf("the log says %s", log.String())
	}
}

// One call that fails is made up for by the same process.
func TestHiccupAtTheFirstStart(t *testing.T) {
	t.Parallel()
	url := startServer(t, &server.Options{})
	for _, step := range []int{5, 12, 13, 15} { // a stream, and what raises them
		deleteAll(t, plainStream(t, url))
		var log logBuffer
		c := connect(t, jetstream.Options{URL: url, Log: log.logger()})
		c.FailChanges(step, 1)
		if diffs, err := c.EnsureWhenReady(within(t, patience), jetstream.DefaultTopology()); err != nil || len(diffs) != 0 {
			t.Errorf("Ensure: %v, %v", diffs, err)
		}
		checkRoom(t, url, 64<<30, 1)
		if !strings.Contains(log.String(), "trying again") || strings.Contains(log.String(), "fewer bytes") {
			t.Errorf("step %d: the log says %s", step, log.String())
		}
	}
}

// A stream that somebody deletes while a worker lives is whole again, though the worker's first attempt fails.
func TestKeepMakesStreamsWhole(t *testing.T) {
	t.Parallel()
	s, _ := start(t)
	topo := jetstream.DefaultTopology()
	for _, name := range []string{topo.Captures.Name, topo.Fixes.Name} {
		c := connect(t, jetstream.Options{URL: s.ClientURL()})
		deleteStream(t, s.ClientURL(), name)
		c.FailChanges(1, 1) // the stream was made then
		ctx, stop := context.WithCancel(t.Context())
		var keeping sync.WaitGroup
		keeping.Go(func() { c.Keep(ctx, topo) })
		if _, err := c.PublishCapture(ctx, "captures.net.a", "1", nil); name == topo.Captures.Name && code(err) != jetstream.CodeNoStream {
			t.Errorf("no stream: %v", err)
		}
		c.Miss()
		plain := plainStream(t, s.ClientURL())
		want := map[string]int64{topo.Captures.Name: topo.Captures.MaxBytes, topo.Fixes.Name: topo.Fixes.MaxBytes}[name]
		waitFor(t, name+" to be whole again", func() bool {
			live, err := plain.Stream(ctx, name)
			return err == nil && live.CachedInfo().Config.MaxBytes == want
		})
		stop()
		keeping.Wait()
	}
}

// What somebody wants to be small stays small, even as small as a stream is made with at first.
func TestSmallByWishStaysSmall(t *testing.T) {
	t.Parallel()
	url := startServer(t, &server.Options{})
	c := connect(t, jetstream.Options{URL: url})
	small, topo := jetstream.DefaultTopology(), jetstream.DefaultTopology()
	small.Captures.MaxBytes = 64 << 20
	for _, t1 := range []jetstream.Topology{small, topo} {
		if diffs, err := c.Ensure(within(t, patience), t1); err != nil || len(diffs) != 0 {
			t.Errorf("Ensure: %v, %v", diffs, err)
		}
	}
	if each, _ := maxBytes(t, url); each[topo.Captures.Name] != 64<<20 {
		t.Errorf("CAPTURES has %d bytes, want those that were asked for first", each[topo.Captures.Name])
	}
}
