package jetstream_test

import (
	"bufio"
	"fmt"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"foxhunt/jetstream"
)

// publishBadHeader stores a capture with a header block that the server takes and nats.go cannot decode: a line of it has
// no colon.
func publishBadHeader(t *testing.T, address, subject, body string) {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", u.Host)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	header := "NATS/1.0\r\nthis is no header\r\n\r\n"
	fmt.Fprintf(conn, "CONNECT {\"headers\":true,\"verbose\":false}\r\nSUB answer 1\r\nHPUB %s answer %d %d\r\n%s%s\r\n",
		subject, len(header), len(header)+len(body), header, body)
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		switch {
		case strings.Contains(lines.Text(), `"stream":"CAPTURES"`):
			return
		case strings.HasPrefix(lines.Text(), "-ERR"), strings.Contains(lines.Text(), `"error"`):
			t.Fatalf("the server answers %q", lines.Text())
		}
	}
	t.Fatal("the server confirms nothing")
}

// The lag is told, whatever is written where a station's headers should be.
func TestLagOfBadHeaders(t *testing.T) {
	t.Parallel()
	srv := startServer(t, &server.Options{})
	c := connect(t, jetstream.Options{URL: srv})
	if _, err := c.Ensure(t.Context(), jetstream.DefaultTopology()); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		publishBadHeader(t, srv, "captures.net.bad", "12345678")
	}
	publish(t, c, "captures.net.good", 1, 8)
	lag := mustLag(t, c)
	if lag.Total != 3 || lag.Subjects[0].Subject != "captures.net.bad" || lag.Subjects[0].OldestAge == nil || lag.Subjects[1].InFlight == nil {
		t.Errorf("lag %+v", lag)
	}
	got, err := c.Recent(t.Context(), jetstream.StreamCaptures, 3)
	if err != nil || len(got) != 3 || got[0].Subject != "captures.net.bad" || string(got[0].Data) != "12345678" || got[0].Header != nil {
		t.Errorf("recent: %+v, %v", got, err)
	}
}

// A station with a bad header has its captures taken out of turn like any other.
func TestOutOfTurnWithBadHeaders(t *testing.T) {
	t.Parallel()
	url := startServer(t, &server.Options{})
	c := connect(t, jetstream.Options{URL: url})
	if _, err := c.Ensure(t.Context(), jetstream.DefaultTopology()); err != nil {
		t.Fatal(err)
	}
	publish(t, c, flooder, 20, 8)
	publishBadHeader(t, url, "captures.net.bad", "12345678")
	publish(t, c, quietStation, 1, 8)
	s := newSource(t, c, jetstream.DefaultTopology(), jetstream.SourceOptions{})
	s.Observe(time.Second)
	seen := map[string]bool{}
	for !seen["captures.net.bad"] || !seen[quietStation] {
		waitFor(t, "one out of turn", func() bool { return s.Stats().Overtaken > uint64(len(seen)) })
		d := next(t, s)
		if d.Subject != flooder {
			seen[d.Subject] = true
		}
		ack(t, d)
	}
	if n := left(t, c, flooder); n < 10 {
		t.Errorf("only %d of the flood are left", n)
	}
}

// What was given up is buried, with and without headers that can be read.
func TestSweepOfBadHeaders(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	publishBadHeader(t, w.server.ClientURL(), "captures.net.bad", "12345678")
	w.neverAnswer(t, "captures.net.bad")
	w.loseAdvisory(t)
	w.exhaust(t, "captures.net.poison")
	w.look(t, w.reaper(), 2)
	for i, d := range w.expect(t, 0, 2, 2) {
		if d.Subject != []string{"captures.net.bad", "captures.net.poison"}[i] || i == 0 && string(d.Body) != "12345678" {
			t.Errorf("dead letter %+v", d)
		}
	}
}

// A capture whose dead letter is refused keeps none after it from being buried.
func TestSweepGoesOnAfterOneCapture(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	w.topology.Dead.MaxMsgSize = 4000
	if _, err := w.Apply(t.Context(), w.topology); err != nil {
		t.Fatal(err)
	}
	publish(t, w.Conn, "captures.net.large", 1, 5000)
	w.neverAnswer(t, "captures.net.large")
	w.loseAdvisory(t)
	w.exhaust(t, "captures.net.poison")
	r := w.reaper()
	w.look(t, r, 1)
	if err := r.Look(within(t, 10*time.Second)); code(err) != jetstream.CodeTooLarge {
		t.Errorf("the sweep: %v, want %s", err, jetstream.CodeTooLarge)
	}
	if d := w.expect(t, 1, 1, 1)[0]; d.Subject != "captures.net.poison" {
		t.Errorf("%s was buried", d.Subject)
	}
}
