package doctor

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	js "github.com/nats-io/nats.go/jetstream"

	"foxhunt/jetstream"
	"foxhunt/messages"
)

func TestGoodFlow(t *testing.T) {
	t.Parallel()
	d := deploy(t, good)
	d.pull(t)
	for range leastFixes {
		d.publishFix(t, "a", func(*messages.Fix) {})
	}
	eventually(t, "an open pull", func() bool { return severityOf(examine(t, d.options()), "workers") == OK })
	all := examine(t, d.options())
	all.want(t, "workers", OK, "1 pulls")
	all.want(t, "ack_wait", OK, "AckWait is 30s", "last 5 captures", "within 20ms")
	for _, code := range []string{"lag", "oldest_capture", "dead_captures", "advisories", "dead_letters", "fixes", "station_clock", "station_residual",
		"station_position", "station_silent", "worker_clock"} {
		all.want(t, code, OK)
	}
}

func TestConsumer(t *testing.T) {
	t.Parallel()
	d := deploy(t, good)
	d.alterWorkers(t, func(c *js.ConsumerConfig) { c.MaxDeliver, c.MaxAckPending = -1, 8 })
	all := examine(t, d.options())
	all.want(t, "max_deliver", Error, "without end")
	all.want(t, "ack_pending", Info, "8 captures", "not 131072")

	consumer := d.alterWorkers(t, func(c *js.ConsumerConfig) { c.MaxDeliver, c.MaxAckPending = 3, 8 })
	for range 20 {
		d.publish(t, "captures.net.a", capture(t, time.Now()))
	}
	d.take(t, consumer, 8)
	all = examine(t, d.options())
	all.want(t, "max_deliver", Warning, "after 3 deliveries")
	all.want(t, "ack_pending", Warning, "8 captures are with the workers, of 8")
	all.want(t, "workers", Warning, "workers hold 8 captures and settled none")

	if _, err := d.api.PauseConsumer(soon(t), "CAPTURES", "workers", time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	examine(t, d.options()).want(t, "consumer_paused", Error, "paused for another")
}

// take fetches captures and keeps them, as a worker does that hangs.
func (d *deployment) take(t testing.TB, consumer js.Consumer, n int) []js.Msg {
	t.Helper()
	batch, err := consumer.Fetch(n)
	if err != nil {
		t.Fatal(err)
	}
	var taken []js.Msg
	for msg := range batch.Messages() {
		taken = append(taken, msg)
	}
	if len(taken) != n {
		t.Fatalf("took %d captures of %d: %v", len(taken), n, batch.Error())
	}
	return taken
}

func TestAckWait(t *testing.T) {
	t.Parallel()
	d := deploy(t, good)
	d.alterWorkers(t, func(c *js.ConsumerConfig) { c.AckWait = 10 * time.Second })
	examine(t, d.options()).want(t, "ack_wait", Info, "AckWait is 10s, not 30s; no fixes")
	for i, c := range []struct {
		milliseconds float64
		want         Severity
	}{{3900, OK}, {4100, Warning}, {9100, Error}} {
		d.publishFix(t, "a", func(f *messages.Fix) { f.Inference = c.milliseconds })
		all := examine(t, d.options())
		all.want(t, "ack_wait", c.want, "AckWait is 10s", "may have waited 1s")
		if i == 2 {
			all.want(t, "ack_wait", Error, "within 9.1s")
		}
	}
	d.alterWorkers(t, func(c *js.ConsumerConfig) { c.BackOff = []time.Duration{time.Second, time.Minute} })
	examine(t, d.options()).want(t, "ack_wait", Error, "AckWait is 1s")
}

func TestNoWorker(t *testing.T) {
	t.Parallel()
	d := deploy(t, good)
	examine(t, d.options()).want(t, "workers", Warning, "no worker pulls; no captures wait")
	d.publish(t, "captures.net.a", capture(t, time.Now()))
	all := examine(t, d.options())
	all.want(t, "workers", Error, "no worker pulls, and 1 captures wait")
	all.want(t, "lag", OK, "1 captures wait") // it does not grow
}

func TestLagGrows(t *testing.T) {
	d := deploy(t, good)
	ctx, stop := context.WithCancel(t.Context())
	var station sync.WaitGroup
	station.Go(func() {
		for ctx.Err() == nil {
			if _, err := d.api.Publish(ctx, "captures.net.a", make([]byte, 100)); err != nil && ctx.Err() == nil {
				t.Error(err)
				return
			}
		}
	})
	o := d.options()
	o.Look = time.Second // in every fifth of which a busy machine, too, stores something
	all := examine(t, o)
	stop()
	station.Wait()
	all.want(t, "lag", Warning, "the lag grew from", "a second")
}

// A capture that was delivered as often as it may be, and that no worker moved away.
func TestDeadCaptures(t *testing.T) {
	t.Parallel()
	d := deploy(t, good)
	consumer := d.alterWorkers(t, func(c *js.ConsumerConfig) { c.MaxDeliver = 1 })
	d.publish(t, "captures.net.a", capture(t, time.Now()))
	for _, msg := range d.take(t, consumer, 1) {
		if err := msg.Nak(); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "an advisory", func() bool {
		if _, err := consumer.FetchNoWait(1); err != nil { // the server notices when it is asked for more, once it has read the Nak
			t.Fatal(err)
		}
		stream, err := d.api.Stream(soon(t), "ADVISORIES")
		return err == nil && stream.CachedInfo().State.Msgs == 1
	})
	all := examine(t, d.options())
	all.want(t, "dead_captures", Error, "1 captures")
	all.want(t, "advisories", Warning, "1 advisories wait")

	reaping, stop := context.WithCancel(t.Context())
	defer stop()
	var reaper sync.WaitGroup
	reaper.Go(func() { d.conn.Reap(reaping, jetstream.DefaultTopology(), "test", func(string) {}, nil) })
	eventually(t, "a mended deployment", func() bool {
		all := examine(t, d.options())
		return severityOf(all, "dead_captures") == OK && severityOf(all, "advisories") == OK
	})
	examine(t, d.options()).want(t, "dead_letters", Warning, "1 dead letters in the last hour", "max_deliveries 1")
	stop()
	reaper.Wait()
}

// Nothing can be stored an hour ago, so the ages are judged alone.
func TestOldestCapture(t *testing.T) {
	t.Parallel()
	for seconds, want := range map[float64]Severity{5: OK, 61: Info, 601: Warning, 3601: Error} {
		f := &Facts{Readings: Fact[[]Reading]{Value: make([]Reading, 2)}}
		f.Readings.Value[1].OldestAge = &seconds
		wantOf(t, checkOldest(f), "oldest_capture", want, "the oldest capture has waited")
	}
	d := deploy(t, good)
	d.publish(t, "captures.net.a", capture(t, time.Now()))
	examine(t, d.options()).want(t, "oldest_capture", OK, "has waited 0s")
}

// A look that is cut short says so, and not that all is well.
func TestCutShort(t *testing.T) {
	t.Parallel()
	o := deploy(t, good).options()
	o.Look = time.Minute
	start := time.Now()
	examineFor(t, o, time.Second).want(t, "workers", Unknown, "the time was up")
	if took := time.Since(start); took > 3*time.Second {
		t.Errorf("it took %v", took)
	}
	fact := within(soon(t), func() (int, error) { return 3, nil })
	if fact.Value != 3 || !fact.seen() {
		t.Errorf("%+v", fact)
	}
	hangs := make(chan struct{})
	defer close(hangs)
	ctx, cancel := context.WithTimeoutCause(t.Context(), time.Millisecond, errors.New("too late"))
	defer cancel()
	if fact := within(ctx, func() (int, error) { <-hangs; return 0, nil }); fact.seen() || fact.Err.Error() != "no answer in time: too late" {
		t.Errorf("%+v", fact)
	}
}
