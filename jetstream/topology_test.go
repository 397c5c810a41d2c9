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
				if diffs, err := c.EnsureWhenReady(within(t, patience), jetstream.DefaultTopology()); err != nil || len(diffs) != 0 {
					t.Errorf("Ensure: %v, %v", diffs, err)
				}
			}
		})
	}
	wg.Wait()
	c := connect(t, jetstream.Options{URL: url})
	if _, err := c.Apply(within(t, patience), jetstream.DefaultTopology()); err != nil {
		t.Errorf("Apply where there is no room for it: %v", err)
	}
	if _, err := c.PublishCapture(t.Context(), "captures.net.a", "1", make([]byte, 500_000)); err != nil {
		t.Error(err)
	}
	tight := connect(t, jetstream.Options{URL: startServer(t, &server.Options{JetStreamMaxStore: 1 << 20})})
	_, err := tight.Ensure(t.Context(), jetstream.DefaultTopology())
	if code(err) != jetstream.CodeNoRoom || !strings.Contains(err.Error(), "--captures-bytes") || !strings.Contains(err.Error(), "max_file_store") {
		t.Errorf("a server with room for nothing: %v, want %s and what to do", err, jetstream.CodeNoRoom)
	}
}

// maxBytes are those of the streams at the server, by name; of a bucket that of its stream.
func maxBytes(t *testing.T, url string) (each map[string]int64, all int64) {
	t.Helper()
	return maxBytesOf(t, url, 12)
}

func maxBytesOf(t *testing.T, url string, streamCount int) (each map[string]int64, all int64) {
	t.Helper()
	each = map[string]int64{}
	streams := plainStream(t, url).ListStreams(within(t, patience))
	for info := range streams.Info() {
		each[info.Config.Name] = info.Config.MaxBytes
		all += info.Config.MaxBytes
	}
	if err := streams.Err(); err != nil || len(each) != streamCount {
		t.Fatalf("streams %v, %v", each, err)
	}
	return each, all
}

// checkRoom holds what a server of so much room has set aside against what it should.
func checkRoom(t *testing.T, url string, room, share int64) {
	t.Helper()
	each, all := maxBytes(t, url)
	topo := jetstream.DefaultTopology()
	for _, s := range []js.StreamConfig{topo.Captures, topo.Fixes, topo.Dead, topo.Models} {
		if each[s.Name] != s.MaxBytes/share {
			t.Errorf("with %d MiB %s has %d bytes; want 1/%d of %d", room>>20, s.Name, each[s.Name], share, s.MaxBytes)
		}
	}
	for _, s := range []js.StreamConfig{topo.Advisories, topo.Events, topo.Meetings, topo.Met, topo.Heard} {
		if each[s.Name] != s.MaxBytes {
			t.Errorf("with %d MiB %s has %d bytes of %d", room>>20, s.Name, each[s.Name], s.MaxBytes)
		}
	}
	for _, b := range []js.KeyValueConfig{topo.Leases, topo.Claims, topo.Rollout} {
		if each["KV_"+b.Bucket] != b.MaxBytes {
			t.Errorf("with %d MiB the bucket %s has %d bytes of %d", room>>20, b.Bucket, each["KV_"+b.Bucket], b.MaxBytes)
		}
	}
	if all > room {
		t.Errorf("%d bytes are set aside of %d", all, room)
	}
}

// What is small is whole on the smallest disk, and what is large takes an even share of the rest, which --apply raises.
func TestShares(t *testing.T) {
	t.Parallel()
	for room, share := range map[int64]int64{1 << 30: 64, 3 << 30: 16, 10 << 30: 4, 14 << 30: 4, 17 << 30: 2, 32 << 30: 2, 33 << 30: 1, 448 << 20: 256} {
		url := startServer(t, &server.Options{JetStreamMaxStore: room})
		var log logBuffer
		c := connect(t, jetstream.Options{URL: url, Log: log.logger()})
		for range 2 {
			if diffs, err := c.Ensure(within(t, patience), jetstream.DefaultTopology()); err != nil || len(diffs) != 0 {
				t.Errorf("Ensure: %v, %v", diffs, err)
			}
		}
		checkRoom(t, url, room, share)
		if said := strings.Count(log.String(), "--captures-bytes"); said != map[bool]int{true: 2}[share > 1] { // one line a start
			t.Errorf("with %d GiB the log says %s", room>>30, log.String())
		}
	}
}

// A disk that grew is used when --apply asks for that.
func TestApplyRaisesShares(t *testing.T) {
	t.Parallel()
	options := server.Options{JetStreamMaxStore: 10 << 30, StoreDir: t.TempDir()}
	small := options
	s, c := runServer(t, &small)
	if _, err := c.Ensure(within(t, patience), jetstream.DefaultTopology()); err != nil {
		t.Fatal(err)
	}
	s.Shutdown()
	s.WaitForShutdown()
	options.JetStreamMaxStore = 64 << 30
	s, c = runServer(t, &options)
	if diffs, err := c.Ensure(within(t, patience), jetstream.DefaultTopology()); err != nil || len(diffs) != 0 {
		t.Errorf("Ensure: %v, %v", diffs, err)
	}
	checkRoom(t, s.ClientURL(), 10<<30, 4)
	diffs, err := c.Apply(within(t, patience), jetstream.DefaultTopology())
	if err != nil || len(diffs) != 4 || diffs[0].String() != "stream CAPTURES: max_bytes is 4294967296, want 17179869184" {
		t.Errorf("Apply: %v, %v", diffs, err)
	}
	checkRoom(t, s.ClientURL(), 64<<30, 1)
}

// runServer is startServer of a server that the test stops.
func runServer(t *testing.T, o *server.Options) (*server.Server, *jetstream.Conn) {
	t.Helper()
	o.Host, o.Port, o.NoSigs, o.NoLog, o.JetStream = "127.0.0.1", server.RANDOM_PORT, true, true, true
	s, err := server.NewServer(o)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(patience) {
		t.Fatal("nats-server did not come up")
	}
	return s, connect(t, jetstream.Options{URL: s.ClientURL()})
}

// A server that is full of large streams, as before an upgrade that brings another bucket, has a little left for it.
func TestTightBucket(t *testing.T) {
	t.Parallel()
	topo := jetstream.DefaultTopology()
	s, c := runServer(t, &server.Options{JetStreamMaxStore: 33 << 30, StoreDir: t.TempDir()})
	if _, err := c.Ensure(within(t, patience), topo); err != nil {
		t.Fatal(err)
	}
	plain := plainStream(t, s.ClientURL())
	if err := plain.DeleteStream(t.Context(), topo.Meetings.Name); err != nil {
		t.Fatal(err)
	}
	_, all := maxBytesOf(t, s.ClientURL(), 11)
	if _, err := plain.CreateStream(t.Context(), js.StreamConfig{Name: "OTHERS", Subjects: []string{"others"}, MaxBytes: 33<<30 - all - 20<<20}); err != nil {
		t.Fatal(err)
	}
	if diffs, err := c.Ensure(within(t, patience), topo); err != nil || len(diffs) != 0 {
		t.Errorf("Ensure: %v, %v", diffs, err)
	}
	bucket, err := plain.Stream(t.Context(), topo.Meetings.Name)
	if err != nil || bucket.CachedInfo().Config.MaxBytes != 16<<20 {
		t.Errorf("the bucket of events is %+v, %v; want it to have a quarter of what it should", bucket, err)
	}
}

// What was set aside must not keep the server from starting when the disk has filled up since.
func TestRestartWithLessRoom(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	room := func(most int64) (*server.Server, *jetstream.Conn) {
		s, c := runServer(t, &server.Options{StoreDir: dir, JetStreamMaxStore: most})
		if diffs, err := c.Ensure(within(t, patience), jetstream.DefaultTopology()); err != nil || len(diffs) != 0 {
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
		_, err := c.EnsureWhenReady(within(t, patience), jetstream.DefaultTopology())
		done <- err
	}()
	s.Restart(t)
	if err := <-done; err != nil {
		t.Error(err)
	}
	bad := jetstream.DefaultTopology()
	bad.Captures.Name, bad.Captures.Subjects = "OTHER", []string{"fixes.net.*"} // which another stream has
	ctx := within(t, patience)
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
	if !s.ReadyForConnections(patience) {
		t.Fatal("nats-server did not come up")
	}
	account := server.NewAccount("without")
	withAccounts := startServer(t, &server.Options{Accounts: []*server.Account{account}, Users: []*server.User{{Username: "u", Password: "p", Account: account}}})
	for _, url := range []string{s.ClientURL(), strings.Replace(withAccounts, "//", "//u:p@", 1)} {
		c := connect(t, jetstream.Options{URL: url})
		ctx := within(t, patience)
		_, err := c.EnsureWhenReady(ctx, jetstream.DefaultTopology())
		if code(err) != jetstream.CodeBadSetup || !strings.Contains(err.Error(), "--jetstream") || ctx.Err() != nil {
			t.Errorf("without JetStream: %v, want %s at once", err, jetstream.CodeBadSetup)
		}
	}
}
