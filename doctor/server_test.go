package doctor

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"foxhunt/jetstream"
)

func TestGoodServer(t *testing.T) {
	t.Parallel()
	all := examine(t, deploy(t, good).options())
	all.want(t, "nats_reach", OK, "answers after")
	all.want(t, "nats_version", OK, "server good is 2.")
	all.want(t, "nats_jetstream", OK, "streams")
	all.want(t, "nats_max_payload", OK, "8454144")
	all.want(t, "nats_sync", OK, "server good writes to the disk before each PubAck")
	all.want(t, "nats_tls", OK, "127.0.0.1 only")
	all.want(t, "nats_auth", OK, "127.0.0.1 only")
	all.want(t, "nats_store", OK, "32.3 GiB aside", "of 64 GiB")
	all.want(t, "nats_clock", OK, "within")
}

func TestBadServer(t *testing.T) {
	t.Parallel()
	all := examine(t, deploy(t, `
		server_name: bad
		listen: "0.0.0.0:-1"
		http: "127.0.0.1:-1"
		jetstream {max_file_store: 512MB, sync_interval: 10s}
	`).options())
	all.want(t, "nats_max_payload", Warning, "1048576", "8454144")
	all.want(t, "nats_sync", Warning, "every 10s", "1 replica")
	all.want(t, "nats_tls", Warning, "every interface")
	all.want(t, "nats_auth", Error, "every interface")
}

// Without a monitoring port nobody sees how often the server writes to its disk; doctor says so and not that all is well.
func TestWithoutMonitor(t *testing.T) {
	t.Parallel()
	d := deploy(t, good)
	all := examine(t, lookAt(d.url))
	all.want(t, "nats_sync", Unknown, "no monitoring port was named")
	all.want(t, "nats_store", Unknown, "no monitoring port was named")
	all.want(t, "nats_clock", OK, "within") // by the streams' word

	o := d.options()
	o.Monitors = append(o.Monitors, "http://"+freeAddress(t))
	all = examine(t, o)
	all.want(t, "nats_sync", Unknown, "does not answer")
	notFound := httptest.NewServer(http.NotFoundHandler())
	defer notFound.Close()
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{}`) }))
	defer other.Close()
	for url, word := range map[string]string{notFound.URL: "404", other.URL: "no NATS monitoring port", "http://%zz": "cannot be read"} {
		o.Monitors = []string{url}
		examine(t, o).want(t, "nats_sync", Unknown, word)
	}
}

func TestSystemAccount(t *testing.T) {
	t.Parallel()
	s := startNATS(t, `
		server_name: one
		listen: "127.0.0.1:-1"
		accounts {
		  SYS { users [{user: sys, password: p}], exports [{service: "$SYS.REQ.SERVER.PING.VARZ"}] }
		  APP { jetstream: {max_file: 1GB}, users [{user: app, password: p}], imports [{service: {account: SYS, subject: "$SYS.REQ.SERVER.PING.VARZ"}}] }
		}
		system_account: SYS
		jetstream {sync_interval: always}
	`)
	all := examine(t, lookAt(strings.Replace(s.url, "//", "//app:p@", 1)))
	all.want(t, "nats_sync", OK, "server one")
	all.want(t, "nats_auth", OK, "asks for credentials")
	all.want(t, "nats_store", OK, "this account uses 0 bytes of its 1 GiB")

	all = examine(t, lookAt(strings.Replace(s.url, "//", "//sys:p@", 1))) // which has no streams
	all.want(t, "nats_sync", OK, "server one")
	all.want(t, "nats_jetstream", Error, "JetStream")
	all.want(t, "nats_clock", OK, "within") // by the server's word

	all = examine(t, lookAt(strings.Replace(s.url, "//", "//app:hunter2@", 1)))
	all.want(t, "nats_reach", Error, "does not accept these credentials")
	if len(all["stream_missing"]) != 0 || strings.Contains(fmt.Sprint(all), "hunter2") {
		t.Errorf("without credentials: %v", all)
	}
}

func TestStoreNearlyFull(t *testing.T) {
	unseen := errors.New("not seen")
	for _, c := range []struct {
		used, reserved uint64
		want           Severity
	}{{0, 50, OK}, {79, 79, OK}, {80, 80, Warning}, {95, 95, Error}, {10, 101, Warning}} {
		varz := fmt.Sprintf(`{"version": "2.14.0", "jetstream": {"config": {"max_storage": 100}, "stats": {"storage": %d, "reserved_storage": %d}}}`, c.used, c.reserved)
		monitor := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, varz) }))
		facts := &Facts{}
		facts.Varz, _ = gatherVarz(t.Context(), []string{monitor.URL}, nil)
		facts.Account.Err = unseen
		monitor.Close()
		wantOf(t, checkStore(facts), "nats_store", c.want, fmt.Sprintf("uses %d bytes of 100 bytes", c.used))
	}
}

func TestJetStreamOff(t *testing.T) {
	s := startNATS(t, `listen: "127.0.0.1:-1", http: "127.0.0.1:-1"`)
	all := examine(t, s.options())
	all.want(t, "nats_jetstream", Error, "JetStream is switched off on this server")
	if mend := all["nats_jetstream"][0].Mend; !strings.Contains(mend, "nats-server -js") || strings.Contains(mend, "cluster") {
		t.Errorf("what mends a single server without JetStream: %s", mend)
	}
	all.want(t, "stream_missing", Unknown, "stream CAPTURES")
	if mend := all["stream_missing"][0].Mend; mend != "see nats_jetstream" {
		t.Errorf("what mends streams without JetStream: %s", mend)
	}
	all.want(t, "nats_sync", Info, "stores nothing")
	all.want(t, "workers", Unknown, "cannot be seen")
}

func TestNobodyListens(t *testing.T) {
	start := time.Now()
	all := examine(t, lookAt("nats://user:secret@"+freeAddress(t)))
	all.want(t, "nats_reach", Error, "no NATS server greets", "refused")
	if took := time.Since(start); took > 3*time.Second {
		t.Errorf("it took %v", took)
	}
	if strings.Contains(fmt.Sprint(all), "secret") {
		t.Errorf("the password is shown: %v", all)
	}
	for _, code := range []string{"nats_version", "nats_tls", "nats_jetstream", "stream_missing", "workers"} {
		if len(all[code]) != 0 {
			t.Errorf("one fault became many: %v", all[code])
		}
	}
	examine(t, lookAt("nats://")).want(t, "nats_reach", Error, "cannot be read")
}

// What listens may be anything, and may say nothing for ever.
func TestNoNATSServer(t *testing.T) {
	for name, c := range map[string]struct {
		speak func(net.Conn)
		word  string
	}{
		"another server": {func(c net.Conn) { fmt.Fprint(c, "SSH-2.0-\x1b[2J\r\n") }, `no NATS server: it says "SSH-2.0-\x1b[2J`},
		"broken":         {func(c net.Conn) { fmt.Fprint(c, "INFO {\"version\": 3}\r\n") }, "no NATS server"},
		"endless":        {func(c net.Conn) { io.Copy(c, zeros{}) }, "says nothing"},
	} {
		t.Run(name, func(t *testing.T) {
			o := lookAt("nats://" + serve(t, c.speak))
			examine(t, o).want(t, "nats_reach", Error, c.word)
		})
	}
	if hello, err := greet(soon(t), "nats://"+freeAddress(t)+", "+serve(t, func(c net.Conn) { fmt.Fprint(c, "INFO {\"version\": \"2.9.1\"}\r\n") })); err != nil || hello.Version != "2.9.1" {
		t.Errorf("the second of two URLs: %+v, %v", hello, err)
	}
}

// A server that takes connections and says nothing, as one that is stopped does, costs no more than the time given.
func TestSilentServer(t *testing.T) {
	silent := serve(t, func(c net.Conn) { io.Copy(io.Discard, c) })
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	start := time.Now()
	all := Check(Gather(ctx, lookAt("nats://"+silent)))
	if all[0].Code != "nats_reach" || all[0].Severity != Error || !strings.Contains(all[0].Seen, "says nothing") {
		t.Errorf("the worst is %+v", all[0])
	}
	if took := time.Since(start); took > 2*time.Second {
		t.Errorf("it took %v", took)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// serve answers every connection with speak until the test ends.
func serve(t testing.TB, speak func(net.Conn)) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				speak(c)
			}()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return l.Addr().String()
}

func TestTLS(t *testing.T) {
	cert, key := certificate(t)
	s := startNATS(t, fmt.Sprintf(`
		server_name: tls
		listen: "0.0.0.0:-1"
		jetstream {}
		tls {cert_file: %q, key_file: %q}
		authorization {user: u, password: p}
	`, cert, key))
	o := lookAt(fmt.Sprintf("tls://u:p@127.0.0.1:%d", s.Addr().(*net.TCPAddr).Port))
	o.NATS.CAFile = cert
	all := examine(t, o)
	all.want(t, "nats_reach", OK)
	all.want(t, "nats_tls", OK, "encrypted")
	all.want(t, "nats_auth", OK, "asks")
}

// A server's websocket port greets nobody; what the connection knows must do.
func TestWebsocket(t *testing.T) {
	s := startNATS(t, good+`websocket {listen: "127.0.0.1:-1", no_tls: true}`)
	all := examine(t, lookAt(s.WebsocketURL()))
	all.want(t, "nats_reach", OK)
	all.want(t, "nats_version", OK, "server good is 2.")
	all.want(t, "nats_max_payload", OK, "8454144")
	all.want(t, "nats_auth", Error, "every interface") // as nothing says otherwise
}

// certificate writes a certificate for 127.0.0.1 that signs itself, and its key.
func certificate(t testing.TB) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, kind string, data []byte) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: data}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	return write("cert.pem", "CERTIFICATE", der), write("key.pem", "PRIVATE KEY", secret)
}

func TestVersions(t *testing.T) {
	for text, want := range map[string]Severity{
		"2.15.2": OK, "2.14.0": OK, "v2.14.0-RC.1": OK, "2.12.7": OK, "2.11.16": OK, "3.0.0": OK,
		"2.13.9": Warning, "2.12.6": Warning, "2.11.15": Warning, "2.10.29": Warning, "2.10.4": Warning, "2.10.23": Warning,
		"2.10.20": Error, "2.10.22": Error, "2.10.3": Error, "2.9.25": Error, "1.4.1": Error,
		"": Unknown, "2.10": Unknown, "dev": Unknown, "2.-1.0": Unknown, "2.10.4.1": Unknown, "2.x.0": Unknown,
	} {
		if f := judgeVersion("s", text); f.Severity != want {
			t.Errorf("%q is %+v, want %s", text, f, want)
		}
	}
	// an old server as doctor meets it
	old := serve(t, func(c net.Conn) { fmt.Fprint(c, "INFO {\"server_name\": \"old\", \"version\": \"2.9.1\"}\r\n") })
	wantOf(t, checkVersion(&Facts{Hello: fact(greet(soon(t), "nats://"+old)), Varz: Fact[[]Varz]{Err: errNoGreeting}}), "nats_version", Error, "server old is 2.9.1")
}

func TestServerClock(t *testing.T) {
	for offset, want := range map[time.Duration]Severity{0: OK, 500 * time.Millisecond: OK, time.Minute: Warning, -time.Minute: Warning} {
		f := &Facts{Varz: Fact[[]Varz]{Value: []Varz{{Asked: time.Now(), Now: time.Now().Add(offset), Took: time.Millisecond}}}}
		f.Inventory.Err = os.ErrNotExist
		wantOf(t, checkServerClock(f), "nats_clock", want)
	}
	wantOf(t, checkServerClock(&Facts{Inventory: Fact[*jetstream.Inventory]{Err: os.ErrNotExist}, Varz: Fact[[]Varz]{Err: os.ErrNotExist}}), "nats_clock", Unknown)
}
