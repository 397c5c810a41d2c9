package jetstream_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"foxhunt/jetstream"
	"foxhunt/jetstream/jetstreamtest"
)

func TestPublishCaptureDuplicate(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	first, err := c.PublishCapture(t.Context(), "captures.net.a", "the-same-id", []byte("genuine"))
	if err != nil || first.Duplicate {
		t.Fatalf("first: %+v, %v", first, err)
	}
	second, err := c.PublishCapture(t.Context(), "captures.net.b", "the-same-id", []byte("another's"))
	if err != nil || !second.Duplicate {
		t.Errorf("a used id: %+v, %v; want Duplicate", second, err)
	}
	if lag := mustLag(t, c); lag.Total != 1 {
		t.Errorf("%d captures are stored, want 1", lag.Total)
	}
}

func TestStationOverLimit(t *testing.T) {
	t.Parallel()
	s := jetstreamtest.Start(t)
	c := connect(t, jetstream.Options{URL: s.ClientURL()})
	topo := jetstream.DefaultTopology()
	topo.Captures.MaxMsgsPerSubject = 3
	if _, err := c.Ensure(t.Context(), topo); err != nil {
		t.Fatal(err)
	}
	publish(t, c, "captures.net.flood", 3, 8)
	_, err := c.PublishCapture(t.Context(), "captures.net.flood", "one-more", nil)
	if code(err) != jetstream.CodeStationOverLimit || !strings.Contains(err.Error(), "captures.net.flood") {
		t.Errorf("over the limit: %v, want %s", err, jetstream.CodeStationOverLimit)
	}
	publish(t, c, "captures.net.calm", 3, 8)
	if lag := mustLag(t, c); lag.Total != 6 {
		t.Errorf("%d captures wait, want 6", lag.Total)
	}
}

func TestStreamFull(t *testing.T) {
	t.Parallel()
	s := jetstreamtest.Start(t)
	c := connect(t, jetstream.Options{URL: s.ClientURL()})
	topo := jetstream.DefaultTopology()
	topo.Captures.MaxBytes = 10_000
	if _, err := c.Ensure(t.Context(), topo); err != nil {
		t.Fatal(err)
	}
	publish(t, c, "captures.net.a", 1, 6000)
	_, err := c.PublishCapture(t.Context(), "captures.net.b", "id", make([]byte, 6000))
	if code(err) != jetstream.CodeStreamFull {
		t.Errorf("a full stream: %v, want %s", err, jetstream.CodeStreamFull)
	}
}

func TestPublishTooLargeAndTheLargest(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	if _, err := c.PublishCapture(t.Context(), "captures.net.a", "id", make([]byte, 9<<20)); code(err) != jetstream.CodeTooLarge {
		t.Errorf("9 MiB: %v, want %s", err, jetstream.CodeTooLarge)
	}
	if _, err := c.PublishCapture(t.Context(), "captures.net.a", strings.Repeat("i", 65<<10), nil); code(err) != jetstream.CodeTooLarge {
		t.Errorf("65 KiB of headers: %v, want %s", err, jetstream.CodeTooLarge)
	}
	big := make([]byte, 8<<20)
	big[len(big)-1] = 7
	if _, err := c.PublishCapture(t.Context(), "captures.net.a", "id", big); err != nil {
		t.Fatalf("8 MiB: %v", err)
	}
	d := next(t, newSource(t, s.Connect(t), jetstream.DefaultTopology(), jetstream.SourceOptions{}))
	if len(d.Data) != len(big) || d.Data[len(big)-1] != 7 {
		t.Errorf("%d bytes came back, want %d", len(d.Data), len(big))
	}
	ack(t, d)
}

func TestNoFoxhuntIsListening(t *testing.T) {
	t.Parallel()
	s := jetstreamtest.Start(t)
	c := connect(t, jetstream.Options{URL: s.ClientURL()})
	_, err := c.PublishCapture(t.Context(), "captures.net.a", "id", nil)
	if code(err) != jetstream.CodeNoStream || !strings.Contains(err.Error(), "no stream answers for captures.net.a: none is made yet") || !strings.Contains(err.Error(), "foxhunt doctor") {
		t.Errorf("without a stream: %v", err)
	}
	if _, err := c.Lag(t.Context(), jetstream.DefaultTopology(), 0); code(err) != jetstream.CodeNoStream {
		t.Errorf("lag without a stream: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if _, err := c.PublishFix(ctx, "fixes.net.a", "id", "application/json", nil); code(err) != jetstream.CodeNoStream {
		t.Errorf("a fix without a stream: %v", err)
	}
}

func TestPublishFixOverAServerRestart(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	s.Shutdown()
	done := make(chan error)
	go func() {
		_, err := c.PublishFix(within(t, 15*time.Second), "fixes.net.a", "fix-1", "application/json", []byte("{}"))
		done <- err
	}()
	s.Restart(t)
	if err := <-done; err != nil {
		t.Errorf("a fix published while the server restarts: %v", err)
	}
	if _, err := c.PublishFix(t.Context(), "fixes.net.a", "fix-1", "application/json", []byte("{}")); err != nil {
		t.Errorf("the same fix again: %v", err)
	}
}

func TestPublisherBoundsBytes(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	const most = 3 << 20
	p := c.NewPublisher(most)
	var worst, calls atomic.Int64
	for i := range 40 {
		data := make([]byte, 1_150_000)
		err := p.Publish(t.Context(), "captures.net.a", "id-"+string(rune('a'+i)), data, func(s jetstream.Stored, err error) {
			if err != nil || s.Sequence == 0 {
				t.Errorf("stored %+v, %v", s, err)
			}
			calls.Add(1)
		})
		if err != nil {
			t.Fatal(err)
		}
		worst.Store(max(worst.Load(), p.Stats().OutstandingBytes))
	}
	p.Wait()
	if worst.Load() > most || p.Stats() != (jetstream.PublisherStats{Stored: 40}) || calls.Load() != 40 {
		t.Errorf("%d bytes under way of %d allowed, %+v, %d outcomes", worst.Load(), most, p.Stats(), calls.Load())
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.Publish(ended, "captures.net.a", "never", make([]byte, most), nil); err == nil && p.Stats().Failed == 0 {
		p.Wait()
		if p.Stats().Failed != 1 {
			t.Error("a publish after its context's end neither failed nor was refused")
		}
	}
}

func TestPublisherCountsOutcomes(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	p := c.NewPublisher(0)
	for _, size := range []int{10, 10, 9 << 20} { // stored, the same id again, too large
		if err := p.Publish(t.Context(), "captures.net.a", "id", make([]byte, size), nil); err != nil {
			t.Fatal(err)
		}
		p.Wait()
	}
	if got, want := p.Stats(), (jetstream.PublisherStats{Stored: 1, Duplicates: 1, Failed: 1}); got != want {
		t.Errorf("stats %+v, want %+v", got, want)
	}
}
