package examples_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"
)

// patience bounds every wait; CI runs on two loaded cores.
const patience = time.Minute

// site is a server on which every user has a key.
type site struct{ url, dir string }

func startServer(t *testing.T, users ...string) *site {
	t.Helper()
	s := &site{dir: t.TempDir()}
	o := &server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(), MaxPayload: 9 << 20, NoSigs: true, NoLog: true,
	}
	for _, user := range users {
		o.Nkeys = append(o.Nkeys, &server.NkeyUser{Nkey: newKey(t, s.key(user))})
	}
	n, err := server.NewServer(o)
	if err != nil {
		t.Fatal(err)
	}
	n.Start()
	t.Cleanup(func() {
		n.Shutdown()
		n.WaitForShutdown()
	})
	if !n.ReadyForConnections(patience) {
		t.Fatal("the server does not start")
	}
	s.url = n.ClientURL()
	return s
}

func (s *site) key(user string) string { return filepath.Join(s.dir, user+".nk") }

// newKey makes a user's key and returns its public half.
func newKey(t *testing.T, path string) string {
	t.Helper()
	pair, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	seed, err := pair.Seed()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, seed, 0o600); err != nil {
		t.Fatal(err)
	}
	public, err := pair.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	return public
}
