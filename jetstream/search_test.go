package jetstream_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	js "github.com/nats-io/nats.go/jetstream"

	"foxhunt/jetstream"
	"foxhunt/jetstream/jetstreamtest"
	"foxhunt/messages"
)

// TestSearch finds fixes and dead letters by the id of their capture, and nothing else, and leaves no consumer behind.
func TestSearch(t *testing.T) {
	t.Parallel()
	server := jetstreamtest.Start(t)
	c := server.Connect(t)
	topology := jetstream.DefaultTopology()
	ctx := within(t, 30*time.Second)
	before := time.Now().Add(-time.Second)
	for i := range 5000 { // more than one batch
		subject := fmt.Sprintf("fixes.net%d.src", i%2)
		if _, err := c.PublishFix(ctx, subject, fmt.Sprintf("%s/id-%d", subject, i), messages.ContentTypeJSON, fmt.Appendf(nil, "%d", i)); err != nil {
			t.Fatal(err)
		}
	}
	letter := &messages.DeadLetter{Body: []byte("body"), Subject: "captures.net0.src", Reason: "bad_rate", Sentence: "no",
		Headers: map[string][]string{"Nats-Msg-Id": {"id-dead"}}, Time: time.Now()}
	if _, err := c.PublishDead(ctx, 7, letter); err != nil {
		t.Fatal(err)
	}

	for _, q := range []struct {
		filter, id string
		since      time.Time
		want       string // the body; "" for none
	}{
		{"fixes.>", "id-0", before, "0"},
		{"fixes.net1.src", "id-4999", before, "4999"},
		{"fixes.net0.*", "id-4999", before, ""},
		{"fixes.>", "id-12345", before, ""},
		{"fixes.>", "id-4999", time.Now().Add(time.Hour), ""},
		{"fixes.nobody.>", "id-0", before, ""},
	} {
		fix, found, err := c.FindFix(ctx, topology, q.filter, q.id, q.since)
		if err != nil || found != (q.want != "") || string(fix.Data) != q.want {
			t.Errorf("looking for %s on %s: %q, %v, %v; want %q", q.id, q.filter, fix.Data, found, err, q.want)
		}
	}
	dead, found, err := c.FindDead(ctx, topology, "dead.captures.*.*", "id-dead", before)
	if err != nil || !found || string(dead.Data) != "body" || dead.Header[messages.DeadReasonHeader][0] != "bad_rate" {
		t.Errorf("the dead letter: %+v, %v, %v", dead, found, err)
	}
	if _, found, err := c.FindDead(ctx, topology, "dead.captures.*.*", "id-1", before); found || err != nil {
		t.Errorf("a dead letter that there is not: %v, %v", found, err)
	}
	waitFor(t, "consumers gone", func() bool {
		return consumers(t, server, jetstream.StreamFixes)+consumers(t, server, jetstream.StreamDead) == 0
	})
}

func TestSearchWithoutStreamOrServer(t *testing.T) {
	t.Parallel()
	server := jetstreamtest.Start(t)
	c := server.Connect(t)
	topology := jetstream.DefaultTopology()
	topology.Fixes.Name = "ABSENT"
	if _, _, err := c.FindFix(within(t, 5*time.Second), topology, "fixes.>", "id", time.Now()); code(err) != jetstream.CodeNoStream {
		t.Errorf("without the stream: %v", err)
	}
	server.Shutdown()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, _, err := c.FindDead(ctx, topology, "dead.>", "id", time.Now()); code(err) != jetstream.CodeNotConnected && code(err) != jetstream.CodeTimeout {
		t.Errorf("without a server: %v", err)
	}
}

// consumers is how many consumers a stream has.
func consumers(t *testing.T, server *jetstreamtest.Server, stream string) int {
	t.Helper()
	nc, err := nats.Connect(server.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	j, err := js.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	info, err := j.Stream(t.Context(), stream)
	if err != nil {
		t.Fatal(err)
	}
	return info.CachedInfo().State.Consumers
}

// TestListen hears what is published, with headers, and knows of a gap after the connection was away.
func TestListen(t *testing.T) {
	t.Parallel()
	server := jetstreamtest.Start(t)
	c := server.Connect(t)
	heard := make(chan jetstream.Heard, 10)
	l, err := c.Listen(func(h jetstream.Heard) { heard <- h }, "fixes.*.*", "dead.captures.*.*")
	if err != nil {
		t.Fatal(err)
	}
	publisher := server.Connect(t)
	ctx := within(t, 30*time.Second)
	if _, err := publisher.PublishFix(ctx, "fixes.a.b", "fixes.a.b/id", messages.ContentTypeJSON, []byte("{}")); err != nil {
		t.Fatal(err)
	}
	h := <-heard
	if h.Subject != "fixes.a.b" || string(h.Data) != "{}" || h.Header["Nats-Msg-Id"][0] != "fixes.a.b/id" || l.Gaps() != 0 {
		t.Errorf("heard %+v with %d gaps", h, l.Gaps())
	}
	server.Restart(t)
	waitFor(t, "a gap", func() bool { return l.Gaps() == 1 })
	if _, err := publisher.PublishFix(ctx, "fixes.a.b", "fixes.a.b/id2", messages.ContentTypeJSON, []byte("{}")); err != nil {
		t.Fatal(err)
	}
	if h := <-heard; h.Header["Nats-Msg-Id"][0] != "fixes.a.b/id2" {
		t.Errorf("heard %+v", h)
	}
	l.Stop()
	l.Stop() // harmless
	c.Close()
	if _, err := c.Listen(func(jetstream.Heard) {}, "fixes.>"); code(err) != jetstream.CodeNotConnected {
		t.Errorf("on a closed connection: %v", err)
	}
}

// TestPulls sees a worker's open request, the captures it has, and that nobody is there.
func TestPulls(t *testing.T) {
	t.Parallel()
	server := jetstreamtest.Start(t)
	c := server.Connect(t)
	topology := jetstream.DefaultTopology()
	ctx := within(t, 30*time.Second)
	if open, inFlight, err := c.Pulls(ctx, topology); err != nil || open != 0 || inFlight != 0 {
		t.Errorf("nobody pulls: %d, %d, %v", open, inFlight, err)
	}
	source, err := c.NewSource(ctx, topology, jetstream.SourceOptions{Concurrency: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	waitFor(t, "an open pull", func() bool { open, _, _ := c.Pulls(ctx, topology); return open == 1 })
	if _, err := c.PublishCapture(ctx, "captures.a.b", messages.NewCaptureID(), []byte("x")); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "a capture in flight", func() bool { _, inFlight, _ := c.Pulls(ctx, topology); return inFlight == 1 })
	topology.Workers.Durable = "absent"
	if _, _, err := c.Pulls(ctx, topology); err == nil {
		t.Error("a consumer that is not there has pulls")
	}
}

// TestListenRefused knows at once that the server's permissions let it hear one of the subjects only.
func TestListenRefused(t *testing.T) {
	t.Parallel()
	url := startServer(t, &server.Options{Users: []*server.User{{Username: "u", Password: "p", Permissions: &server.Permissions{
		Subscribe: &server.SubjectPermission{Allow: []string{"dead.captures.*.*", "_INBOX.>"}}}}}})
	c := connect(t, jetstream.Options{URL: strings.Replace(url, "nats://", "nats://u:p@", 1)})
	for _, subjects := range [][]string{{"fixes.*.*", "dead.captures.*.*"}, {"dead.captures.*.*", "fixes.*.*"}} {
		if _, err := c.Listen(func(jetstream.Heard) {}, subjects...); code(err) != jetstream.CodeRefused || !strings.Contains(err.Error(), "fixes.*.*") {
			t.Errorf("%s: %v", subjects, err)
		}
	}
	l, err := c.Listen(func(jetstream.Heard) {}, "dead.captures.*.*")
	if err != nil {
		t.Fatal(err)
	}
	l.Stop()
}

// TestPullsOfTheDead counts what a worker took before it died, and no longer than until its time to answer is over.
func TestPullsOfTheDead(t *testing.T) {
	t.Parallel()
	server, c, topology := impatient(t, time.Second)
	ctx := within(t, 30*time.Second)
	worker := connect(t, jetstream.Options{URL: server.ClientURL()})
	publish(t, c, "captures.net.a", 1, 8)
	next(t, newSource(t, worker, topology, jetstream.SourceOptions{}))
	worker.Close()
	waitFor(t, "its pull to end", func() bool { open, _, err := c.Pulls(ctx, topology); return err == nil && open == 0 })
	if open, inFlight, err := c.Pulls(ctx, topology); err != nil || open != 0 || inFlight != 1 {
		t.Errorf("a capture is with a worker: %d, %d, %v", open, inFlight, err)
	}
	waitFor(t, "the worker to count as gone", func() bool { _, inFlight, err := c.Pulls(ctx, topology); return err == nil && inFlight == 0 })
}

// BenchmarkSearch looks for a fix that is not there among 20,000 that are; the time is that of one look at all.
func BenchmarkSearch(b *testing.B) {
	const fixes = 20_000
	server := jetstreamtest.Start(b)
	c := server.Connect(b)
	topology := jetstream.DefaultTopology()
	before := time.Now().Add(-time.Minute)
	body := make([]byte, 1300)
	var all sync.WaitGroup
	for part := range 20 {
		all.Go(func() {
			for i := range fixes / 20 {
				if _, err := c.PublishFix(b.Context(), "fixes.net.src", fmt.Sprintf("fixes.net.src/%d-%d", part, i), messages.ContentTypeJSON, body); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	for b.Loop() {
		if _, found, err := c.FindFix(b.Context(), topology, "fixes.*.*", "absent", before); found || err != nil {
			b.Fatal(found, err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/fixes, "ns/fix")
}
