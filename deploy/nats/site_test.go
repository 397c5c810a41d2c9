// Package nats_test tries the files of this folder as a site uses them: with keys of its own, on a real nats-server.
package nats_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nkeys"

	"foxhunt/jetstream"
)

// patience is how long anything that must happen may take on a busy machine.
const patience = 15 * time.Second

// site is a folder with the configuration files of this one, keys, a certificate, and a running server.
type site struct {
	dir         string
	url         string
	monitor     string // its monitoring port's URL
	log         *syncBuffer
	process     *os.Process
	environment []string                                        // of the server, beside the test's own
	makeKey     func(t testing.TB, path string) (public string) // writes a new user's seed
}

// makeSite lays out everything but the server. extra goes to the end of users.conf.
func makeSite(t testing.TB, extra string) *site {
	t.Helper()
	return layOut(t, extra, makeKey)
}

func layOut(t testing.TB, extra string, makeKey func(testing.TB, string) string) *site {
	t.Helper()
	s := &site{dir: t.TempDir(), log: &syncBuffer{}, makeKey: makeKey}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(here, "*.conf"))
	if err != nil || len(files) < 3 {
		t.Fatalf("found the configuration files %q (%v)", files, err)
	}
	for _, f := range files {
		if filepath.Base(f) == "users.conf" {
			continue // somebody runs a site here
		}
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		// as they are, but for the room that the streams may set aside: a test's machine may have less
		s.write(t, filepath.Base(f), strings.Replace(string(text), `store_dir: "data"`, `store_dir: "data", max_file_store: 64GB`, 1))
	}
	s.makeCertificates(t)
	s.write(t, "users.conf", s.users(t)+s.withKeys(t, extra))
	return s
}

// users is users.conf.example with a key in the place of every placeholder.
func (s *site) users(t testing.TB) string {
	t.Helper()
	example, err := os.ReadFile("users.conf.example")
	if err != nil {
		t.Fatal(err)
	}
	return s.withKeys(t, string(example))
}

var placeholder = regexp.MustCompile(`<public key of (\S+)>`)

func (s *site) withKeys(t testing.TB, text string) string {
	return placeholder.ReplaceAllStringFunc(text, func(p string) string {
		return s.makeKey(t, s.path(placeholder.FindStringSubmatch(p)[1]))
	})
}

func makeKey(t testing.TB, path string) (public string) {
	t.Helper()
	pair, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	seed, _ := pair.Seed() // neither fails for a pair just made
	public, _ = pair.PublicKey()
	if err := os.WriteFile(path, seed, 0o600); err != nil {
		t.Fatal(err)
	}
	return public
}

func (s *site) path(name string) string { return filepath.Join(s.dir, name) }

func (s *site) write(t testing.TB, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(s.path(name)), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.path(name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// makeCertificates makes an authority of the site's own, and a certificate for its servers.
func (s *site) makeCertificates(t testing.TB) {
	t.Helper()
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "site"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	caKey := s.makeCertificate(t, "tls/ca", ca, ca, nil)
	s.makeCertificate(t, "tls/server", &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "server"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		NotBefore: ca.NotBefore, NotAfter: ca.NotAfter,
	}, ca, caKey)
}

// makeCertificate writes name.pem and name.key; without a signer it signs itself.
func (s *site) makeCertificate(t testing.TB, name string, c, authority *x509.Certificate, signer *ecdsa.PrivateKey) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if signer == nil {
		signer = key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, authority, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	s.write(t, name+".pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	s.write(t, name+".key", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})))
	return key
}

func TestMain(m *testing.M) {
	code := m.Run()
	if path, err := server(); err == nil {
		os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

// server is the nats-server that go.mod names, built for all tests here.
var server = sync.OnceValues(func() (path string, err error) {
	dir, err := os.MkdirTemp("", "foxhunt-nats")
	if err != nil {
		return "", err
	}
	path = filepath.Join(dir, "nats-server")
	if out, err := exec.Command("go", "build", "-o", path, "github.com/nats-io/nats-server/v2").CombinedOutput(); err != nil {
		return path, fmt.Errorf("go build nats-server: %w\n%s", err, out)
	}
	return path, nil
})

func serverCommand(t testing.TB, args ...string) *exec.Cmd {
	t.Helper()
	path, err := server()
	if err != nil {
		t.Fatal(err)
	}
	return exec.Command(path, args...)
}

// start runs the server on free ports of the loopback until the test ends.
func (s *site) start(t testing.TB, config string, flags ...string) {
	t.Helper()
	ports := t.TempDir()
	flags = append(flags, "-c", config, "-a", "127.0.0.1", "-p", "-1", "-m", "-1", "--ports_file_dir", ports)
	cmd := serverCommand(t, flags...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = s.dir, append(os.Environ(), s.environment...), s.log, s.log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s.process = cmd.Process
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }() // why it ended is in its log
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // an error says that it has ended already
		<-ended
	})
	file := filepath.Join(ports, fmt.Sprintf("nats-server_%d.ports", cmd.Process.Pid))
	waitFor(t, "nats-server's ports", func() bool {
		select {
		case <-ended:
			t.Fatalf("nats-server ended:\n%s", s.log)
		default:
		}
		var open struct{ Nats, Monitoring []string }
		text, err := os.ReadFile(file)
		if err != nil || json.Unmarshal(text, &open) != nil || len(open.Nats) == 0 || len(open.Monitoring) == 0 {
			return false
		}
		s.url, s.monitor = strings.Replace(open.Nats[0], "nats://", "tls://", 1), open.Monitoring[0]
		return true
	})
}

// check runs nats-server -t, which only reads a configuration, and gives what it says.
func (s *site) check(t testing.TB, config string) (string, error) {
	t.Helper()
	cmd := serverCommand(t, "-t", "-c", config)
	cmd.Dir = s.dir
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// options connect the user whose seed is in key.
func (s *site) options(key, inbox string) jetstream.Options {
	return jetstream.Options{
		URL: s.url, Name: key, NKeyFile: s.path(key), CAFile: s.path("tls/ca.pem"), InboxPrefix: inbox,
		Log: slog.New(slog.DiscardHandler),
	}
}

func (s *site) connect(t testing.TB, key, inbox string) *jetstream.Conn {
	t.Helper()
	c, err := jetstream.Connect(within(t), s.options(key, inbox))
	if err != nil {
		t.Fatalf("%s: %v\n%s", key, err, s.log)
	}
	t.Cleanup(c.Close)
	return c
}

func within(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

func waitFor(t testing.TB, what string, done func() bool) {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s: not within %v", what, patience)
		}
	}
}

// code is the stable code of an error of foxhunt's.
func code(err error) string {
	var e *jetstream.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return fmt.Sprint(err)
}

// syncBuffer is a buffer that one goroutine fills while another looks.
type syncBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}
