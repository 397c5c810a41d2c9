package nats_test

import (
	"regexp"
	"sync"
	"testing"

	"github.com/nats-io/nats.go"

	"foxhunt/jetstream"
)

// raw is a connection without foxhunt's manners: it tries whatever it is told to, and hears what the server refuses.
type raw struct {
	*nats.Conn
	refused *refusals
}

// refusals are the subjects that the server refused.
type refusals struct {
	mu       sync.Mutex
	subjects map[string]bool // "Publish <subject>", "Subscription <subject>"
}

var violation = regexp.MustCompile(`(?i)permissions violation for (\w+) to "([^"]+)"`)

func (r *refusals) hear(_ *nats.Conn, _ *nats.Subscription, err error) {
	if m := violation.FindStringSubmatch(err.Error()); m != nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.subjects[m[1]+" "+m[2]] = true
	}
}

func (r *refusals) has(what, subject string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.subjects[what+" "+subject]
}

func (s *site) raw(t testing.TB, key string) *raw {
	t.Helper()
	nkey, err := nats.NkeyOptionFromSeed(s.path(key))
	if err != nil {
		t.Fatal(err)
	}
	r := &raw{refused: &refusals{subjects: map[string]bool{}}}
	r.Conn, err = nats.Connect(s.url, nkey, nats.RootCAs(s.path("tls/ca.pem")), nats.Name("raw "+key), nats.ErrorHandler(r.refused.hear))
	if err != nil {
		t.Fatalf("%s: %v", key, err)
	}
	t.Cleanup(r.Close)
	return r
}

// mayNot expects that the server refuses to publish on, or to subscribe to, each of the subjects.
func (s *site) mayNot(t *testing.T, key string, publish, subscribe []string) {
	t.Helper()
	r := s.raw(t, key)
	for _, subject := range publish {
		if err := r.Publish(subject, []byte("{}")); err != nil {
			t.Fatal(err)
		}
	}
	for _, subject := range subscribe {
		if _, err := r.SubscribeSync(subject); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Flush(); err != nil {
		t.Fatal(err)
	}
	for _, subject := range publish {
		waitFor(t, "the refusal of "+key+" to publish on "+subject, func() bool { return r.refused.has("Publish", subject) })
	}
	for _, subject := range subscribe {
		waitFor(t, "the refusal of "+key+" to subscribe to "+subject, func() bool { return r.refused.has("Subscription", subject) })
	}
}

// listen subscribes to everything that the user's account shows.
func (s *site) listen(t *testing.T, key string) (*raw, *nats.Subscription) {
	t.Helper()
	r := s.raw(t, key)
	sub, err := r.SubscribeSync(">")
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Flush(); err != nil {
		t.Fatal(err)
	}
	return r, sub
}

// stored is how many messages the stream of captures, or of fixes, holds of a subject.
func stored(t testing.TB, c *jetstream.Conn, stream, subject string) uint64 {
	t.Helper()
	subjects, err := c.Subjects(within(t), stream)
	if err != nil {
		t.Fatal(err)
	}
	return subjects[subject]
}
