package jetstream

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	js "github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nkeys"
)

// Options say how to reach a NATS server.
type Options struct {
	URL      string    // nats://host:port or tls://host:port, several separated by commas; userinfo allowed
	Embedded *Embedded // if set, connect in-process to this server; URL is not needed
	Name     string    // shown in the server's connection list

	CredentialsFile string // .creds file with a user's JWT and seed
	NKeyFile        string // file with a user's nkey seed
	CAFile          string // PEM roots to verify the server with, instead of the system's
	CertFile        string // client certificate, with KeyFile
	KeyFile         string

	InboxPrefix string // replies come to <prefix>.>, for users that may subscribe to no other inbox; default _INBOX

	Log *slog.Logger // default: slog.Default()
}

// Conn is a connection to NATS that comes back by itself for as long as it is open. It is safe for concurrent use.
type Conn struct {
	nc  *nats.Conn
	js  js.JetStream
	in  *Embedded // the server, when it is in this process
	log *slog.Logger

	refusals refusals
	inbox    string // prefix of the subjects that replies come to

	reconnects atomic.Uint64
	asyncErrs  atomic.Uint64

	missing chan struct{} // cap 1: something of the streams may be; see Keep

	closing atomic.Bool // by us
	closed  chan struct{}
}

// Pauses between attempts to connect and between attempts to repeat a call.
const (
	firstPause = 50 * time.Millisecond
	lastPause  = 2 * time.Second
)

// Connect connects to a NATS server, and tries again until it succeeds or ctx ends. Credentials that the server does not
// accept, and options that make no sense, fail at once.
func Connect(ctx context.Context, o Options) (*Conn, error) {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if err := checkURL(o); err != nil {
		return nil, err
	}
	c := &Conn{log: o.Log, in: o.Embedded, inbox: cmp.Or(o.InboxPrefix, strings.TrimSuffix(nats.InboxPrefix, ".")), missing: make(chan struct{}, 1), closed: make(chan struct{})}
	opts, err := c.natsOptions(o)
	if err != nil {
		return nil, err
	}
	said := false
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		c.nc, err = nats.Connect(o.URL, opts...)
		if err == nil {
			break
		}
		if permanent := explainConnect(o, err); permanent != nil {
			return nil, permanent
		}
		if !said {
			o.Log.Info("waiting for NATS at "+RedactURL(o.URL), "error", redactError(err, o.URL))
			said = true
		}
		if !sleep(ctx, pause) {
			return nil, fail(CodeNotConnected, err, "no NATS server answered at %s (%s)", RedactURL(o.URL), redactError(err, o.URL))
		}
	}
	if c.js, err = js.New(c.nc); err != nil {
		c.Close()
		return nil, fail(CodeBadOption, err, "%v", err)
	}
	return c, nil
}

// natsOptions translates o, with handlers that say what happens to the connection.
func (c *Conn) natsOptions(o Options) ([]nats.Option, error) {
	opts := []nats.Option{
		nats.Name(o.Name),
		nats.MaxReconnects(-1),
		nats.IgnoreAuthErrorAbort(), // after a first success a refusal may be the operator changing a file: keep trying
		nats.ReconnectWait(250 * time.Millisecond),
		nats.ReconnectJitter(250*time.Millisecond, 500*time.Millisecond),
		nats.PingInterval(10 * time.Second),
		nats.MaxPingsOutstanding(2),
		nats.DisconnectErrHandler(c.onDisconnect),
		nats.ReconnectHandler(c.onReconnect),
		nats.ClosedHandler(c.onClosed),
		nats.ErrorHandler(c.onError),
		nats.LameDuckModeHandler(c.onLameDuck),
	}
	if o.Embedded != nil {
		opts = append(opts, nats.InProcessServer(o.Embedded.server))
	}
	if o.CredentialsFile != "" {
		if err := checkCredentials(o.CredentialsFile); err != nil { // nats.go would report it with each attempt to connect
			return nil, fail(CodeBadOption, err, "credentials file cannot be used: %v", err)
		}
		opts = append(opts, nats.UserCredentials(o.CredentialsFile))
	}
	if o.NKeyFile != "" {
		opt, err := nats.NkeyOptionFromSeed(o.NKeyFile)
		if err != nil {
			return nil, fail(CodeBadOption, err, "nkey file %s cannot be used: %v", o.NKeyFile, err)
		}
		opts = append(opts, opt)
	}
	if o.CAFile != "" {
		if pem, err := os.ReadFile(o.CAFile); err != nil || !x509.NewCertPool().AppendCertsFromPEM(pem) {
			return nil, fail(CodeBadOption, err, "CA file %s holds no certificate that can be read", o.CAFile)
		}
		opts = append(opts, nats.RootCAs(o.CAFile))
	}
	if o.CertFile != "" || o.KeyFile != "" {
		if _, err := tls.LoadX509KeyPair(o.CertFile, o.KeyFile); err != nil {
			return nil, fail(CodeBadOption, err, "client certificate %q with key %q cannot be used: %v", o.CertFile, o.KeyFile, err)
		}
		opts = append(opts, nats.ClientCert(o.CertFile, o.KeyFile))
	}
	if o.InboxPrefix != "" {
		if !goodPrefix.MatchString(o.InboxPrefix) {
			return nil, fail(CodeBadOption, nil, "the inbox prefix %q cannot begin a subject; want for example _INBOX_st1", o.InboxPrefix)
		}
		opts = append(opts, nats.CustomInboxPrefix(o.InboxPrefix))
	}
	return opts, nil
}

// goodPrefix is one or more tokens of a subject.
var goodPrefix = regexp.MustCompile(`^[^\s.*>]+(\.[^\s.*>]+)*$`)

// checkURL refuses what nats.go would take for a NATS server and wait for.
func checkURL(o Options) error {
	if o.URL == "" && o.Embedded == nil {
		return fail(CodeBadOption, nil, "no NATS URL is given; want for example nats://127.0.0.1:4222")
	}
	for part := range strings.SplitSeq(o.URL, ",") {
		scheme, _, found := strings.Cut(strings.TrimSpace(part), "://")
		if found && !slices.Contains([]string{"nats", "tls", "ws", "wss"}, scheme) {
			return fail(CodeBadOption, nil, "NATS URL %q is of another protocol; want for example nats://127.0.0.1:4222", RedactURL(part))
		}
	}
	return nil
}

// checkCredentials reads a .creds file as nats.go will.
func checkCredentials(path string) error {
	contents, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if _, err := nkeys.ParseDecoratedJWT(contents); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if _, err := nkeys.ParseDecoratedUserNKey(contents); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// explainConnect returns an error for what no waiting can mend, else nil.
func explainConnect(o Options, err error) error {
	var parse *url.Error
	switch {
	case errors.Is(err, nats.ErrAuthorization), errors.Is(err, nats.ErrAuthExpired), errors.Is(err, nats.ErrAuthRevoked),
		errors.Is(err, nats.ErrAccountAuthExpired):
		return fail(CodeNotAuthorized, err, "NATS at %s does not accept these credentials", RedactURL(o.URL))
	case errors.Is(err, nats.ErrSecureConnRequired), errors.Is(err, nats.ErrSecureConnWanted):
		return fail(CodeBadOption, err, "NATS at %s: %v; use tls:// for a server with TLS and nats:// for one without", RedactURL(o.URL), err)
	case errors.As(err, &parse), errors.Is(err, nats.ErrInvalidConnection):
		return fail(CodeBadOption, nil, "NATS URL %q cannot be read; want for example nats://127.0.0.1:4222", RedactURL(o.URL))
	}
	var alert *net.OpError
	if errors.As(err, &alert) && alert.Op == "remote error" && strings.Contains(alert.Err.Error(), "certificate") { // crypto/tls on what the other end said
		return fail(CodeNotAuthorized, err, "NATS at %s does not accept this client's certificate (%v); name one that its authority has signed "+
			"(--nats-cert, --nats-key)", RedactURL(o.URL), alert.Err)
	}
	var unknown *tls.CertificateVerificationError
	if errors.As(err, &unknown) {
		return fail(CodeNotAuthorized, err, "the certificate of NATS at %s is not to be trusted: %v", RedactURL(o.URL), unknown.Err)
	}
	return nil
}

func (c *Conn) onDisconnect(_ *nats.Conn, err error) {
	if err != nil { // nil: closed by us
		c.log.Warn("lost the connection to NATS, reconnecting", "error", err)
	}
}

func (c *Conn) onReconnect(nc *nats.Conn) {
	c.reconnects.Add(1)
	c.refusals.reconnected()
	c.miss()
	c.log.Info("connected to NATS again", "server", nc.ConnectedUrlRedacted())
}

// onLameDuck hears that the server is about to stop. nats.go goes to another one, if there is one, when it is cut off.
func (c *Conn) onLameDuck(nc *nats.Conn) {
	c.log.Info("the NATS server is about to stop", "server", nc.ConnectedUrlRedacted())
}

// onClosed hears that nats.go gave the connection up, as it does after an error of the protocol.
func (c *Conn) onClosed(nc *nats.Conn) {
	if c.closing.Load() {
		return
	}
	c.log.Error("the connection to NATS was closed and does not come back", "error", nc.LastError())
	close(c.closed)
}

// onError hears what belongs to no call: refused publishes above all, which the caller otherwise sees as a time-out.
func (c *Conn) onError(_ *nats.Conn, sub *nats.Subscription, err error) {
	c.asyncErrs.Add(1)
	if errors.Is(err, nats.ErrPermissionViolation) {
		if !c.refusals.report(err, c.inbox) { // else who waits for it says so
			c.log.Error("NATS refused: "+err.Error(), "code", CodeRefused)
		}
		return
	}
	attrs := []any{"error", err}
	if sub != nil {
		attrs = append(attrs, "subject", sub.Subject)
	}
	c.log.Error("NATS reported an error", attrs...)
}

// explain is the package's explain, which cannot know that no answer came because there is no connection.
func (c *Conn) explain(subject string, err error) *Error {
	e := explain(subject, err)
	if e.Code == CodeTimeout && !c.Connected() {
		return explain(subject, nats.ErrDisconnected)
	}
	return e
}

// MaxPayload is the size in bytes of the largest message, headers included, that the server takes.
func (c *Conn) MaxPayload() int64 { return c.nc.MaxPayload() }

// Connected reports whether the connection is up at this moment.
func (c *Conn) Connected() bool { return c.nc.IsConnected() }

// Server is the URL of the server connected to, without secrets. For an embedded server it is the URL that others
// connect to, which the connection itself does not know.
func (c *Conn) Server() string {
	if c.in != nil {
		return c.in.ClientURL()
	}
	return c.nc.ConnectedUrlRedacted()
}

// Closed is closed if the connection has ended for good without Close: then nothing works any more, and the process should
// end with an error.
func (c *Conn) Closed() <-chan struct{} { return c.closed }

// Reconnects counts how often the connection came back.
func (c *Conn) Reconnects() uint64 { return c.reconnects.Load() }

// AsyncErrors counts the errors the server reported that belong to no call.
func (c *Conn) AsyncErrors() uint64 { return c.asyncErrs.Load() }

// Close sends what is still buffered and closes the connection.
func (c *Conn) Close() {
	c.closing.Store(true)
	if c.nc.IsConnected() {
		c.nc.FlushTimeout(lastPause)
	}
	c.nc.Close()
}

// RedactURL returns the URLs in list, separated by commas, without user names, passwords and tokens.
func RedactURL(list string) string {
	parts := strings.Split(list, ",")
	for i, part := range parts {
		part = strings.TrimSpace(part)
		if at := strings.LastIndex(part, "@"); at >= 0 {
			scheme, _, found := strings.Cut(part, "://")
			if found {
				part = scheme + "://xxx@" + part[at+1:]
			} else {
				part = "xxx@" + part[at+1:]
			}
		}
		parts[i] = part
	}
	return strings.Join(parts, ",")
}

// redactError is err's text without the URLs' secrets, which a parse error repeats.
func redactError(err error, list string) string {
	text := err.Error()
	for _, part := range strings.Split(list, ",") {
		part = strings.TrimSpace(part)
		text = strings.ReplaceAll(text, part, RedactURL(part))
	}
	return text
}

// sleep waits for d and reports whether ctx still lives.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
