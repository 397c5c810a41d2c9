package main

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	natsjs "github.com/nats-io/nats.go/jetstream"

	"foxhunt/jetstream"
	"foxhunt/model/modeltest"
)

// soon is when a refusal must have been told: well before the time-outs of NATS, which are 5 s.
const soon = 4 * time.Second

// startServer starts a nats-server with users, and with JetStream.
func startServer(t testing.TB, users ...*server.User) (url string) {
	t.Helper()
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true,
		JetStream: true, StoreDir: t.TempDir(), MaxPayload: jetstream.MaxPayload, Users: users})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(10 * time.Second) {
		t.Fatal("nats-server did not come up")
	}
	return s.ClientURL()
}

func login(url, user string) string { return strings.Replace(url, "//", "//"+user+":pw@", 1) }

// TestPublishOverTheLimits expects publish to say what a full subject and a full stream mean, and to end with the exit code
// of what may be tried again.
func TestPublishOverTheLimits(t *testing.T) {
	p := newPublishing(t)
	p.write(t, "1.raw", make([]byte, 2*10000*4)) // 4 captures of 20 kB
	publish := append(slices.Clone(rawFlags), "A=1.raw@2026-03-01T12:00:00Z")
	limit := func(change func(*natsjs.StreamConfig)) {
		t.Helper()
		config := jetstream.DefaultTopology().Captures
		change(&config)
		if _, err := p.house.js.UpdateStream(t.Context(), config); err != nil {
			t.Fatal(err)
		}
	}
	limit(func(c *natsjs.StreamConfig) { c.MaxMsgsPerSubject = 3 })
	err := p.run(t.Context(), publish...)
	if err == nil || !strings.HasPrefix(err.Error(), "1 of 4 captures were not stored: station_over_limit: captures.test.A has as many captures waiting") ||
		exitCode(err) != 75 || !strings.Contains(p.log.String(), "capture 4/4 was not stored: station_over_limit: ") {
		t.Errorf("a full subject: %v after %q", err, p.log.String())
	}
	if err := p.run(t.Context(), append(slices.Clone(rawFlags), "B=1.raw@2026-03-01T12:00:00Z", "--length", "3s")...); err != nil {
		t.Errorf("another station: %v", err)
	}
	limit(func(c *natsjs.StreamConfig) { c.MaxBytes = 150_000 })
	err = p.run(t.Context(), append(slices.Clone(rawFlags), "C=1.raw@2026-03-01T12:00:00Z", "--length", "3s")...)
	if err == nil || !strings.HasPrefix(err.Error(), "1 of 1 captures were not stored: stream_full: ") || !strings.Contains(err.Error(), "send it again later") || exitCode(err) != 75 {
		t.Errorf("a full stream: %v", err)
	}
	limit(func(c *natsjs.StreamConfig) { c.MaxMsgSize = 10_000 })
	err = p.run(t.Context(), append(slices.Clone(rawFlags), "C=1.raw@2026-03-01T12:00:00Z")...)
	if err == nil || !strings.Contains(err.Error(), "too_large: ") || exitCode(err) != 1 {
		t.Errorf("a capture too large for the stream: %v", err)
	}
}

// TestPublishUnreachable expects publish not to wait for ever for a server that goes away or is not there.
func TestPublishUnreachable(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	stations, raw := filepath.Join(folder, "stations.yaml"), filepath.Join(folder, "a.raw")
	writeText(t, stations, "- {id: A, lat: 45, lon: 8}\n")
	writeText(t, raw, strings.Repeat("ab", 10_000))
	_, err := command(t.Context(), append(slices.Clone(rawFlags), "publish", "--nats", "nats://127.0.0.1:1", "--network", "n", "--stations", stations, "A="+raw+"@2026-03-01T12:00:00Z")...)
	if err == nil || !strings.HasPrefix(err.Error(), "not_connected: no NATS server answered at nats://127.0.0.1:1") || exitCode(err) != 75 {
		t.Errorf("without a server: %v", err)
	}
}

// TestRefusedCommands has users who may not do what each command needs. All must say so at once, and fail.
func TestRefusedCommands(t *testing.T) {
	t.Parallel()
	none := &server.SubjectPermission{Deny: []string{">"}}
	own := &server.SubjectPermission{Allow: []string{"_INBOX_own.>"}}
	url := startServer(t, &server.User{Username: "admin", Password: "pw"},
		&server.User{Username: "deaf", Password: "pw", Permissions: &server.Permissions{Subscribe: none}},
		&server.User{Username: "dumb", Password: "pw", Permissions: &server.Permissions{Publish: none, Subscribe: own}})
	admin, err := jetstream.Connect(t.Context(), jetstream.Options{URL: login(url, "admin"), Log: quietLog()})
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	if _, err := admin.Ensure(t.Context(), jetstream.DefaultTopology()); err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	stations, raw := filepath.Join(folder, "stations.yaml"), filepath.Join(folder, "a.raw")
	writeText(t, stations, "- {id: A, lat: 45, lon: 8}\n")
	writeText(t, raw, strings.Repeat("ab", 10_000))
	for _, user := range []string{"deaf", "dumb"} {
		nats := []string{"--nats", login(url, user), "--nats-inbox", "_INBOX_own"}
		for _, args := range [][]string{
			append([]string{"publish", "--network", "n", "--stations", stations, "A=" + raw + "@2026-03-01T12:00:00Z"}, rawFlags...),
			{"simulate", "--count", "1"}, {"simulate"},
			{"watch"}, {"watch", "--count", "1"}, {"watch", "--format", "json"},
			{"lag", "--once"}, {"lag", "--once", "--json"},
			{"dead", "ls"}, {"dead", "purge", "--all"},
		} {
			if found, _, err := newRoot().Find(args); err != nil || found.Name() == "foxhunt" {
				continue
			}
			began := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			out, err := command(ctx, append(slices.Clone(args), nats...)...)
			cancel()
			if took := time.Since(began); err == nil || !strings.Contains(err.Error(), jetstream.CodeRefused+": ") || took > soon || exitCode(err) != 1 {
				t.Errorf("%s as %s: %v after %v; want %s at once\n%s", args, user, err, took, jetstream.CodeRefused, out)
			}
		}
	}
}

// TestConnectionFlags expects every command that connects to take all that a connection may need.
func TestConnectionFlags(t *testing.T) {
	connecting := 0
	for _, c := range commands(newRoot()) {
		if c.Flags().Lookup("nats") == nil {
			continue
		}
		connecting++
		for _, flag := range []string{"nats-creds", "nats-nkey", "nats-ca", "nats-cert", "nats-key", "nats-inbox"} {
			if c.Flags().Lookup(flag) == nil {
				t.Errorf("%s has no --%s", c.CommandPath(), flag)
			}
		}
	}
	if connecting < 6 {
		t.Errorf("%d commands connect; want at least 6", connecting)
	}
}

// TestRefusedWorker has users who may not do what a worker needs.
func TestRefusedWorker(t *testing.T) {
	t.Parallel()
	none := &server.SubjectPermission{Deny: []string{">"}}
	url := startServer(t, &server.User{Username: "deaf", Password: "pw", Permissions: &server.Permissions{Subscribe: none}},
		&server.User{Username: "dumb", Password: "pw", Permissions: &server.Permissions{Publish: none}})
	for _, user := range []string{"deaf", "dumb"} {
		o := natsOptions{jetstream.Options{URL: login(url, user), Log: quietLog()}}
		began := time.Now()
		err := runWorker(t.Context(), &o, modeltest.Runtime(t), "127.0.0.1:0", workerFlags(t, "--model", plainFile(t)), quietLog())
		if took := time.Since(began); err == nil || !strings.Contains(err.Error(), jetstream.CodeRefused+": ") || took > soon {
			t.Errorf("a worker as %s: %v after %v; want %s at once", user, err, took, jetstream.CodeRefused)
		}
	}
}
