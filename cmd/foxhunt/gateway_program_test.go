package main

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"foxhunt/geo"
	"foxhunt/jetstream"
	"foxhunt/messages"
)

// testCurl gives foxhunt up the request that the README and docs/gateway.md print, as they print it.
func (p *program) testCurl(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("curl is missing: install it")
		}
		t.Skip("curl is missing: install it")
	}
	up := p.start(t, "up", "--data-dir", "D", "--nats-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0")
	_, address := up.ready(t)
	for _, page := range []string{"README.md", "docs/gateway.md"} {
		text, err := os.ReadFile("../../" + page)
		if err != nil {
			t.Fatal(err)
		}
		line := regexp.MustCompile(`(?m)^    (curl .*/predict)$`).FindStringSubmatch(string(text))
		if line == nil {
			t.Fatalf("%s has no request by curl", page)
		}
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		curl := exec.CommandContext(ctx, "sh", "-c", strings.Replace(line[1], "127.0.0.1:8080", address, 1))
		curl.Dir = "../.."
		out, err := curl.Output()
		if err != nil {
			t.Fatalf("%s: %v", curl, err)
		}
		var a answer
		if err := json.Unmarshal(out, &a); err != nil || a.Fix == nil {
			t.Fatalf("%s answers %s", line[1], out)
		}
		there := geo.Position{Latitude: 44.9008, Longitude: 8.2065} // where the simulated transmitter was
		east, north := geo.Offset(geo.Position{Latitude: a.Position.Latitude, Longitude: a.Position.Longitude}, there)
		u := a.Fix.Uncertainty
		if e := (geo.Ellipse{SemiMajor: u.SemiMajor, SemiMinor: u.SemiMinor, Theta: u.Theta, Confidence: u.ConfidenceInterval}); !e.Contains(east, north) || u.SemiMajor > 10e3 {
			t.Errorf("%s: the truth is %.0f m east, %.0f m north of the fix; the ellipse is %+v", page, east, north, e)
		}
	}
	g := gatewayAt{address: address, client: http.DefaultClient}
	if a := g.ask(t, http.MethodGet, healthPage, "", nil); a.CacheAvailable == nil || !*a.CacheAvailable {
		t.Errorf("the health of up with its cache in memory: %s", a.body)
	}
	stopBesideRequest(t, up, address)
}

// stopBesideRequest stops up while a request is on its way, which must have its fix, and a later one be refused.
func stopBesideRequest(t *testing.T, up *running, address string) {
	body, err := os.ReadFile("../../docs/predict.json")
	if err != nil {
		t.Fatal(err)
	}
	connection, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	if err := connection.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	answers := bufio.NewReader(connection)
	next := func() *http.Response {
		response, err := http.ReadResponse(answers, nil)
		if err != nil {
			t.Fatalf("%v\n%s", err, up.log.String())
		}
		return response
	}
	fmt.Fprintf(connection, "POST %s HTTP/1.1\r\nHost: up\r\nContent-Type: application/json\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n", predictPage, len(body))
	if response := next(); response.StatusCode != http.StatusContinue {
		t.Fatalf("the request is not taken: %s", response.Status)
	}
	if err := up.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "up to refuse what comes now", func() bool {
		status, body := get(t, address, "/api/v1/inference/health")
		return status == http.StatusServiceUnavailable && strings.Contains(body, "it is stopping")
	})
	if _, err := connection.Write(body); err != nil {
		t.Fatal(err)
	}
	var a answer
	response := next()
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(&a); err != nil || response.StatusCode != http.StatusOK || a.Fix == nil {
		t.Errorf("the request that was on its way: %s %+v, %v", response.Status, a, err)
	}
	up.wait(t)
}

// TestUpGuardsItsAPI leaves the API off where other machines would reach it without a token.
func TestUpGuardsItsAPI(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		listen, token string
		served        bool
	}{{"127.0.0.1:0", "", true}, {"0.0.0.0:0", "", false}, {"0.0.0.0:0", strings.Repeat("x", 20), true}} {
		h, err := serveHTTP(c.listen, quietLog())
		if err != nil {
			t.Fatal(err)
		}
		o := &upOptions{}
		o.gateway.Token = c.token
		var log syncBuffer
		if api := o.api(h, slog.New(slog.NewTextHandler(&log, nil))); (api != nil) != c.served {
			t.Errorf("on %s with token %q: %v", c.listen, c.token, api)
		}
		if strings.Contains(log.String(), "in the clear") != (c.served && c.token != "") {
			t.Errorf("on %s with token %q the log is %s", c.listen, c.token, log.String())
		}
		_, port, _ := net.SplitHostPort(h.address())
		want := http.StatusNotFound
		if c.served {
			want = http.StatusServiceUnavailable // it waits for NATS
		}
		if status, body := get(t, "127.0.0.1:"+port, healthPage); status != want {
			t.Errorf("on %s with token %q: %d %s", c.listen, c.token, status, body)
		}
		h.close()
	}
}

// TestGatewayFlags refuses what makes no sense before anything is opened.
func TestGatewayFlags(t *testing.T) {
	t.Parallel()
	short := filepath.Join(t.TempDir(), "short")
	if err := os.WriteFile(short, []byte("abc\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ flags, words string }{
		{"--network a.b", "network"}, {"--bundle *", "bundle"}, {"--position 91,0", "position is"}, {"--position 45", "position is"},
		{"--token-file /absent", "token-file"}, {"--token-file " + short, "3 bytes; want at least 16"},
		{"--http-listen 0.0.0.0:0", "give --token-file"}, {"--http-cert /absent", "http-cert"}, {"--http-listen nowhere", "http-listen"},
		{"--log-level loud", "log-level"}, {"--consumer a.b", "consumer"},
		{"--deadline 0s", "deadline is 0s"}, {"--in-flight 5", "in-flight is 5"},
	} {
		out, err := command(t.Context(), append([]string{"gateway", "--nats", "nats://127.0.0.1:1"}, strings.Fields(c.flags)...)...)
		if err == nil || !strings.Contains(err.Error(), c.words) {
			t.Errorf("%s: %v, %s; want %q", c.flags, err, out, c.words)
		}
	}
}

// TestGatewayMutualTLS listens to everybody, and lets in who has a certificate.
func TestGatewayMutualTLS(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	files := makeCertificates(t)
	g := h.startGateway(t, "--http-listen", "0.0.0.0:0", "--http-cert", files["server.pem"], "--http-key", files["server.key"], "--http-client-ca", files["ca.pem"])
	_, port, err := net.SplitHostPort(g.address)
	if err != nil {
		t.Fatal(err)
	}
	ca, err := os.ReadFile(files["ca.pem"])
	if err != nil {
		t.Fatal(err)
	}
	client, err := tls.LoadX509KeyPair(files["client.pem"], files["client.key"])
	if err != nil {
		t.Fatal(err)
	}
	config := &tls.Config{RootCAs: x509.NewCertPool()}
	config.RootCAs.AppendCertsFromPEM(ca)
	for _, known := range []bool{false, true} {
		if known {
			config = config.Clone()
			config.Certificates = []tls.Certificate{client}
		}
		transport := &http.Transport{TLSClientConfig: config}
		defer transport.CloseIdleConnections()
		response, err := (&http.Client{Transport: transport, Timeout: patience}).Get("https://127.0.0.1:" + port + "/livez")
		if (err == nil) != known {
			t.Errorf("with a certificate: %v: %v", known, err)
		}
		if err == nil {
			response.Body.Close()
		}
	}
}

// makeCertificates makes an authority, and a server and a client that it vouches for.
func makeCertificates(t *testing.T) map[string]string {
	t.Helper()
	folder, files := t.TempDir(), map[string]string{}
	write := func(name, kind string, der []byte) {
		files[name] = filepath.Join(folder, name)
		if err := os.WriteFile(files[name], pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var authority *x509.Certificate
	var authorityKey *ecdsa.PrivateKey
	for i, name := range []string{"ca", "server", "client"} {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		template := &x509.Certificate{
			SerialNumber: big.NewInt(int64(i + 1)), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
			IsCA: i == 0, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		}
		if i == 0 {
			authority, authorityKey = template, key
		}
		der, err := x509.CreateCertificate(rand.Reader, template, authority, &key.PublicKey, authorityKey)
		if err != nil {
			t.Fatal(err)
		}
		secret, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		write(name+".pem", "CERTIFICATE", der)
		write(name+".key", "PRIVATE KEY", secret)
	}
	return files
}

// TestGatewayPermissions runs a gateway as a user that may do what docs/gateway.md lists, and nothing else.
func TestGatewayPermissions(t *testing.T) {
	t.Parallel()
	may := &server.Permissions{
		Publish: &server.SubjectPermission{Allow: []string{"captures.>", "$JS.API.CONSUMER.INFO.CAPTURES.workers",
			"$JS.API.STREAM.INFO.FIXES", "$JS.API.CONSUMER.CREATE.FIXES.>", "$JS.API.CONSUMER.MSG.NEXT.FIXES.*", "$JS.API.CONSUMER.DELETE.FIXES.*", "$JS.API.DIRECT.GET.FIXES",
			"$JS.API.STREAM.INFO.DEAD", "$JS.API.CONSUMER.CREATE.DEAD.>", "$JS.API.CONSUMER.MSG.NEXT.DEAD.*", "$JS.API.CONSUMER.DELETE.DEAD.*", "$JS.API.DIRECT.GET.DEAD"}},
		Subscribe: &server.SubjectPermission{Allow: []string{"fixes.>", "dead.captures.>", "_INBOX_gateway.>"}},
	}
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(), NoSigs: true,
		Users: []*server.User{{Username: "worker", Password: "w"}, {Username: "gateway", Password: "g", Permissions: may}}})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(patience) {
		t.Fatal("the server is not ready")
	}
	url := func(user string) string { return "nats://" + user + "@" + s.Addr().String() }
	worker, err := jetstream.Connect(t.Context(), jetstream.Options{URL: url("worker:w"), Log: quietLog()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(worker.Close)
	topology := jetstream.DefaultTopology()
	if _, err := worker.Ensure(t.Context(), topology); err != nil {
		t.Fatal(err)
	}
	if _, err := worker.NewSource(t.Context(), topology, jetstream.SourceOptions{Concurrency: 1}); err != nil {
		t.Fatal(err)
	}
	g := startGatewayAt(t, url("gateway:g"), "--nats-inbox", "_INBOX_gateway", "--deadline", "1s")
	waitFor(t, "the worker to be seen", func() bool { return g.ask(t, http.MethodGet, healthPage, "", nil).status == http.StatusOK })
	late := g.predict(t, oneSample(1))
	if late.status != http.StatusGatewayTimeout {
		t.Fatalf("nobody answers: %d %s", late.status, late.body)
	}
	letter := &messages.DeadLetter{Subject: captureSubject("http", "http"), Reason: "bad_samples", Sentence: "no", Time: time.Now(),
		Headers: map[string][]string{"Nats-Msg-Id": {late.CaptureID}}}
	if _, err := worker.PublishDead(t.Context(), 1, letter); err != nil {
		t.Fatal(err)
	}
	if a := g.ask(t, http.MethodGet, late.FixURL, "", nil); a.status != http.StatusBadRequest || a.Code != "bad_samples" {
		t.Errorf("the dead letter: %d %s", a.status, a.body)
	}
}
