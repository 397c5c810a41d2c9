package jetstream

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
)

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
