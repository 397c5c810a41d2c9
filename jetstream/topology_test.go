package jetstream_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	js "github.com/nats-io/nats.go/jetstream"

	"foxhunt/jetstream"
	"foxhunt/jetstream/jetstreamtest"
)

func TestEnsureAtOnceAndAgain(t *testing.T) {
	t.Parallel()
	s := jetstreamtest.Start(t)
	var wg sync.WaitGroup
	for range 8 { // as many workers start
		c := connect(t, jetstream.Options{URL: s.ClientURL()})
		wg.Go(func() {
			for range 2 {
				diffs, err := c.Ensure(t.Context(), jetstream.DefaultTopology())
				if err != nil || len(diffs) != 0 {
					t.Errorf("Ensure: %v, %v", diffs, err)
				}
			}
		})
	}
	wg.Wait()
}

func TestEnsureReportsAndApplyChanges(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	other := jetstream.DefaultTopology()
	other.Captures.MaxMsgsPerSubject = 7
	other.Fixes.MaxAge = time.Hour
	other.Workers.AckWait = time.Minute
	diffs, err := c.Ensure(t.Context(), other)
	if err != nil || len(diffs) != 3 {
		t.Fatalf("Ensure: %v, %v; want three differences", diffs, err)
	}
	want := "stream CAPTURES: max_msgs_per_subject is 10000, want 7"
	if diffs[0].String() != want {
		t.Errorf("the first difference is %q, want %q", diffs[0], want)
	}
	if again, err := c.Ensure(t.Context(), other); err != nil || len(again) != 3 {
		t.Errorf("Ensure changed something: %v, %v", again, err)
	}
	if changed, err := c.Apply(t.Context(), other); err != nil || len(changed) != 3 {
		t.Errorf("Apply: %v, %v; want three changes", changed, err)
	}
	if left, err := c.Ensure(t.Context(), other); err != nil || len(left) != 0 {
		t.Errorf("after Apply: %v, %v", left, err)
	}
	impossible := other
	impossible.Captures.Storage = js.MemoryStorage
	if _, err := c.Apply(t.Context(), impossible); code(err) != jetstream.CodeBadSetup || !strings.Contains(err.Error(), "CAPTURES") {
		t.Errorf("another storage: %v", err)
	}
}

// A dead letter is its capture and more headers, so a server that takes less than ours gets smaller captures.
func TestCapturesFitTheServer(t *testing.T) {
	t.Parallel()
	url := startServer(t, &server.Options{MaxPayload: 1 << 20})
	c := connect(t, jetstream.Options{URL: url})
	for range 2 {
		if diffs, err := c.Ensure(t.Context(), jetstream.DefaultTopology()); err != nil || len(diffs) != 0 {
			t.Fatalf("Ensure: %v, %v", diffs, err)
		}
	}
	if _, err := c.PublishCapture(t.Context(), "captures.net.a", "1", make([]byte, 1<<20-50_000)); err != nil {
		t.Errorf("a capture that fits: %v", err)
	}
	_, err := c.PublishCapture(t.Context(), "captures.net.a", "2", make([]byte, 1<<20-1000))
	if code(err) != jetstream.CodeTooLarge {
		t.Errorf("a capture whose dead letter would not fit: %v, want %s", err, jetstream.CodeTooLarge)
	}
}

// When the server takes larger messages later, so does the stream.
func TestCapturesGrowWithTheServer(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	small := jetstreamtest.StartWith(t, jetstream.EmbeddedOptions{StoreDir: dir, MaxPayload: 1 << 20})
	small.Connect(t)
	small.Shutdown()
	c := connect(t, jetstream.Options{URL: jetstreamtest.StartWith(t, jetstream.EmbeddedOptions{StoreDir: dir}).ClientURL()})
	if diffs, err := c.Ensure(t.Context(), jetstream.DefaultTopology()); err != nil || len(diffs) != 0 {
		t.Errorf("Ensure: %v, %v", diffs, err)
	}
	if _, err := c.PublishCapture(t.Context(), "captures.net.a", "1", make([]byte, 8<<20)); err != nil {
		t.Errorf("the largest capture: %v", err)
	}
}

// The server sets a stream's bytes aside: where there is less, each stream gets a share.
func TestStreamsFitTheDisk(t *testing.T) {
	t.Parallel()
	url := startServer(t, &server.Options{JetStreamMaxStore: 1 << 30})
	var wg sync.WaitGroup
	for range 4 { // as many workers start
		c := connect(t, jetstream.Options{URL: url})
		wg.Go(func() {
			for range 2 {
				if diffs, err := c.EnsureWhenReady(within(t, 15*time.Second), jetstream.DefaultTopology()); err != nil || len(diffs) != 0 {
					t.Errorf("Ensure: %v, %v", diffs, err)
				}
			}
		})
	}
	wg.Wait()
	c := connect(t, jetstream.Options{URL: url})
	if _, err := c.Apply(within(t, 15*time.Second), jetstream.DefaultTopology()); err != nil {
		t.Errorf("Apply where there is no room for it: %v", err)
	}
	if _, err := c.PublishCapture(t.Context(), "captures.net.a", "1", make([]byte, 500_000)); err != nil {
		t.Error(err)
	}
	checkTightBuckets(t)
	tight := connect(t, jetstream.Options{URL: startServer(t, &server.Options{JetStreamMaxStore: 1 << 20})})
	if _, err := tight.Ensure(t.Context(), jetstream.DefaultTopology()); code(err) != jetstream.CodeStreamFull {
		t.Errorf("a server with room for nothing: %v, want %s", err, jetstream.CodeStreamFull)
	}
}

// checkTightBuckets has streams leave less room than a bucket is to have.
func checkTightBuckets(t *testing.T) {
	t.Helper()
	topo := jetstream.DefaultTopology()
	streams := int64(0)
	for _, s := range []js.StreamConfig{topo.Captures, topo.Fixes, topo.Dead, topo.Advisories, topo.Events, topo.Models, topo.Met, topo.Heard} {
		streams += s.MaxBytes
	}
	url := startServer(t, &server.Options{JetStreamMaxStore: streams + 3*16<<20 + 20<<20})
	c := connect(t, jetstream.Options{URL: url})
	for range 2 {
		if diffs, err := c.Ensure(within(t, 15*time.Second), topo); err != nil || len(diffs) != 0 {
			t.Errorf("Ensure: %v, %v", diffs, err)
		}
	}
	bucket, err := plainStream(t, url).Stream(t.Context(), "KV_"+jetstream.BucketMeetings)
	if err != nil || bucket.CachedInfo().Config.MaxBytes != 16<<20 {
		t.Errorf("the bucket of events is %+v, %v; want it to have a quarter of what it should", bucket, err)
	}
}

// What was set aside must not keep the server from starting when the disk has filled up since.
func TestRestartWithLessRoom(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	room := func(most int64) (*server.Server, *jetstream.Conn) {
		s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true,
			JetStream: true, StoreDir: dir, JetStreamMaxStore: most})
		if err != nil {
			t.Fatal(err)
		}
		s.Start()
		t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
		if !s.ReadyForConnections(10 * time.Second) {
			t.Fatal("nats-server did not come up")
		}
		c := connect(t, jetstream.Options{URL: s.ClientURL()})
		if diffs, err := c.Ensure(within(t, 10*time.Second), jetstream.DefaultTopology()); err != nil || len(diffs) != 0 {
			t.Fatalf("Ensure: %v, %v", diffs, err)
		}
		return s, c
	}
	s, c := room(64 << 30)
	publish(t, c, "captures.net.a", 3, 1000)
	s.Shutdown()
	s.WaitForShutdown()
	_, c = room(1 << 30)
	publish(t, c, "captures.net.a", 1, 1000)
	if lag := mustLag(t, c); lag.Total != 4 {
		t.Errorf("%d captures wait, want 4", lag.Total)
	}
}

func TestEnsureWhenReady(t *testing.T) {
	t.Parallel()
	s := jetstreamtest.Start(t)
	var log logBuffer
	c := connect(t, jetstream.Options{URL: s.ClientURL(), Log: log.logger()})
	s.Shutdown()
	waitFor(t, "the connection's loss", func() bool { return !c.Connected() })
	short := within(t, 100*time.Millisecond)
	if _, err := c.EnsureWhenReady(short, jetstream.DefaultTopology()); err == nil {
		t.Error("streams were made without a server")
	}
	done := make(chan error)
	go func() {
		_, err := c.EnsureWhenReady(within(t, 20*time.Second), jetstream.DefaultTopology())
		done <- err
	}()
	s.Restart(t)
	if err := <-done; err != nil {
		t.Error(err)
	}
	bad := jetstream.DefaultTopology()
	bad.Captures.Name, bad.Captures.Subjects = "OTHER", []string{"fixes.net.*"} // which another stream has
	ctx := within(t, 10*time.Second)
	if _, err := c.EnsureWhenReady(ctx, bad); code(err) != jetstream.CodeBadSetup || ctx.Err() != nil {
		t.Errorf("a stream that cannot be: %v, want %s at once", err, jetstream.CodeBadSetup)
	}
}

func TestWithoutJetStream(t *testing.T) {
	t.Parallel()
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	defer s.Shutdown()
	if !s.ReadyForConnections(10 * time.Second) {
		t.Fatal("nats-server did not come up")
	}
	account := server.NewAccount("without")
	withAccounts := startServer(t, &server.Options{Accounts: []*server.Account{account}, Users: []*server.User{{Username: "u", Password: "p", Account: account}}})
	for _, url := range []string{s.ClientURL(), strings.Replace(withAccounts, "//", "//u:p@", 1)} {
		c := connect(t, jetstream.Options{URL: url})
		ctx := within(t, 10*time.Second)
		_, err := c.EnsureWhenReady(ctx, jetstream.DefaultTopology())
		if code(err) != jetstream.CodeBadSetup || !strings.Contains(err.Error(), "--jetstream") || ctx.Err() != nil {
			t.Errorf("without JetStream: %v, want %s at once", err, jetstream.CodeBadSetup)
		}
	}
}
