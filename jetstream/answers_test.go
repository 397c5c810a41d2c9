package jetstream_test

import (
	"strings"
	"sync"
	"testing"

	"github.com/nats-io/nats-server/v2/server"

	"foxhunt/jetstream"
)

// Who may publish and not hear the answer publishes nothing, rather than to take for lost what is stored.
func TestNothingIsPublishedWithoutAnswers(t *testing.T) {
	t.Parallel()
	url := startServer(t, &server.Options{Users: []*server.User{{Username: "admin", Password: "pw"}, {Username: "st1", Password: "pw",
		Permissions: &server.Permissions{
			Publish:   &server.SubjectPermission{Allow: []string{"captures.net.st1"}},
			Subscribe: &server.SubjectPermission{Allow: []string{"_INBOX_st1.>"}},
		}}}})
	login := func(user string) string { return strings.Replace(url, "//", "//"+user+":pw@", 1) }
	admin := connect(t, jetstream.Options{URL: login("admin")})
	if _, err := admin.Ensure(t.Context(), jetstream.DefaultTopology()); err != nil {
		t.Fatal(err)
	}
	forgot := connect(t, jetstream.Options{URL: login("st1")})
	var all sync.WaitGroup
	for _, id := range []string{"one", "two", "three"} {
		all.Go(func() {
			_, err := forgot.PublishCapture(t.Context(), "captures.net.st1", id, nil)
			if code(err) != jetstream.CodeRefused || !strings.Contains(err.Error(), "--nats-inbox") {
				t.Errorf("without --nats-inbox: %v; want %s", err, jetstream.CodeRefused)
			}
		})
	}
	all.Wait()
	if _, err := forgot.PublishCapture(t.Context(), "captures.net.st1", "four", nil); code(err) != jetstream.CodeRefused {
		t.Errorf("later: %v; want %s", err, jetstream.CodeRefused)
	}
	if lag := mustLag(t, admin); lag.Total != 0 {
		t.Errorf("%d captures were stored that were said to be refused", lag.Total)
	}
	right := connect(t, jetstream.Options{URL: login("st1"), InboxPrefix: "_INBOX_st1"})
	if _, err := right.PublishCapture(t.Context(), "captures.net.st1", "one", nil); err != nil {
		t.Errorf("with --nats-inbox: %v", err)
	}
	if lag := mustLag(t, admin); lag.Total != 1 {
		t.Errorf("%d captures are stored, want 1", lag.Total)
	}
}
