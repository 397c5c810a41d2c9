package jetstream_test

import (
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"foxhunt/jetstream"
)

// TestProbe asks whether captures would be stored, and stores none.
func TestProbe(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	for range 3 {
		if err := c.Probe(within(t, 15*time.Second), "captures.dcf.st"); err != nil {
			t.Fatal(err)
		}
	}
	if lag := mustLag(t, c); lag.Total != 0 {
		t.Errorf("%d captures are stored", lag.Total)
	}
	if err := c.Probe(within(t, 15*time.Second), "elsewhere.dcf.st"); code(err) != jetstream.CodeNoStream {
		t.Errorf("where nothing is stored: %v", err)
	}
}

// TestProbeRefused: the two permissions that a station needs are missed by their names.
func TestProbeRefused(t *testing.T) {
	t.Parallel()
	user := func(name string, publish, subscribe []string) *server.User {
		return &server.User{Username: name, Password: "pw", Permissions: &server.Permissions{
			Publish: &server.SubjectPermission{Allow: publish}, Subscribe: &server.SubjectPermission{Allow: subscribe}}}
	}
	url := startServer(t, &server.Options{Users: []*server.User{
		user("mute", []string{"captures.dcf.other"}, []string{"_INBOX.>"}),
		user("deaf", []string{"captures.dcf.st"}, []string{"_INBOX_st.>"}),
		user("odd", []string{">"}, []string{">"}),
	}})
	as := func(name string) *jetstream.Conn {
		return connect(t, jetstream.Options{URL: "nats://" + name + ":pw@" + url[len("nats://"):]})
	}
	for _, name := range []string{"mute", "deaf"} {
		if err := as(name).Probe(within(t, 15*time.Second), "captures.dcf.st"); code(err) != jetstream.CodeRefused {
			t.Errorf("%s: %v; want refused", name, err)
		}
	}
	nc, err := nats.Connect("nats://odd:pw@" + url[len("nats://"):])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	if _, err := nc.Subscribe("captures.dcf.st", func(m *nats.Msg) { _ = m.Respond([]byte("hello")) }); err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := as("odd").Probe(within(t, 15*time.Second), "captures.dcf.st"); code(err) != jetstream.CodeServer {
		t.Errorf("a stranger answers: %v", err)
	}
}
