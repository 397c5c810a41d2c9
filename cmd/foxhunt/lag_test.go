package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"foxhunt/jetstream"
	"foxhunt/messages"
)

func readLag(t *testing.T, h *house) (lag jetstream.Lag) {
	t.Helper()
	if err := json.Unmarshal([]byte(must(t, "lag", "--nats", h.server.ClientURL(), "--once", "--json")), &lag); err != nil {
		t.Fatal(err)
	}
	return lag
}

// TestLagOnce reads a backlog that no worker has touched.
func TestLagOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for subject, n := range map[string]int{captureSubject("slow", "b"): 2, captureSubject("slow", "a"): 1, captureSubject("slow", "\x1b[2J"): 3} {
		for range n {
			h.publish(t, subject, []byte("a capture"))
		}
	}
	out := must(t, "lag", "--nats", h.server.ClientURL(), "--once", "--limit", "2")
	for _, want := range []string{
		"  6 captures: 6 waiting, 0 in flight (0 again), 0 dead; 0 dead letters; no pull open: workers are busy or absent\n",
		"SUBJECT                  LAG  COMPANIONS  IN FLIGHT  OLDEST",
		`"captures.slow.\x1b[2J"  3    0           0          `, "captures.slow.b          2    0           0          ", "\n... and 1 more\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("lag lacks %q:\n%s", want, out)
		}
	}
	if strings.Contains(out, "\x1b") || strings.Contains(out, "slow.a") || strings.Contains(out, "/s") {
		t.Errorf("lag prints what it should not:\n%q", out)
	}
	lag := readLag(t, h)
	if len(lag.Subjects) != 3 || lag.Subjects[1].Subject != "captures.slow.b" || lag.Subjects[1].Lag != 2 || lag.Subjects[1].OldestAge == nil || lag.Pace != nil {
		t.Errorf("the lag is %+v", lag)
	}
	for _, wrong := range [][]string{{"--interval", "0s"}, {"--limit", "0"}, {"--limit", "1001"}, {"--consumer", "a.b"}} {
		if _, err := command(t.Context(), append([]string{"lag", "--nats", h.server.ClientURL(), "--once"}, wrong...)...); err == nil {
			t.Errorf("lag %v is accepted", wrong)
		}
	}
}

// TestLagUntilStopped expects lag without --once to go on until it is told to stop, over a restart of the server, too.
func TestLagUntilStopped(t *testing.T) {
	h := newHouse(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var out, log syncBuffer
	root := newRoot()
	root.SetArgs([]string{"lag", "--nats", h.server.ClientURL(), "--interval", "10ms"})
	root.SetOut(&out)
	root.SetErr(&log)
	ended := make(chan error, 1)
	go func() { ended <- root.ExecuteContext(ctx) }()
	readings := func() int { return strings.Count(out.String(), "0 captures") }
	waitFor(t, "three readings", func() bool { return readings() >= 3 })
	h.server.Shutdown()
	waitFor(t, "word of the lost connection", func() bool {
		return strings.Contains(log.String(), "the lag cannot be read, trying again")
	})
	h.server.Restart(t)
	before := readings()
	waitFor(t, "readings again", func() bool { return readings() >= before+3 })
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("lag ended with %v; to be stopped is how it succeeds", err)
	}
	if text := out.String(); strings.Contains(text, "\x1b") || !strings.Contains(text, "0.0/s come, 0.0/s go; none waits\n") {
		t.Errorf("lag into a file printed\n%.1000q", text)
	}
}

// TestLagTable wants every case of the table in words.
func TestLagTable(t *testing.T) {
	half, many, two, events := 0.5, 5400.0, uint64(2), uint64(3)
	lag := jetstream.Lag{
		Time: time.Date(2026, 3, 1, 4, 2, 11, 0, time.UTC), Total: 12, Pending: 9, InFlight: 2, Redelivered: 1, Dead: 1, Waiting: 4, Companions: 1, EventsOpen: &events,
		Subjects: []jetstream.SubjectLag{
			{Subject: "captures.net.a", Lag: 11, Companions: 1, InFlight: &two, OldestAge: &many}, {Subject: "captures.net.b", Lag: 1, OldestAge: &half},
		},
		DeadLetters: jetstream.DeadLetterCount{Total: 7, Subjects: map[string]uint64{"captures.net.b": 6, "captures.net.c": 1}},
		Pace:        &jetstream.Pace{Arriving: 2, Completing: 4.25, Drain: &many},
	}
	var out bytes.Buffer
	if err := printLag(&out, lag, 20); err != nil {
		t.Fatal(err)
	}
	want := `04:02:11  12 captures: 9 waiting, 2 in flight (1 again), 1 dead; 7 dead letters; 4 workers' pulls open
          3 events open, for which 1 of the captures in flight wait for companions
          2.0/s come, 4.2/s go; drained in 1h30m0s
SUBJECT         LAG  COMPANIONS  IN FLIGHT  OLDEST   DEAD LETTERS
captures.net.a  11   1           2          1h30m0s  0
captures.net.b  1    0           -          500ms    6
`
	if out.String() != want {
		t.Errorf("printed\n%s\nwant\n%s", out.String(), want)
	}
	for _, c := range []struct {
		total      uint64
		completing float64
		drain      *float64
		want       string
	}{
		{0, 9, &half, "none waits"}, {5, 0, nil, "they do not get fewer"}, {5, 4.9, nil, "they do not get fewer"},
		{5, 5, nil, "less than a second's work waits"}, {5, 9, &half, "drained in 500ms"},
	} {
		if got := drainText(c.total, &jetstream.Pace{Completing: c.completing, Drain: c.drain}); got != c.want {
			t.Errorf("%d captures: %q; want %q", c.total, got, c.want)
		}
	}
	if got := duration(math.MaxFloat64); !strings.HasSuffix(got, "s") || strings.HasPrefix(got, "-") {
		t.Errorf("an age without end is %q", got)
	}
}

// TestLagKeepsSubjects wants rows of subjects that have drained, and of those with dead letters alone, in the table and in JSON.
func TestLagKeepsSubjects(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.publish(t, captureSubject("net", "a"), []byte("a capture"))
	h.bury(t, &messages.DeadLetter{Subject: "captures.net.b", Reason: "bad_rate", Sentence: "no", Body: []byte("x")})
	var out bytes.Buffer
	v := &lagView{conn: h.conn, topology: jetstream.DefaultTopology(), out: &out, log: quietLog(), limit: 20}
	show := func() string {
		t.Helper()
		out.Reset()
		if err := v.show(t.Context()); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	if text := show(); !strings.Contains(text, "captures.net.a  1    0           0 ") || !strings.Contains(text, "captures.net.b  0    0           0          -       1\n") {
		t.Errorf("before:\n%s", text)
	}
	stream, err := h.js.Stream(t.Context(), jetstream.StreamCaptures)
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Purge(t.Context()); err != nil {
		t.Fatal(err)
	}
	text := show()
	a, b := strings.Index(text, "captures.net.a  0    0           0          -       0\n"), strings.Index(text, "captures.net.b  0    0           0          -       1\n")
	if b < 0 || a < b {
		t.Errorf("a drained subject:\n%s", text)
	}
	v.asJSON = true
	var lag jetstream.Lag
	if err := json.Unmarshal([]byte(show()), &lag); err != nil || len(lag.Subjects) != 2 || lag.Subjects[1].Subject != "captures.net.a" || lag.Subjects[1].Lag != 0 {
		t.Errorf("in JSON: %+v, %v", lag.Subjects, err)
	}
	many := jetstream.Lag{}
	for n := range mostSeen + 5 {
		many.Subjects = append(many.Subjects, jetstream.SubjectLag{Subject: fmt.Sprint(n)})
	}
	v.keep(&many)
	if len(v.seen) != mostSeen {
		t.Errorf("%d subjects are remembered", len(v.seen))
	}
}

// TestLagRefused wants an end at once where waiting does not help.
func TestLagRefused(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	v := &lagView{conn: h.conn, topology: jetstream.DefaultTopology(), out: &syncBuffer{}, log: quietLog(), interval: time.Millisecond, limit: 1}
	v.topology.Workers.Durable = "absent"
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := v.show(ctx); err == nil {
		t.Error("a consumer that is not there has a lag")
	}
	h.conn.Close()
	if err := v.show(ctx); err == nil || !strings.Contains(fmt.Sprint(err), "not_connected") {
		t.Errorf("without a connection: %v", err)
	}
}
