package nats_test

import (
	"fmt"
	"net"
	"os"
	"strings"
	"testing"

	"foxhunt/jetstream"
	"foxhunt/messages"
)

// TestNobodyRunsOnTheExample has a site whose keys are placeholders, and one without any.
func TestNobodyRunsOnTheExample(t *testing.T) {
	t.Parallel()
	s := makeSite(t, "")
	if out, err := s.check(t, "nats-server.conf"); err != nil {
		t.Errorf("with keys: %v\n%s", err, out)
	}
	example, err := os.ReadFile("users.conf.example")
	if err != nil {
		t.Fatal(err)
	}
	s.write(t, "users.conf", string(example))
	if out, err := s.check(t, "nats-server.conf"); err == nil || strings.Count(out, "Not a valid public nkey") < 4 {
		t.Errorf("the server takes the example's placeholders for keys: %v\n%s", err, out)
	}
	if err := os.Remove(s.path("users.conf")); err != nil {
		t.Fatal(err)
	}
	if out, err := s.check(t, "nats-server.conf"); err == nil || !strings.Contains(out, "users.conf") {
		t.Errorf("the server starts without users: %v\n%s", err, out)
	}
}

// TestCluster has three servers of a cluster, each with a station, a worker and a dashboard, so that what one of them says
// comes to another over imports and routes.
func TestCluster(t *testing.T) {
	t.Parallel()
	s := makeSite(t, "")
	if out, err := s.check(t, "nats-cluster.conf"); err == nil || !strings.Contains(out, "NATS_NAME") {
		t.Errorf("a server without a name starts: %v\n%s", err, out)
	}
	ports := freePorts(t, 3)
	routes := fmt.Sprintf(`NATS_ROUTES=["tls://127.0.0.1:%d", "tls://127.0.0.1:%d", "tls://127.0.0.1:%d"]`, ports[0], ports[1], ports[2])
	urls := make([]string, 3)
	for i := range 3 {
		node := s.another(t)
		node.environment = []string{fmt.Sprintf("NATS_NAME=n%d", i+1), routes}
		node.start(t, "nats-cluster.conf", "-cluster", fmt.Sprintf("tls://127.0.0.1:%d", ports[i]))
		urls[i] = node.url
	}
	as := func(i int, key, inbox string) *jetstream.Conn {
		node := *s
		node.url = urls[i]
		return node.connect(t, key, inbox)
	}
	topology := jetstream.DefaultTopology().WithReplicas(3)
	if _, err := as(0, "worker.nk", "_INBOX_worker").EnsureWhenReady(within(t), topology); err != nil {
		t.Fatalf("%v\n%s", err, s.log)
	}
	for i := range 3 {
		fixes, err := as(i, "dashboard.nk", "").Fixes(within(t), topology, "")
		if err != nil {
			t.Fatal(err)
		}
		publish(t, as(i, "HB9ODP.nk", "_INBOX_dcf.HB9ODP"), "captures.dcf.HB9ODP")
		worker := as((i+1)%3, "worker.nk", "_INBOX_worker")
		if _, err := worker.PublishFix(within(t), "fixes.dcf.HB9ODP", fmt.Sprint(i), messages.ContentTypeJSON, []byte("{}")); err != nil {
			t.Error(err)
		}
		if m, err := fixes.Next(within(t)); err != nil || m.Subject != "fixes.dcf.HB9ODP" {
			t.Errorf("server %d: the dashboard heard %+v, %v", i, m, err)
		}
		fixes.Stop()
		exporter := as(i, "exporter.nk", "_INBOX_exporter")
		if lag, err := exporter.Lag(within(t), topology, 1); err != nil || lag.Total != uint64(i+1) || lag.Subjects[0].OldestAge == nil {
			t.Errorf("server %d: the lag is %+v, %v", i, lag, err)
		}
	}
}

// another is the same site in a folder of its own, for the data of another server.
func (s *site) another(t testing.TB) *site {
	t.Helper()
	node := *s
	node.dir = t.TempDir()
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if err := os.Symlink(s.path(e.Name()), node.path(e.Name())); err != nil {
			t.Fatal(err)
		}
	}
	return &node
}

// freePorts are ports that nobody listens on at this moment.
func freePorts(t testing.TB, n int) (ports []int) {
	t.Helper()
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports
}
