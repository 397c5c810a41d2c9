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
	if _, err := c.Apply(t.Context(), impossible); code(err) != jetstream.CodeServer || !strings.Contains(err.Error(), "CAPTURES") {
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
	c := connect(t, jetstream.Options{URL: s.ClientURL()})
	if _, err := c.Ensure(within(t, 5*time.Second), jetstream.DefaultTopology()); err == nil || !strings.Contains(err.Error(), "JetStream") {
		t.Errorf("a server without JetStream: %v", err)
	}
}
