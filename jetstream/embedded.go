package jetstream

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// MaxPayload is the max_payload foxhunt's own server runs with, in bytes: a capture of 8 MiB and room for headers, of which
// a dead letter carries more than the capture did.
const MaxPayload = 8<<20 + 64<<10

// startTime is how long recovering the streams may take.
const startTime = 5 * time.Minute

// EmbeddedOptions configure a NATS server inside this process.
type EmbeddedOptions struct {
	StoreDir   string       // JetStream's files; one server at a time
	Listen     string       // host:port on this machine; port 0 takes a free one; no host means 127.0.0.1; empty: no port at all, in-process only
	MaxPayload int          // bytes; default MaxPayload
	MaxStore   int64        // bytes that all streams may set aside together; default three quarters of what the disk has free
	SyncAlways bool         // fsync before a message is acknowledged: survives a power cut, at a price in messages per second
	Log        *slog.Logger // default: slog.Default()
}

// Embedded is a running NATS server with JetStream on disk.
type Embedded struct {
	server *server.Server
	lock   *os.File
}

// StartEmbedded starts a server and returns once it accepts connections and its streams are recovered.
func StartEmbedded(o EmbeddedOptions) (*Embedded, error) {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	opts, err := o.serverOptions()
	if err != nil {
		return nil, err
	}
	lock, err := lockDir(o.StoreDir)
	if err != nil {
		return nil, err
	}
	s, err := server.NewServer(opts)
	if err != nil {
		lock.Close()
		return nil, fail(CodeBadOption, err, "the embedded NATS server does not start: %v", err)
	}
	logger := &serverLog{log: o.Log, fatal: make(chan string, 1)}
	s.SetLoggerV2(logger, false, false, false)
	e := &Embedded{server: s, lock: lock}
	s.Start()
	if why := e.waitReady(logger.fatal); why != "" {
		e.Shutdown()
		return nil, fail(CodeServer, nil, "the embedded NATS server on %q did not come up: %s", o.Listen, why)
	}
	return e, nil
}

// waitReady returns "" once the server takes connections, or why it does not.
func (e *Embedded) waitReady(fatal <-chan string) string {
	for end := time.Now().Add(startTime); time.Now().Before(end); {
		if e.server.ReadyForConnections(100 * time.Millisecond) {
			if !e.server.JetStreamEnabled() {
				return "it has no JetStream"
			}
			return ""
		}
		select {
		case why := <-fatal: // where a server of its own would end its process
			return why
		default:
		}
	}
	return "it was not ready after " + startTime.String()
}

func (o EmbeddedOptions) serverOptions() (*server.Options, error) {
	if o.StoreDir == "" {
		return nil, fail(CodeBadOption, nil, "the embedded NATS server needs a folder for its files")
	}
	if o.MaxPayload == 0 {
		o.MaxPayload = MaxPayload
	}
	opts := &server.Options{
		ServerName: "foxhunt",
		JetStream:  true,
		StoreDir:   o.StoreDir,
		SyncAlways: o.SyncAlways,
		MaxPayload: int32(o.MaxPayload),

		JetStreamMaxStore: o.MaxStore,

		NoSigs: true, // signals are the program's, not the server's
	}
	if o.Listen == "" {
		opts.DontListen = true
		return opts, nil
	}
	host, port, err := net.SplitHostPort(o.Listen)
	if err != nil {
		return nil, fail(CodeBadOption, err, "NATS listen address %q cannot be read; want host:port, for example 127.0.0.1:4222", o.Listen)
	}
	if opts.Port, err = strconv.Atoi(port); err != nil || opts.Port < 0 || opts.Port > 65535 {
		return nil, fail(CodeBadOption, err, "NATS listen port %q is not a number from 0 to 65535", port)
	}
	if opts.Port == 0 {
		opts.Port = server.RANDOM_PORT
	}
	if opts.Host = host; host == "" {
		opts.Host = "127.0.0.1" // an empty host would mean every interface
	}
	if !isLoopback(opts.Host) {
		return nil, fail(CodeBadOption, nil, "the embedded NATS server asks for no credentials, so it listens on this machine only, not on %s; "+
			"for others run a nats-server with accounts and TLS (deploy/nats), and foxhunt worker beside it", opts.Host)
	}
	return opts, nil
}

// isLoopback reports whether only this machine reaches a server that listens on host.
func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// ClientURL is the URL clients of this machine connect to; empty when no port is open.
func (e *Embedded) ClientURL() string {
	if e.server.Addr() == nil {
		return ""
	}
	return e.server.ClientURL()
}

// ServeVarz answers with the server's variables, as the monitoring port of a nats-server does at /varz.
func (e *Embedded) ServeVarz(w http.ResponseWriter, _ *http.Request) {
	varz, err := e.server.Varz(nil)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(varz) // an error is the client's, who has gone
}

// Shutdown stops the server, writes what is left to disk and returns when all is done. It may be called twice.
func (e *Embedded) Shutdown() {
	e.server.Shutdown()
	e.server.WaitForShutdown()
	e.lock.Close()
}

// lockDir takes dir for this process alone: nats-server does not, and two servers on one folder destroy it.
func lockDir(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fail(CodeBadOption, err, "the folder for NATS cannot be made: %v", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, "foxhunt.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fail(CodeBadOption, err, "the folder for NATS cannot be written: %v", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return nil, fail(CodeBadOption, err, "another foxhunt already uses %s; stop it or name another folder", dir)
	}
	return f, nil
}

// serverLog writes nats-server's log to slog: its notices are detail here, its warnings and errors are not.
type serverLog struct {
	log   *slog.Logger
	fatal chan string // cap 1: the first fatal error
}

func (l *serverLog) Noticef(format string, v ...any) { l.log.Debug(serverLine(format, v)) }
func (l *serverLog) Debugf(format string, v ...any)  { l.log.Debug(serverLine(format, v)) }
func (l *serverLog) Tracef(format string, v ...any)  { l.log.Debug(serverLine(format, v)) }
func (l *serverLog) Warnf(format string, v ...any)   { l.log.Warn(serverLine(format, v)) }
func (l *serverLog) Errorf(format string, v ...any)  { l.log.Error(serverLine(format, v)) }

func (l *serverLog) Fatalf(format string, v ...any) {
	l.Errorf(format, v...)
	select {
	case l.fatal <- fmt.Sprintf(format, v...):
	default:
	}
}

func serverLine(format string, v []any) string { return "nats-server: " + fmt.Sprintf(format, v...) }
