package jetstream_test

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	js "github.com/nats-io/nats.go/jetstream"

	"foxhunt/jetstream"
)

// entries is how many captures have an entry among the claims.
func entries(t *testing.T, url string) uint64 {
	t.Helper()
	nc, err := nats.Connect(url)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	api, err := js.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := api.Stream(within(t, 5*time.Second), "KV_"+jetstream.BucketClaims)
	if err != nil {
		t.Fatal(err)
	}
	return stream.CachedInfo().State.Msgs
}

// begin is what a worker does before it works on a capture.
func begin(t *testing.T, d *jetstream.Delivery) (unfinished int) {
	t.Helper()
	unfinished = d.Unfinished(t.Context())
	d.Begin(t.Context())
	return unfinished
}

// Workers die one after another with the capture in hand. From its second delivery on that is noted, and counted.
func TestBeginCountsTheDead(t *testing.T) {
	t.Parallel()
	srv, c, topo := impatient(t, 200*time.Millisecond)
	publish(t, c, "captures.net.a", 1, 8)
	for i, want := range []int{0, 0, 1, 2, 3} {
		worker := connect(t, jetstream.Options{URL: srv.ClientURL()})
		d := next(t, newSource(t, worker, topo, jetstream.SourceOptions{}))
		if got := begin(t, d); got != want || d.NumDelivered() != i+1 {
			t.Errorf("delivery %d begins after %d that never ended, want delivery %d after %d", d.NumDelivered(), got, i+1, want)
		}
		worker.Close()
	}
	waits := connect(t, jetstream.Options{URL: srv.ClientURL()}) // this one dies before its turn comes
	if got := next(t, newSource(t, waits, topo, jetstream.SourceOptions{})).Unfinished(t.Context()); got != 4 {
		t.Errorf("%d that never ended, want 4", got)
	}
	waits.Close()
	s := newSource(t, c, topo, jetstream.SourceOptions{})
	d := next(t, s)
	if got := begin(t, d); got != 4 {
		t.Errorf("begun %d times before, want 4", got)
	}
	ack(t, d)
	waitFor(t, "the end of the entry", func() bool { return entries(t, srv.ClientURL()) == 0 })
}

// What is handed back has ended, however often.
func TestBeginForgetsWhatEnded(t *testing.T) {
	t.Parallel()
	srv, c := start(t)
	publish(t, c, "captures.net.a", 1, 8)
	s := newSource(t, c, jetstream.DefaultTopology(), jetstream.SourceOptions{})
	for range 5 {
		d := next(t, s)
		if got := begin(t, d); got != 0 {
			t.Errorf("delivery %d: %d that never ended, want none", d.NumDelivered(), got)
		}
		if err := d.Nak(0); err != nil {
			t.Fatal(err)
		}
	}
	d := next(t, s)
	if got := begin(t, d); got != 0 || entries(t, srv.ClientURL()) != 1 {
		t.Errorf("%d that never ended and %d entries, want 0 and this one's", got, entries(t, srv.ClientURL()))
	}
	if got := begin(t, d); got != 0 {
		t.Errorf("a worker that lives counts itself among the dead: %d", got)
	}
	if err := d.Term("x"); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the end of the entry", func() bool { return entries(t, srv.ClientURL()) == 0 })
}

// Without the bucket nothing is known, and everything goes on.
func TestBeginWithoutABucket(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	topo := jetstream.DefaultTopology()
	topo.Claims.Bucket = "no-such-bucket"
	publish(t, c, "captures.net.a", 1, 8)
	s := newSource(t, c, topo, jetstream.SourceOptions{})
	if err := next(t, s).Nak(0); err != nil {
		t.Fatal(err)
	}
	d := next(t, s)
	if got := begin(t, d); got != 0 {
		t.Errorf("%d that never ended, want 0", got)
	}
	ack(t, d)
}
