package jetstream

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	js "github.com/nats-io/nats.go/jetstream"
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

	// Trace, if set, is called for every capture, fix and dead letter that is published: it may add to the headers, and what it
	// returns is called with the outcome.
	Trace func(ctx context.Context, subject string, header map[string][]string) (end func(error))

	Log *slog.Logger // default: slog.Default()
}

// Conn is a connection to NATS that comes back by itself for as long as it is open. It is safe for concurrent use.
type Conn struct {
	nc  *nats.Conn
	js  js.JetStream
	in  *Embedded // the server, when it is in this process
	log *slog.Logger

	trace    func(ctx context.Context, subject string, header map[string][]string) (end func(error)) // nil: nobody does
	refusals refusals
	inbox    string        // prefix of the subjects that replies come to
	heard    atomic.Uint64 // 1 + reconnects when they were last known to come
	asking   sync.Mutex    // held while they are asked for

	denied string // what was said of credentials that are no longer taken; nats.go's goroutine for callbacks alone touches it

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
	c := &Conn{log: o.Log, trace: o.Trace, in: o.Embedded, inbox: cmp.Or(o.InboxPrefix, strings.TrimSuffix(nats.InboxPrefix, ".")), missing: make(chan struct{}, 1), closed: make(chan struct{})}
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

func (c *Conn) onDisconnect(_ *nats.Conn, err error) {
	c.refusals.disconnected()
	if err != nil { // nil: closed by us
		c.log.Warn("lost the connection to NATS, reconnecting", "error", err)
	}
}

func (c *Conn) onReconnect(nc *nats.Conn) {
	c.reconnects.Add(1)
	c.denied = ""
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
	if errors.Is(err, nats.ErrBadHeaderMsg) { // anybody may publish such a message as often as they like
		c.log.Debug("a message came without its headers, which cannot be read", "error", err)
		return
	}
	if isDenied(err) {
		c.onDenied(err)
		return
	}
	attrs := []any{"error", err}
	if sub != nil {
		attrs = append(attrs, "subject", sub.Subject)
	}
	c.log.Error("NATS reported an error", attrs...)
}

// onDenied hears with every attempt to reconnect that the server does not take the credentials, as when their user was
// removed. It says so once, and again when the server says something else.
func (c *Conn) onDenied(err error) {
	if c.denied != err.Error() {
		c.denied = err.Error()
		c.log.Error("NATS does not take these credentials any more, trying until it does", "code", CodeNotAuthorized, "error", err)
	}
}

func isDenied(err error) bool {
	for _, denial := range []error{nats.ErrAuthorization, nats.ErrAuthExpired, nats.ErrAuthRevoked, nats.ErrAccountAuthExpired} {
		if errors.Is(err, denial) {
			return true
		}
	}
	return false
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
