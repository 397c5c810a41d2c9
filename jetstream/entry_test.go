package jetstream_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"foxhunt/jetstream"
	"foxhunt/rollout"
	"foxhunt/rollout/rollouttest"
)

func TestRolloutEntry(t *testing.T) {
	t.Parallel()
	s, _ := start(t)
	rollouttest.Entry(t, func(t *testing.T) rollout.Entry { return s.Connect(t).RolloutEntry(jetstream.DefaultTopology()) })
}

// watch hears the entry's values until the test ends.
func watch(t *testing.T, c *jetstream.Conn) <-chan string {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	heard, ended := make(chan string, 1000), make(chan error, 1)
	go func() {
		ended <- c.RolloutEntry(jetstream.DefaultTopology()).Watch(ctx, func(value []byte) {
			heard <- string(bytes.Clone(value))
		})
	}()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("Watch: %v", err)
		}
	})
	return heard
}

func hear(t *testing.T, heard <-chan string, want string) {
	t.Helper()
	if got := nextHeard(t, heard); got != want {
		t.Errorf("heard %q, want %q", got, want)
	}
}

func nextHeard(t *testing.T, heard <-chan string) string {
	t.Helper()
	select {
	case got := <-heard:
		return got
	case <-time.After(15 * time.Second):
		t.Fatal("nothing was heard within 15 s")
		return ""
	}
}

func put(t *testing.T, c *jetstream.Conn, value string) {
	t.Helper()
	entry := c.RolloutEntry(jetstream.DefaultTopology())
	waitFor(t, "a change of the plan", func() bool {
		_, revision, err := entry.Get(within(t, 15*time.Second))
		if err != nil {
			return false
		}
		_, err = entry.Put(within(t, 15*time.Second), []byte(value), revision)
		return err == nil
	})
}

// TestRolloutWatchSurvives takes away what a watch stands on: the connection, the server, the entry, the bucket.
func TestRolloutWatchSurvives(t *testing.T) {
	t.Parallel()
	s, _ := start(t)
	var log logBuffer
	watcher := connect(t, jetstream.Options{URL: s.ClientURL(), Log: log.logger()})
	heard := watch(t, watcher)
	hear(t, heard, "")
	put(t, s.Connect(t), "one")
	hear(t, heard, "one")
	s.Restart(t)
	put(t, s.Connect(t), "two")
	hear(t, heard, "two")

	plain, bucket := plainStream(t, s.ClientURL()), jetstream.BucketRollout
	kv, err := plain.KeyValue(t.Context(), bucket)
	if err != nil {
		t.Fatal(err)
	}
	if err := kv.Delete(t.Context(), "plan"); err != nil {
		t.Fatal(err)
	}
	hear(t, heard, "")
	put(t, s.Connect(t), "three") // on top of what says that it was deleted
	hear(t, heard, "three")
	history, err := watcher.RolloutEntry(jetstream.DefaultTopology()).(rollout.History).History(within(t, 15*time.Second))
	if err != nil || fmt.Sprintf("%q", history) != `["three" "" "two" "one"]` || history[1] != nil {
		t.Errorf("the versions are %q, %v", history, err)
	}

	if err := plain.DeleteKeyValue(t.Context(), bucket); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "a word about the missing bucket", func() bool { return strings.Contains(log.String(), "the last one holds") })
	put(t, s.Connect(t), "four") // its revision is lower than those before
	got := nextHeard(t, heard)
	if got == "" { // the bucket was seen before anything was in it
		got = nextHeard(t, heard)
	}
	if got != "four" {
		t.Errorf("heard %q, want four", got)
	}
	select {
	case extra := <-heard:
		t.Errorf("heard %q twice", extra)
	default:
	}
}

// TestRolloutInACluster loses the server that the bucket's leader is on, and the one that the watcher is connected to.
func TestRolloutInACluster(t *testing.T) {
	t.Parallel()
	servers, c := startCluster(t)
	heard := watch(t, c)
	hear(t, heard, "")
	put(t, c, "one")
	hear(t, heard, "one")
	leader := leaderOf(t, c, "KV_"+jetstream.BucketRollout)
	for _, s := range servers {
		if s.Name() == leader {
			s.Shutdown()
			s.WaitForShutdown()
		}
	}
	put(t, c, "two")
	hear(t, heard, "two")
}

// startCluster starts three servers with foxhunt's streams on all of them, and a connection to any.
func startCluster(t *testing.T) ([]*server.Server, *jetstream.Conn) {
	t.Helper()
	var servers []*server.Server
	var urls []string
	for _, o := range clusterOptions(t) {
		s, err := server.NewServer(o)
		if err != nil {
			t.Fatal(err)
		}
		s.Start()
		t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
		if !s.ReadyForConnections(time.Minute) {
			t.Fatal("nats-server did not come up")
		}
		servers, urls = append(servers, s), append(urls, s.ClientURL())
	}
	c := connect(t, jetstream.Options{URL: strings.Join(urls, ",")})
	if _, err := c.EnsureWhenReady(within(t, time.Minute), jetstream.DefaultTopology().WithReplicas(3)); err != nil {
		t.Fatal(err)
	}
	return servers, c
}

func leaderOf(t *testing.T, c *jetstream.Conn, stream string) string {
	t.Helper()
	inventory, err := c.Inspect(within(t, 15*time.Second), jetstream.DefaultTopology().WithReplicas(3))
	if err != nil {
		t.Fatal(err)
	}
	for _, state := range append(inventory.Streams, inventory.Buckets...) {
		if state.Name == stream && state.Info != nil && state.Info.Cluster != nil {
			return state.Info.Cluster.Leader
		}
	}
	t.Fatalf("%s has no leader", stream)
	return ""
}

// TestRolloutPutAgain has an answer get lost: the change is made once, and not taken for somebody else's.
func TestRolloutPutAgain(t *testing.T) {
	t.Parallel()
	s, direct := start(t)
	cable := newLink(t, strings.TrimPrefix(s.ClientURL(), "nats://"))
	c := connect(t, jetstream.Options{URL: "nats://" + cable.address()})
	entry := c.RolloutEntry(jetstream.DefaultTopology())
	first, err := entry.Put(within(t, 15*time.Second), []byte("one"), 0)
	if err != nil {
		t.Fatal(err)
	}
	var attempts atomic.Int32
	stop, err := direct.SubscribePlain("$KV."+jetstream.BucketRollout+".plan", func(string, []byte) { attempts.Add(1) })
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
		revision, err := entry.Put(within(t, 30*time.Second), []byte("two"), first)
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

// TestRolloutWithoutBucket says so.
func TestRolloutWithoutBucket(t *testing.T) {
	t.Parallel()
	c := connect(t, jetstream.Options{URL: startServer(t, &server.Options{})})
	entry := c.RolloutEntry(jetstream.DefaultTopology())
	if _, _, err := entry.Get(within(t, 15*time.Second)); code(err) != jetstream.CodeNoStream {
		t.Errorf("reading: %v", err)
	}
	if _, err := entry.Put(within(t, 15*time.Second), []byte("x"), 0); code(err) != jetstream.CodeNoStream {
		t.Errorf("writing: %v", err)
	}
	if _, err := c.ServerTime(within(t, 15*time.Second), jetstream.DefaultTopology()); code(err) != jetstream.CodeNoStream {
		t.Errorf("the time: %v", err)
	}
}

func TestServerTime(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	before := time.Now()
	now, err := c.ServerTime(t.Context(), jetstream.DefaultTopology())
	if err != nil || now.Before(before.Add(-time.Second)) || now.After(time.Now().Add(time.Second)) {
		t.Errorf("%v, %v; it is %v", now, err, before)
	}
}

func TestEvents(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	topo := jetstream.DefaultTopology()
	for _, kind := range []string{"", "Loaded", "a.b", "a b", ">"} {
		if err := c.PublishEvent(t.Context(), kind, nil); code(err) != jetstream.CodeBadOption {
			t.Errorf("an event of kind %q: %v", kind, err)
		}
	}
	read := func(since time.Time) (got []string) {
		for e, err := range c.Events(within(t, 15*time.Second), topo, since, false) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, e.Kind+" "+string(e.Body))
		}
		return got
	}
	if got := read(time.Time{}); len(got) != 0 {
		t.Errorf("there are %q", got)
	}
	for i, kind := range []string{"loaded", "promoted", "rolled_back"} {
		if err := c.PublishEvent(t.Context(), kind, fmt.Append(nil, i)); err != nil {
			t.Fatal(err)
		}
	}
	if got := strings.Join(read(time.Time{}), ","); got != "loaded 0,promoted 1,rolled_back 2" {
		t.Errorf("there are %q", got)
	}
	if got := read(time.Now().Add(time.Hour)); len(got) != 0 {
		t.Errorf("of the future there are %q", got)
	}
	ctx, stop := context.WithCancel(within(t, 30*time.Second))
	followed := make(chan string, 10)
	ended := make(chan error, 1)
	go func() {
		for e, err := range c.Events(ctx, topo, time.Time{}, true) {
			if err != nil {
				ended <- err
				return
			}
			followed <- e.Kind
		}
	}()
	for _, want := range []string{"loaded", "promoted", "rolled_back"} {
		hear(t, followed, want)
	}
	s.Restart(t)
	if err := c.PublishEvent(within(t, 15*time.Second), "stopped", []byte("{}")); err != nil {
		t.Fatal(err)
	}
	hear(t, followed, "stopped")
	stop()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("it ended with %v", err)
	}
	none := connect(t, jetstream.Options{URL: startServer(t, &server.Options{})})
	for _, err := range none.Events(within(t, 15*time.Second), topo, time.Time{}, false) {
		if code(err) != jetstream.CodeNoStream {
			t.Errorf("without a stream: %v", err)
		}
	}
}
