package jetstream_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	js "github.com/nats-io/nats.go/jetstream"

	"foxhunt/jetstream"
	"foxhunt/messages"
)

func TestLag(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	if lag := mustLag(t, c); lag.Total != 0 || len(lag.Subjects) != 0 || lag.OldestAge != nil || lag.Arrived != 0 || lag.DeadLetters.Total != 0 {
		t.Errorf("lag of nothing: %+v", lag)
	}
	publish(t, c, "captures.net.a", 3, 100)
	publish(t, c, "captures.net.b", 7, 100)
	publish(t, c, "captures.other.c", 1, 100)
	publish(t, c, "captures.other.d", 1, 100)
	s := newSource(t, c, jetstream.DefaultTopology(), jetstream.SourceOptions{Concurrency: 2})
	ack(t, next(t, s)) // one of a: oldest first
	d := next(t, s)
	waitFor(t, "two more at hand", func() bool { return s.Stats().Buffered == 2 })
	lag := mustLag(t, c)
	if lag.Total != 11 || lag.Pending != 8 || lag.InFlight != 3 || lag.Dead != 0 || lag.Redelivered != 0 || lag.Stored < 1100 ||
		lag.Arrived != 12 || lag.Completed != 1 || lag.MaxBytes <= 0 || lag.OldestAge == nil || *lag.OldestAge > 60 || lag.Pace != nil {
		t.Errorf("lag %+v", lag)
	}
	var told []string
	for _, sub := range lag.Subjects { // asked for the three largest
		line := fmt.Sprintf("%s %d", sub.Subject, sub.Lag)
		if sub.OldestAge != nil && sub.InFlight != nil {
			line += fmt.Sprintf(" (%d in flight, old: %v)", *sub.InFlight, *sub.OldestAge >= 0 && *sub.OldestAge <= 60)
		}
		told = append(told, line)
	}
	want := []string{"captures.net.b 7 (1 in flight, old: true)", "captures.net.a 2 (2 in flight, old: true)", "captures.other.c 1 (0 in flight, old: true)", "captures.other.d 1"}
	if !slices.Equal(told, want) {
		t.Errorf("subjects %q; want %q", told, want)
	}
	ack(t, d)
	b, err := json.Marshal(lag)
	if err != nil || !strings.Contains(string(b), `"subject":"captures.net.b","lag":7,"waiting_for_companions":0,"in_flight":1,"oldest_age_seconds":`) || !strings.Contains(string(b), `"num_pending":8`) {
		t.Errorf("JSON %s, %v", b, err)
	}
}

// TestLagOfDeadLetters wants them counted by the subject of their capture.
func TestLagOfDeadLetters(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	for i, subject := range []string{"captures.net.a", "captures.net.a", "captures.net.b", "no capture"} {
		letter := &messages.DeadLetter{Body: []byte("x"), Subject: subject, Reason: "bad_rate", Sentence: "s", Deliveries: 1, Worker: "w", Time: time.Now()}
		if _, err := c.PublishDead(within(t, 10*time.Second), uint64(i+1), letter); err != nil {
			t.Fatal(err)
		}
	}
	got := mustLag(t, c).DeadLetters
	if got.Total != 4 || got.Stored == 0 || got.MaxBytes <= 0 || len(got.Subjects) != 3 ||
		got.Subjects["captures.net.a"] != 2 || got.Subjects["captures.net.b"] != 1 || got.Subjects["captures.invalid"] != 1 {
		t.Errorf("dead letters %+v", got)
	}
}

// TestLagOfCapturesDeleted deletes captures that no worker was handed and one that a worker has: the lag must fall by
// them, and none may seem dead.
func TestLagOfCapturesDeleted(t *testing.T) {
	t.Parallel()
	server, c := start(t)
	publish(t, c, "captures.net.a", 10, 100)
	s := newSource(t, c, jetstream.DefaultTopology(), jetstream.SourceOptions{Concurrency: 1})
	next(t, s) // the first
	waitFor(t, "another at hand", func() bool { return s.Stats().Buffered == 1 })
	nc, err := nats.Connect(server.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	j, err := js.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := j.Stream(t.Context(), jetstream.StreamCaptures)
	if err != nil {
		t.Fatal(err)
	}
	for _, sequence := range []uint64{1, 5, 6, 7} {
		if err := stream.DeleteMsg(t.Context(), sequence); err != nil {
			t.Fatal(err)
		}
	}
	lag := mustLag(t, c)
	if lag.Total != 6 || lag.Pending != 5 || lag.Dead != 0 || lag.Arrived != 10 || lag.Completed != 4 || *lag.Subjects[0].InFlight != 1 {
		t.Errorf("lag %+v, %d in flight", lag, *lag.Subjects[0].InFlight)
	}
}

// TestLagOfLargeCaptures wants no more than a few MB fetched in a reading, and the largest lag looked at all the same.
func TestLagOfLargeCaptures(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	for i := range 4 {
		publish(t, c, fmt.Sprintf("captures.net.s%d", i), 1, 3<<20)
	}
	looked := 0
	for _, s := range mustLag(t, c).Subjects { // three are asked for
		if s.OldestAge != nil {
			looked++
		}
	}
	if looked != 1 {
		t.Errorf("%d subjects with captures of 3 MiB were looked at; want 1", looked)
	}
}

// TestLagWithoutRights wants the one right that is missing named, at once.
func TestLagWithoutRights(t *testing.T) {
	t.Parallel()
	url := startServer(t, &server.Options{Users: []*server.User{
		{Username: "all", Password: "x"},
		{Username: "blind", Password: "x", Permissions: &server.Permissions{
			Publish:   &server.SubjectPermission{Deny: []string{"$JS.API.STREAM.INFO.DEAD"}},
			Subscribe: &server.SubjectPermission{Allow: []string{">"}},
		}},
	}})
	if _, err := connect(t, jetstream.Options{URL: strings.Replace(url, "//", "//all:x@", 1)}).Ensure(within(t, 10*time.Second), jetstream.DefaultTopology()); err != nil {
		t.Fatal(err)
	}
	blind := connect(t, jetstream.Options{URL: strings.Replace(url, "//", "//blind:x@", 1)})
	began := time.Now()
	_, err := blind.Lag(within(t, 10*time.Second), jetstream.DefaultTopology(), 1)
	if code(err) != jetstream.CodeRefused || !strings.Contains(err.Error(), "$JS.API.STREAM.INFO.DEAD") || time.Since(began) > 4*time.Second {
		t.Errorf("after %v: %v", time.Since(began), err)
	}
	topo := jetstream.DefaultTopology()
	topo.Captures.Name = "ABSENT"
	if _, err := blind.Lag(within(t, 10*time.Second), topo, 1); code(err) != jetstream.CodeNoStream {
		t.Errorf("of a stream that is not there: %v", err)
	}
	topo = jetstream.DefaultTopology()
	topo.Workers.Durable = "absent"
	if _, err := blind.Lag(within(t, 10*time.Second), topo, 1); err == nil {
		t.Error("no error about a consumer that is not there")
	}
}

// BenchmarkLag is one reading with so many subjects that wait, the worst of them looked at or not.
func BenchmarkLag(b *testing.B) {
	for _, subjects := range []int{100, 1000, 10_000} {
		_, c := start(b)
		p := c.NewPublisher(0)
		for i := range subjects {
			if err := p.Publish(b.Context(), fmt.Sprintf("captures.net.s%d", i), fmt.Sprint(i), make([]byte, 27_000), nil); err != nil {
				b.Fatal(err)
			}
		}
		p.Wait()
		for _, worst := range []int{0, 10} {
			b.Run(fmt.Sprintf("subjects=%d/worst=%d", subjects, worst), func(b *testing.B) {
				for b.Loop() {
					lag, err := c.Lag(context.Background(), jetstream.DefaultTopology(), worst)
					if err != nil || lag.Total != uint64(subjects) {
						b.Fatalf("%d captures, %v", lag.Total, err)
					}
				}
			})
		}
	}
}
