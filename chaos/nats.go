package chaos

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	js "github.com/nats-io/nats.go/jetstream"
)

// NATS is a nats-server process with JetStream on disk and sync_interval always. It keeps its store and its port over
// restarts.
type NATS struct {
	*Process
	Name    string
	Address string // host:port for clients
	Monitor string // host:port of its monitoring; empty: it has none

	path, folder, config, store string
}

// natsOptions shape a server.
type natsOptions struct {
	store  string // folder of JetStream's files; default: one of the test's own
	routes []string
	listen string // for the other servers of its cluster; empty: it stands alone

	measured bool // it has monitoring, and writes to the disk when it likes: not when the disk is what is measured
}

// newNATS starts a server, and waits until it takes connections unless it must find a cluster first.
func newNATS(t testing.TB, programs *Programs, name string, o natsOptions) *NATS {
	t.Helper()
	n := &NATS{Name: name, path: programs.NATS, folder: t.TempDir(), Address: freeAddress(t)}
	if o.store == "" {
		o.store = filepath.Join(n.folder, "store")
	}
	n.store = o.store
	config := fmt.Sprintf("listen: %q\nserver_name: %s\nmax_payload: 8454144\n", n.Address, name)
	sync := "always"
	if o.measured {
		sync, n.Monitor = "2m", freeAddress(t)
		config += fmt.Sprintf("http: %q\n", n.Monitor)
	}
	config += fmt.Sprintf("jetstream { store_dir: %q, sync_interval: %s, max_file_store: %d }\n", o.store, sync, int64(16<<30))
	if o.listen != "" {
		config += fmt.Sprintf("cluster { name: chaos, listen: %q, routes: [%s] }\n", o.listen, strings.Join(o.routes, ", "))
	}
	n.config = filepath.Join(n.folder, "nats.conf")
	if err := os.WriteFile(n.config, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	n.Start(t)
	return n
}

// Start starts the server, again after Kill; it waits until it takes connections.
func (n *NATS) Start(t testing.TB) {
	t.Helper()
	p, err := startProcess(t, n.Name, n.folder, os.Environ(), n.path, "-c", n.config)
	if err != nil {
		t.Fatal(err)
	}
	n.Process = p
	waitFor(t, n.Name+" to take connections", func() bool {
		select {
		case <-p.Ended():
			t.Fatalf("%s ended: %v\n%s", n.Name, p.err, p.Log.Tail(20))
		default:
		}
		nc, err := nats.Connect(n.URL(), nats.Timeout(time.Second))
		if err == nil {
			nc.Close()
		}
		return err == nil
	})
}

// URL is where clients connect.
func (n *NATS) URL() string { return "nats://" + n.Address }

// newCluster starts three servers that know of each other, and waits until they have a leader.
func newCluster(t testing.TB, programs *Programs) (servers []*NATS) {
	t.Helper()
	var listen, routes []string
	for range 3 {
		address := freeAddress(t)
		listen, routes = append(listen, address), append(routes, fmt.Sprintf("%q", "nats://"+address))
	}
	for i := range 3 {
		servers = append(servers, newNATS(t, programs, fmt.Sprintf("nats-%d", i+1), natsOptions{listen: listen[i], routes: routes}))
	}
	nc, err := nats.Connect(urls(servers), nats.Timeout(patience))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	api, err := js.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the cluster to have a leader", func() bool {
		_, err := api.AccountInfo(t.Context())
		return err == nil
	})
	return servers
}

func urls(servers []*NATS) string {
	var list []string
	for _, s := range servers {
		list = append(list, s.URL())
	}
	return strings.Join(list, ",")
}

// freeAddress is a free port of loopback, below those that the system gives to clients: one of them could take it while a
// server is down.
func freeAddress(t testing.TB) string {
	t.Helper()
	for range 100 {
		address := fmt.Sprintf("127.0.0.1:%d", 15000+rand.N(15000))
		if l, err := net.Listen("tcp", address); err == nil {
			l.Close()
			return address
		}
	}
	t.Fatal("no port of loopback is free")
	return ""
}

// patience is how long anything may take that happens by itself.
const patience = time.Minute

// waitFor polls until done.
func waitFor(t testing.TB, what string, done func() bool) {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited for %s: not within %v", what, patience)
		}
	}
}
