package jetstream_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"

	"foxhunt/jetstream"
)

// authority signs certificates, in files of its folder.
type authority struct {
	folder string
	key    *ecdsa.PrivateKey
	cert   *x509.Certificate
	file   string // its certificate
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{folder: t.TempDir()}
	var err error
	if a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &a.key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	a.file = a.write(t, "ca.pem", "CERTIFICATE", der)
	return a
}

// sign makes a certificate for host, for servers and clients, and gives the files of it and of its key.
func (a *authority) sign(t *testing.T, name string, host net.IP, until time.Time) (cert, key string) {
	t.Helper()
	own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), NotBefore: time.Now().Add(-time.Hour), NotAfter: until,
		IPAddresses: []net.IP{host}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &own.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(own)
	if err != nil {
		t.Fatal(err)
	}
	return a.write(t, name+".pem", "CERTIFICATE", der), a.write(t, name+".key", "PRIVATE KEY", raw)
}

func (a *authority) write(t *testing.T, name, kind string, der []byte) string {
	t.Helper()
	return writeFile(t, filepath.Join(a.folder, name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func writeFile(t *testing.T, path string, data []byte) string {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// checkRefused expects a connection with o to be refused at once.
func checkRefused(t *testing.T, name string, o jetstream.Options, wantCode, says string) {
	t.Helper()
	o.Log = quiet()
	c, err := jetstream.Connect(within(t, 5*time.Second), o)
	if err == nil {
		c.Close()
	}
	if code(err) != wantCode || !strings.Contains(err.Error(), says) {
		t.Errorf("%s: %v; want %s and %q", name, err, wantCode, says)
	}
}

// A server that wants certificates of its clients, and clients that want the right one of the server.
func TestMutualTLS(t *testing.T) {
	t.Parallel()
	ours, others := newAuthority(t), newAuthority(t)
	here, tomorrow := net.IPv4(127, 0, 0, 1), time.Now().Add(24*time.Hour)
	serverCert, serverKey := ours.sign(t, "server", here, tomorrow)
	config, err := server.GenTLSConfig(&server.TLSConfigOpts{CertFile: serverCert, KeyFile: serverKey, CaFile: ours.file, Verify: true})
	if err != nil {
		t.Fatal(err)
	}
	url := startServer(t, &server.Options{TLSConfig: config, TLSVerify: true, TLSTimeout: 5})
	cert, key := ours.sign(t, "client", here, tomorrow)
	for _, scheme := range []string{"tls:", "nats:"} {
		c := connect(t, jetstream.Options{URL: strings.Replace(url, "nats:", scheme, 1), CAFile: ours.file, CertFile: cert, KeyFile: key})
		if _, err := c.Ensure(t.Context(), jetstream.DefaultTopology()); err != nil {
			t.Error(err)
		}
	}
	badCert, badKey := others.sign(t, "client", here, tomorrow)
	oldCert, oldKey := ours.sign(t, "old", here, time.Now().Add(-time.Minute))
	checkRefused(t, "no certificate", jetstream.Options{URL: url, CAFile: ours.file}, jetstream.CodeNotAuthorized, "certificate")
	checkRefused(t, "another authority's certificate", jetstream.Options{URL: url, CAFile: ours.file, CertFile: badCert, KeyFile: badKey}, jetstream.CodeNotAuthorized, "certificate")
	checkRefused(t, "an old certificate", jetstream.Options{URL: url, CAFile: ours.file, CertFile: oldCert, KeyFile: oldKey}, jetstream.CodeNotAuthorized, "certificate")
	checkRefused(t, "a key of another certificate", jetstream.Options{URL: url, CertFile: cert, KeyFile: badKey}, jetstream.CodeBadOption, "client certificate")
	checkRefused(t, "a certificate without its key", jetstream.Options{URL: url, CertFile: cert}, jetstream.CodeBadOption, "client certificate")
	checkRefused(t, "a server of another authority", jetstream.Options{URL: url, CAFile: others.file, CertFile: cert, KeyFile: key}, jetstream.CodeNotAuthorized, "not to be trusted")
	elsewhere, elsewhereKey := ours.sign(t, "elsewhere", net.IPv4(192, 0, 2, 1), tomorrow)
	pair, err := tls.LoadX509KeyPair(elsewhere, elsewhereKey)
	if err != nil {
		t.Fatal(err)
	}
	misnamed := startServer(t, &server.Options{TLSConfig: &tls.Config{Certificates: []tls.Certificate{pair}}})
	checkRefused(t, "a server of another name", jetstream.Options{URL: misnamed, CAFile: ours.file}, jetstream.CodeNotAuthorized, "192.0.2.1")
}

// site is an operator with one account, as nsc makes them.
type site struct {
	operator, account nkeys.KeyPair
}

func encodeJWT(t *testing.T, claims jwt.Claims, by nkeys.KeyPair) string {
	t.Helper()
	token, err := claims.Encode(by)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func publicKey(t *testing.T, k nkeys.KeyPair) string {
	t.Helper()
	public, err := k.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	return public
}

func newKey(t *testing.T, create func() (nkeys.KeyPair, error)) nkeys.KeyPair {
	t.Helper()
	k, err := create()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// start starts a server that trusts the operator and knows the account.
func (s *site) start(t *testing.T) (url string) {
	t.Helper()
	s.operator, s.account = newKey(t, nkeys.CreateOperator), newKey(t, nkeys.CreateAccount)
	system := newKey(t, nkeys.CreateAccount)
	account := jwt.NewAccountClaims(publicKey(t, s.account))
	account.Limits.JetStreamLimits = jwt.JetStreamLimits{MemoryStorage: 64 << 20, DiskStorage: 1 << 30, Streams: -1, Consumer: -1}
	resolver := &server.MemAccResolver{}
	for _, a := range []*jwt.AccountClaims{account, jwt.NewAccountClaims(publicKey(t, system))} {
		if err := resolver.Store(a.Subject, encodeJWT(t, a, s.operator)); err != nil {
			t.Fatal(err)
		}
	}
	operator := jwt.NewOperatorClaims(publicKey(t, s.operator))
	operator.SystemAccount = publicKey(t, system)
	encodeJWT(t, operator, s.operator) // fills in who issued it
	return startServer(t, &server.Options{TrustedOperators: []*jwt.OperatorClaims{operator}, AccountResolver: resolver, SystemAccount: operator.SystemAccount})
}

// user writes a .creds file of a user of account.
func (s *site) user(t *testing.T, account nkeys.KeyPair, expires time.Time) string {
	t.Helper()
	key := newKey(t, nkeys.CreateUser)
	claims := jwt.NewUserClaims(publicKey(t, key))
	claims.Expires = expires.Unix()
	seed, err := key.Seed()
	if err != nil {
		t.Fatal(err)
	}
	creds, err := jwt.FormatUserConfig(encodeJWT(t, claims, account), seed)
	if err != nil {
		t.Fatal(err)
	}
	return writeFile(t, filepath.Join(t.TempDir(), "user.creds"), creds)
}

func TestCredentialsFile(t *testing.T) {
	t.Parallel()
	var s site
	url := s.start(t)
	later := time.Now().Add(time.Hour)
	c := connect(t, jetstream.Options{URL: url, CredentialsFile: s.user(t, s.account, later)})
	if _, err := c.Ensure(t.Context(), jetstream.DefaultTopology()); err != nil {
		t.Error(err)
	}
	empty := writeFile(t, filepath.Join(t.TempDir(), "empty.creds"), []byte("nothing\n"))
	checkRefused(t, "no credentials", jetstream.Options{URL: url}, jetstream.CodeNotAuthorized, "does not accept")
	checkRefused(t, "a user of an unknown account", jetstream.Options{URL: url, CredentialsFile: s.user(t, newKey(t, nkeys.CreateAccount), later)}, jetstream.CodeNotAuthorized, "does not accept")
	checkRefused(t, "an expired user", jetstream.Options{URL: url, CredentialsFile: s.user(t, s.account, time.Now().Add(-time.Hour))}, jetstream.CodeNotAuthorized, "does not accept")
	checkRefused(t, "a file without credentials", jetstream.Options{URL: url, CredentialsFile: empty}, jetstream.CodeBadOption, empty)
}

func TestNKeyFile(t *testing.T) {
	t.Parallel()
	known, unknown := newKey(t, nkeys.CreateUser), newKey(t, nkeys.CreateUser)
	seed := func(k nkeys.KeyPair) string {
		s, err := k.Seed()
		if err != nil {
			t.Fatal(err)
		}
		return writeFile(t, filepath.Join(t.TempDir(), "user.nk"), s)
	}
	url := startServer(t, &server.Options{Nkeys: []*server.NkeyUser{{Nkey: publicKey(t, known)}}})
	connect(t, jetstream.Options{URL: url, NKeyFile: seed(known)})
	checkRefused(t, "an unknown key", jetstream.Options{URL: url, NKeyFile: seed(unknown)}, jetstream.CodeNotAuthorized, "does not accept")
	checkRefused(t, "an account's key", jetstream.Options{URL: url, NKeyFile: seed(newKey(t, nkeys.CreateAccount))}, jetstream.CodeBadOption, "nkey file")
	garbage := writeFile(t, filepath.Join(t.TempDir(), "garbage"), []byte("SUSECRETSECRET"))
	checkRefused(t, "garbage", jetstream.Options{URL: url, NKeyFile: garbage}, jetstream.CodeBadOption, garbage)
}

func TestBadConnectOptions(t *testing.T) {
	t.Parallel()
	url := startServer(t, &server.Options{})
	for _, prefix := range []string{"a.>", "a.*", "a.", " "} {
		checkRefused(t, "inbox "+prefix, jetstream.Options{URL: url, InboxPrefix: prefix}, jetstream.CodeBadOption, "inbox")
	}
	checkRefused(t, "another protocol", jetstream.Options{URL: strings.Replace(url, "nats:", "http:", 1)}, jetstream.CodeBadOption, "want for example nats://")
}
