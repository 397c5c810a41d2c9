package jetstream_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"

	"foxhunt/jetstream"
	"foxhunt/jetstream/jetstreamtest"
	"foxhunt/messages"
)

func TestConnectWaitsForTheServer(t *testing.T) {
	t.Parallel()
	s := jetstreamtest.Start(t)
	url := s.ClientURL()
	s.Shutdown()
	var log logBuffer
	connected := make(chan *jetstream.Conn)
	go func() {
		c, err := jetstream.Connect(t.Context(), jetstream.Options{URL: strings.Replace(url, "//", "//fox:secret@", 1), Log: log.logger()})
		if err != nil {
			t.Error(err)
		}
		connected <- c
	}()
	waitFor(t, "a word about waiting", func() bool { return strings.Contains(log.String(), "waiting for NATS at nats://xxx@127.0.0.1:") })
	s.Restart(t)
	c := <-connected
	defer c.Close()
	if !c.Connected() || c.MaxPayload() != jetstream.MaxPayload || !strings.Contains(c.Server(), "127.0.0.1") {
		t.Errorf("connected %v to %s with max_payload %d", c.Connected(), c.Server(), c.MaxPayload())
	}
	if strings.Count(log.String(), "waiting for NATS") != 1 || strings.Contains(log.String(), "secret") {
		t.Errorf("the log should say once, and without the password, that it waits:\n%s", log.String())
	}
}

func TestConnectGivesUpWithItsContext(t *testing.T) {
	t.Parallel()
	_, err := jetstream.Connect(within(t, 150*time.Millisecond), jetstream.Options{URL: "nats://fox:secret@127.0.0.1:1", Log: quiet()})
	if code(err) != jetstream.CodeNotConnected || strings.Contains(err.Error(), "secret") {
		t.Errorf("error %v, want %s without the password", err, jetstream.CodeNotConnected)
	}
}

func TestConnectRefusesWhatWaitingCannotMend(t *testing.T) {
	t.Parallel()
	url := startServer(t, &server.Options{Username: "fox", Password: "right"})
	withUser := strings.Replace(url, "//", "//fox:wrong@", 1)
	missing := filepath.Join(t.TempDir(), "missing")
	for name, c := range map[string]struct {
		o    jetstream.Options
		want string
	}{
		"no URL":           {jetstream.Options{}, jetstream.CodeBadOption},
		"bad URL":          {jetstream.Options{URL: "nats://fox:wrong@127.0.0.1:port"}, jetstream.CodeBadOption},
		"wrong password":   {jetstream.Options{URL: withUser}, jetstream.CodeNotAuthorized},
		"no nkey file":     {jetstream.Options{URL: url, NKeyFile: missing}, jetstream.CodeBadOption},
		"no certificate":   {jetstream.Options{URL: url, CertFile: missing, KeyFile: missing}, jetstream.CodeBadOption},
		"no CA file":       {jetstream.Options{URL: url, CAFile: missing}, jetstream.CodeBadOption},
		"no credentials":   {jetstream.Options{URL: url, CredentialsFile: missing}, jetstream.CodeBadOption},
		"TLS where is non": {jetstream.Options{URL: strings.Replace(url, "nats:", "tls:", 1)}, jetstream.CodeBadOption},
	} {
		c.o.Log = quiet()
		_, err := jetstream.Connect(within(t, 5*time.Second), c.o)
		if code(err) != c.want || strings.Contains(err.Error(), "wrong") {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
}

func TestConnectWithNKeyOverTLS(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cert, ca := certificate(t, dir)
	user, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	public, _ := user.PublicKey()
	seed, _ := user.Seed()
	seedFile := filepath.Join(dir, "seed")
	if err := os.WriteFile(seedFile, seed, 0o600); err != nil {
		t.Fatal(err)
	}
	url := startServer(t, &server.Options{
		Nkeys:     []*server.NkeyUser{{Nkey: public}},
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12},
	})
	url = strings.Replace(url, "nats:", "tls:", 1)
	connect(t, jetstream.Options{URL: url, NKeyFile: seedFile, CAFile: ca})
	_, err = jetstream.Connect(within(t, 5*time.Second), jetstream.Options{URL: url, NKeyFile: seedFile, Log: quiet()})
	if code(err) != jetstream.CodeNotAuthorized {
		t.Errorf("a server with an unknown certificate: %v, want %s", err, jetstream.CodeNotAuthorized)
	}
}

// certificate makes a certificate for 127.0.0.1 that is its own authority.
func certificate(t *testing.T, dir string) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, file
}

func TestRefusedPublishSaysSo(t *testing.T) {
	t.Parallel()
	url := startServer(t, &server.Options{Users: []*server.User{{
		Username: "st1", Password: "pw",
		Permissions: &server.Permissions{
			Publish:   &server.SubjectPermission{Allow: []string{"captures.net.st1"}},
			Subscribe: &server.SubjectPermission{Allow: []string{"_INBOX_st1.>"}},
		},
	}, {Username: "admin", Password: "pw"}}})
	login := func(user string) string { return strings.Replace(url, "//", "//"+user+":pw@", 1) }
	admin := connect(t, jetstream.Options{URL: login("admin")})
	if _, err := admin.Ensure(t.Context(), jetstream.DefaultTopology()); err != nil {
		t.Fatal(err)
	}
	var log logBuffer
	station := connect(t, jetstream.Options{URL: login("st1"), InboxPrefix: "_INBOX_st1", Log: log.logger()})
	if _, err := station.PublishCapture(t.Context(), "captures.net.st1", "id-1", []byte("own")); err != nil {
		t.Fatalf("its own subject: %v", err)
	}
	before := time.Now()
	_, err := station.PublishCapture(t.Context(), "captures.net.st2", "id-2", []byte("another's"))
	if code(err) != jetstream.CodeRefused {
		t.Errorf("another's subject: %v, want %s", err, jetstream.CodeRefused)
	}
	if took := time.Since(before); took > 4*time.Second {
		t.Errorf("the refusal took %v, as long as a time-out", took)
	}
	if err := station.PublishPlain("truth.net.st2", nil); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "a word about the refused message", func() bool { return strings.Contains(log.String(), "code=refused") })
	if station.AsyncErrors() != 2 {
		t.Errorf("AsyncErrors = %d, want 2", station.AsyncErrors())
	}
}

// A worker without the right to publish fixes waits for it: the captures are not at fault.
func TestRefusedFixWaits(t *testing.T) {
	t.Parallel()
	url := startServer(t, &server.Options{Users: []*server.User{{
		Username: "worker", Password: "pw",
		Permissions: &server.Permissions{Publish: &server.SubjectPermission{Deny: []string{"fixes.>", "dead.>"}}},
	}}})
	var log logBuffer
	c := connect(t, jetstream.Options{URL: strings.Replace(url, "//", "//worker:pw@", 1), Log: log.logger()})
	if _, err := c.Ensure(t.Context(), jetstream.DefaultTopology()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 2)
	go func() {
		_, err := c.PublishFix(ctx, "fixes.net.a", "id", "application/json", []byte("{}"))
		ended <- err
	}()
	go func() {
		_, err := c.PublishDead(ctx, 1, &messages.DeadLetter{Subject: "captures.net.a", Reason: "bad_rate"})
		ended <- err
	}()
	waitFor(t, "several attempts", func() bool { return c.AsyncErrors() >= 6 })
	select {
	case err := <-ended:
		t.Errorf("gave up: %v", err)
	default:
	}
	cancel()
	for range 2 {
		if err := <-ended; code(err) != jetstream.CodeRefused {
			t.Errorf("at the end: %v, want %s", err, jetstream.CodeRefused)
		}
	}
	if n := strings.Count(log.String(), "until it is permitted"); n != 2 {
		t.Errorf("it was said %d times, want once of each:\n%s", n, log.String())
	}
}

// The server cuts off who sends a subject longer than a control line may be, and nats.go does not come back from that.
func TestClosed(t *testing.T) {
	t.Parallel()
	srv, byUs := start(t)
	c := srv.Connect(t)
	s := newSource(t, c, jetstream.DefaultTopology(), jetstream.SourceOptions{})
	if err := c.PublishPlain(strings.Repeat("x", 5000), nil); err != nil {
		t.Fatal(err)
	}
	select {
	case <-c.Closed():
	case <-within(t, 10*time.Second).Done():
		t.Fatal("nobody was told that the connection is closed")
	}
	if _, err := s.Next(within(t, 10*time.Second)); !errors.Is(err, jetstream.ErrStopped) {
		t.Errorf("the source on a closed connection: %v", err)
	}
	byUs.Close()
	select {
	case <-byUs.Closed():
		t.Error("Close was taken for an accident")
	default:
	}
}

func TestReconnects(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	s.Restart(t)
	waitFor(t, "the connection's return", func() bool { return c.Connected() && c.Reconnects() == 1 })
	if _, err := c.PublishCapture(t.Context(), "captures.net.a", "id", []byte("after")); err != nil {
		t.Error(err)
	}
}

func TestRedactURL(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"nats://127.0.0.1:4222":                    "nats://127.0.0.1:4222",
		"nats://fox:p@ss@host:4222, tls://tok@b:1": "nats://xxx@host:4222,tls://xxx@b:1",
		"fox:secret@host":                          "xxx@host",
		"":                                         "",
	} {
		if got := jetstream.RedactURL(in); got != want {
			t.Errorf("RedactURL(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestPlainMessages(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	got := make(chan string, 1)
	stop, err := c.SubscribePlain("truth.>", func(subject string, data []byte) { got <- subject + " " + string(data) })
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	if err := c.PublishPlain("truth.net.a", []byte("here")); err != nil {
		t.Fatal(err)
	}
	select {
	case s := <-got:
		if s != "truth.net.a here" {
			t.Errorf("got %q", s)
		}
	case <-within(t, 5*time.Second).Done():
		t.Error("nothing came")
	}
}

func TestClosedConnectionSaysSo(t *testing.T) {
	t.Parallel()
	s := jetstreamtest.Start(t)
	c := s.Connect(t)
	c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := c.PublishCapture(ctx, "captures.net.a", "id", nil)
	if code(err) != jetstream.CodeNotConnected {
		t.Errorf("publish on a closed connection: %v", err)
	}
	if err := c.PublishPlain("x", nil); code(err) != jetstream.CodeNotConnected {
		t.Errorf("plain publish on a closed connection: %v", err)
	}
	if _, err := c.SubscribePlain("x", nil); code(err) != jetstream.CodeNotConnected {
		t.Errorf("subscription on a closed connection: %v", err)
	}
}
