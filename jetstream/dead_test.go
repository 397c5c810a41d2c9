package jetstream_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	js "github.com/nats-io/nats.go/jetstream"

	"foxhunt/jetstream"
	"foxhunt/jetstream/jetstreamtest"
	"foxhunt/meeting"
	"foxhunt/messages"
)

// deadLetters reads the n dead letters that there must be.
func deadLetters(t *testing.T, url string, n int) []*messages.DeadLetter {
	t.Helper()
	nc, err := nats.Connect(url)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	j, err := js.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := j.Stream(t.Context(), jetstream.StreamDead)
	if err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the dead letters' coming", func() bool {
		info, err := stream.Info(t.Context())
		return err == nil && info.State.Msgs >= uint64(n)
	})
	if got := stream.CachedInfo().State.Msgs; got != uint64(n) {
		t.Fatalf("%d dead letters, want %d", got, n)
	}
	var all []*messages.DeadLetter
	for seq := 1; seq <= n; seq++ {
		raw, err := stream.GetMsg(t.Context(), uint64(seq))
		if err != nil {
			t.Fatal(err)
		}
		d, err := messages.DecodeDeadLetter(raw.Data, raw.Header)
		if err != nil {
			t.Fatal(err)
		}
		if raw.Subject != messages.DeadSubject(d.Subject) {
			t.Errorf("the dead letter of %s is on %s", d.Subject, raw.Subject)
		}
		all = append(all, d)
	}
	return all
}

func TestPublishDeadOnce(t *testing.T) {
	t.Parallel()
	srv, c := start(t)
	body := bytes.Repeat([]byte{0, 0xff, '\n'}, 1000)
	letter := &messages.DeadLetter{
		Body: body, Subject: "captures.net.a", Headers: map[string][]string{"Nats-Msg-Id": {"id-1"}},
		Reason: "bad_rate", Sentence: "rx[1].rate is 0\nwant more", Deliveries: 2, Worker: "w1", Time: time.Now(),
	}
	for sequence := range uint64(3) { // the same capture: tried again, or published again after a crash of the server
		stored, err := c.PublishDead(t.Context(), 42+sequence/2, letter)
		if err != nil || stored.Duplicate != (sequence > 0) {
			t.Fatalf("attempt %d: %+v, %v", sequence, stored, err)
		}
	}
	other, nameless := *letter, *letter
	other.Headers = map[string][]string{"Nats-Msg-Id": {"id-2"}}
	nameless.Headers = nil // two alike, as far as anybody can tell, are two by their sequence
	for sequence, l := range []*messages.DeadLetter{&other, &nameless, &nameless} {
		if _, err := c.PublishDead(t.Context(), uint64(50+sequence), l); err != nil {
			t.Fatal(err)
		}
	}
	ids := map[string]int{}
	for _, d := range deadLetters(t, srv.ClientURL(), 4) {
		ids[strings.Join(d.Headers["Nats-Msg-Id"], "")]++
		if !bytes.Equal(d.Body, body) || d.Reason != "bad_rate" || d.Deliveries != 2 {
			t.Errorf("dead letter %+v", d)
		}
	}
	if ids["id-1"] != 1 || ids["id-2"] != 1 || ids[""] != 2 {
		t.Errorf("letters by id: %v; want one of each, and both of those without", ids)
	}
}

// The largest capture that is taken must fit as a dead letter, too.
func TestPublishDeadOfTheLargest(t *testing.T) {
	t.Parallel()
	srv, c := start(t)
	letter := &messages.DeadLetter{Body: make([]byte, 8<<20), Subject: "captures.net.a", Reason: "bad_rate", Sentence: "x", Time: time.Now()}
	letter.Headers = map[string][]string{"X-Long": {string(bytes.Repeat([]byte{'x'}, 15<<10))}}
	if _, err := c.PublishDead(t.Context(), 1, letter); err != nil {
		t.Fatal(err)
	}
	if d := deadLetters(t, srv.ClientURL(), 1)[0]; len(d.Body) != 8<<20 {
		t.Errorf("%d bytes", len(d.Body))
	}
}

// A stranger's subject and headers may be as long as a server takes. The dead letter is longer still, and must not cost the
// connection, nor be tried again for ever.
func TestPublishDeadOfTheHostile(t *testing.T) {
	t.Parallel()
	srv, c := start(t)
	many := map[string][]string{"Nats-Msg-Id": {"id"}}
	for i := range 2500 { // 60 KiB without the prefix of each
		many[fmt.Sprintf("Header-%04d", i)] = []string{"0123456"}
	}
	subject := "captures.a." + strings.Repeat("b", 4000)
	publish(t, c, subject, 1, 8)
	for i, letter := range []*messages.DeadLetter{
		{Subject: subject, Reason: "bad_subject"},
		{Subject: subject[:len(subject)-1] + "c", Reason: "bad_subject"}, // not the same, though the first 512 bytes are
		{Subject: "captures.net.a", Reason: "bad_rate", Headers: many},
		{Subject: "captures.net.b", Reason: "bad_rate", Headers: map[string][]string{"X": {strings.Repeat("x", 63<<10)}}},
	} {
		letter.Body, letter.Time = []byte("body"), time.Now()
		if _, err := c.PublishDead(within(t, 5*time.Second), uint64(1+i/2), letter); err != nil {
			t.Fatalf("letter %d: %v", i, err)
		}
	}
	got := deadLetters(t, srv.ClientURL(), 4)
	if !strings.HasPrefix(got[0].Subject, "captures.a.bbb") || len(got[0].Subject) != 512 {
		t.Errorf("the long subject became %q", got[0].Subject)
	}
	if got[2].LeftOut == 0 || len(got[2].Headers)+got[2].LeftOut != len(many) || got[3].LeftOut != 1 {
		t.Errorf("%d headers of %d were kept, %d left out; of the long one %d", len(got[2].Headers), len(many), got[2].LeftOut, got[3].LeftOut)
	}
}

// Where the stream takes no more than the capture, its dead letter goes without the capture's headers.
func TestPublishDeadWithoutHeaders(t *testing.T) {
	t.Parallel()
	srv := jetstreamtest.Start(t)
	c := connect(t, jetstream.Options{URL: srv.ClientURL()})
	topo := jetstream.DefaultTopology()
	topo.Dead.MaxMsgSize = 11_000
	if _, err := c.Ensure(t.Context(), topo); err != nil {
		t.Fatal(err)
	}
	letter := &messages.DeadLetter{Body: make([]byte, 10_000), Subject: "captures.net.a", Reason: "bad_rate", Time: time.Now(),
		Headers: map[string][]string{"A": {strings.Repeat("x", 2000)}, "B": {"y"}}}
	if _, err := c.PublishDead(within(t, 5*time.Second), 1, letter); err != nil {
		t.Fatal(err)
	}
	if d := deadLetters(t, srv.ClientURL(), 1)[0]; len(d.Headers) != 0 || d.LeftOut != 2 {
		t.Errorf("headers %v, %d left out", d.Headers, d.LeftOut)
	}
}

// TestReap has a capture fail as often as it may, as with a worker that dies each time.
func TestReap(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	publish(t, w.Conn, "captures.net.poison", 1, 50_000)
	w.neverAnswer(t, "captures.net.poison")
	waitFor(t, "the capture's giving up", func() bool { lag := mustLag(t, w.Conn); return lag.Dead == 1 && lag.Total == 1 })
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var reapers sync.WaitGroup
	for range 2 { // as many reapers as workers
		reapers.Go(func() {
			w.Reap(ctx, w.topology, "w1", func(code string) {
				if code == jetstream.ReasonMaxDeliveries {
					w.counted.Add(1)
				}
			}, nil)
		})
	}
	waitFor(t, "the capture's removal", func() bool { return mustLag(t, w.Conn).Total == 0 })
	cancel()
	reapers.Wait()
	d := w.expect(t, 0, 1, 1)[0]
	if d.Reason != jetstream.ReasonMaxDeliveries || d.Subject != "captures.net.poison" || len(d.Body) != 50_000 || d.Deliveries != 2 || d.Worker != "w1" {
		t.Errorf("dead letter %+v", d)
	}
}

// TestReapLeavesNoLetterOfAMember has a capture delivered too often that the fix of an event rests on, which cannot be told at
// once.
func TestReapLeavesNoLetterOfAMember(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	publish(t, w.Conn, "captures.net.member", 1, 100)
	w.neverAnswer(t, "captures.net.member")
	var asked atomic.Int64
	met := func(_ context.Context, subject string, capture []byte, place meeting.Place) (bool, error) {
		if subject != "captures.net.member" || len(capture) != 100 || place.Sequence != 1 || time.Since(place.StoredTime()).Abs() > time.Minute {
			t.Errorf("asked about %q of %d bytes at %+v", subject, len(capture), place)
		}
		if asked.Add(1) == 1 {
			return false, errors.New("NATS is away")
		}
		return true, nil
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var reaper sync.WaitGroup
	reaper.Go(func() { w.Reap(ctx, w.topology, "w1", func(string) { w.counted.Add(1) }, met) })
	waitFor(t, "the capture's removal", func() bool { return mustLag(t, w.Conn).Total == 0 })
	cancel()
	reaper.Wait()
	w.expect(t, 0, 0, 0)
}

// An advisory names a sequence. In a stream made anew, or from another consumer, that is no capture to be buried.
func TestReapPassesOver(t *testing.T) {
	t.Parallel()
	srv, c := start(t)
	publish(t, c, "captures.net.innocent", 1, 8)
	nc, err := nats.Connect(srv.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	j, err := js.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	now, before := time.Now().UTC().Format(time.RFC3339Nano), time.Now().Add(-time.Hour).UTC().Format(time.RFC3339Nano)
	for _, body := range []string{
		"no JSON",
		`{"timestamp":"` + before + `","stream":"CAPTURES","consumer":"workers","stream_seq":1,"deliveries":5}`,
		`{"timestamp":"` + now + `","stream":"CAPTURES","consumer":"another","stream_seq":1,"deliveries":5}`,
		`{"timestamp":"` + now + `","stream":"FIXES","consumer":"workers","stream_seq":1,"deliveries":5}`,
		`{"timestamp":"` + now + `","stream":"CAPTURES","consumer":"workers","stream_seq":99,"deliveries":5}`,
	} {
		if _, err := j.Publish(t.Context(), "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.CAPTURES.workers", []byte(body)); err != nil {
			t.Fatal(err)
		}
	}
	go c.Reap(t.Context(), jetstream.DefaultTopology(), "w1", func(string) { t.Error("something was buried") }, nil)
	waitFor(t, "the advisories' end", func() bool {
		stream, err := j.Stream(t.Context(), jetstream.StreamAdvisories)
		return err == nil && stream.CachedInfo().State.Msgs == 0
	})
	if lag := mustLag(t, c); lag.Total != 1 {
		t.Errorf("%d captures are left, want the innocent one", lag.Total)
	}
}
