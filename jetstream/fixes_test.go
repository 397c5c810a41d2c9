package jetstream_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"foxhunt/jetstream"
	"foxhunt/jetstream/jetstreamtest"
)

func publishFix(t *testing.T, c *jetstream.Conn, subject, id string) {
	t.Helper()
	if _, err := c.PublishFix(within(t, 15*time.Second), subject, id, "application/json", []byte(id)); err != nil {
		t.Fatal(err)
	}
}

func nextFix(t *testing.T, f *jetstream.Fixes) jetstream.FixMessage {
	t.Helper()
	m, err := f.Next(within(t, 15*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestFixesFromNowOn(t *testing.T) {
	t.Parallel()
	srv, c := start(t)
	publishFix(t, c, "fixes.net.a", "old")
	f, err := c.Fixes(t.Context(), jetstream.DefaultTopology(), "fixes.net.*")
	if err != nil {
		t.Fatal(err)
	}
	publishFix(t, c, "fixes.other.a", "of another network")
	for i := range 5 {
		publishFix(t, c, "fixes.net.a", fmt.Sprint("new", i))
	}
	for i := range 5 {
		m := nextFix(t, f)
		if string(m.Body) != fmt.Sprint("new", i) || m.Subject != "fixes.net.a" || m.ContentType != "application/json" || m.Sequence == 0 || time.Since(m.Timestamp) > time.Minute {
			t.Errorf("fix %d is %+v", i, m)
		}
	}
	srv.Restart(t) // and it goes on
	publishFix(t, c, "fixes.net.a", "after the restart")
	if m := nextFix(t, f); string(m.Body) != "after the restart" {
		t.Errorf("after the restart came %q", m.Body)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := f.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Next without fixes: %v", err)
	}
	f.Stop()
	if _, err := f.Next(t.Context()); !errors.Is(err, jetstream.ErrStopped) {
		t.Errorf("Next after Stop: %v", err)
	}
}

func TestFixesWaitsForTheStream(t *testing.T) {
	t.Parallel()
	srv := jetstreamtest.Start(t)
	var log logBuffer
	c := connect(t, jetstream.Options{URL: srv.ClientURL(), Log: log.logger()})
	if _, err := c.Fixes(within(t, 200*time.Millisecond), jetstream.DefaultTopology(), ""); code(err) != jetstream.CodeNoStream {
		t.Errorf("without a stream: %v", err)
	}
	got := make(chan error)
	go func() {
		f, err := c.Fixes(t.Context(), jetstream.DefaultTopology(), "")
		if err == nil {
			f.Stop()
		}
		got <- err
	}()
	waitFor(t, "a word about waiting", func() bool { return strings.Count(log.String(), "waiting for the stream FIXES") == 2 })
	srv.Connect(t)
	if err := <-got; err != nil {
		t.Error(err)
	}
}

// TestFixesOfAUserWhoMayOnlySubscribe has a dashboard's user, who may ask JetStream nothing, and one who may not even listen.
func TestFixesOfAUserWhoMayOnlySubscribe(t *testing.T) {
	t.Parallel()
	none := &server.SubjectPermission{Deny: []string{">"}}
	url := startServer(t, &server.Options{Users: []*server.User{
		{Username: "admin", Password: "pw"},
		{Username: "dashboard", Password: "pw", Permissions: &server.Permissions{Publish: none, Subscribe: &server.SubjectPermission{Allow: []string{"fixes.>"}}}},
		{Username: "deaf", Password: "pw", Permissions: &server.Permissions{Publish: none, Subscribe: none}},
	}})
	login := func(user string) jetstream.Options {
		return jetstream.Options{URL: strings.Replace(url, "//", "//"+user+":pw@", 1)}
	}
	admin := connect(t, login("admin"))
	if _, err := admin.Ensure(t.Context(), jetstream.DefaultTopology()); err != nil {
		t.Fatal(err)
	}
	var log logBuffer
	o := login("dashboard")
	o.Log = log.logger()
	f, err := connect(t, o).Fixes(within(t, 15*time.Second), jetstream.DefaultTopology(), "fixes.net.*")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(log.String(), "are missed") {
		t.Errorf("the log does not say what such a user misses: %s", log.String())
	}
	publishFix(t, admin, "fixes.other.a", "of another network")
	for i := range 5 {
		publishFix(t, admin, "fixes.net.a", fmt.Sprint("fix", i))
	}
	for i := range 5 {
		if m := nextFix(t, f); string(m.Body) != fmt.Sprint("fix", i) || m.Subject != "fixes.net.a" || m.ContentType != "application/json" {
			t.Errorf("fix %d is %+v", i, m)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := f.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Next without fixes: %v", err)
	}
	f.Stop()
	if _, err := f.Next(t.Context()); !errors.Is(err, jetstream.ErrStopped) {
		t.Errorf("Next after Stop: %v", err)
	}
	if _, err := connect(t, login("deaf")).Fixes(within(t, 15*time.Second), jetstream.DefaultTopology(), ""); code(err) != jetstream.CodeRefused {
		t.Errorf("a user who may not listen gets %v", err)
	}
}
