package jetstream_test

import (
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"foxhunt/jetstream"
)

// A user who is removed is told so once, however often it tries to come back, and comes back when it may.
func TestDeniedAfterwards(t *testing.T) {
	t.Parallel()
	options := func(user string) *server.Options {
		return &server.Options{Host: "127.0.0.1", Port: -1, NoSigs: true, NoLog: true, Users: []*server.User{{Username: user, Password: "pw"}}}
	}
	s, err := server.NewServer(options("fox"))
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(10 * time.Second) {
		t.Fatal("the server did not come up")
	}
	var log logBuffer
	c := connect(t, jetstream.Options{URL: strings.Replace(s.ClientURL(), "//", "//fox:pw@", 1), Log: log.logger()})
	for round := 1; round <= 2; round++ {
		before := c.AsyncErrors()
		if err := s.ReloadOptions(options("hound")); err != nil {
			t.Fatal(err)
		}
		waitFor(t, "several attempts", func() bool { return c.AsyncErrors() >= before+4 })
		if n := strings.Count(log.String(), "level=ERROR"); n != round || !strings.Contains(log.String(), "code=not_authorized") {
			t.Errorf("denied %d times, it was said %d times:\n%s", round, n, log.String())
		}
		if err := s.ReloadOptions(options("fox")); err != nil {
			t.Fatal(err)
		}
		waitFor(t, "its return", func() bool { return c.Reconnects() == uint64(round) })
	}
	if strings.Contains(log.String(), "pw") {
		t.Error("the password is in the log")
	}
}
