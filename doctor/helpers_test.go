package doctor

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"math"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	js "github.com/nats-io/nats.go/jetstream"

	"foxhunt/jetstream"
	"foxhunt/messages"
)

// natsServer is a real nats-server of a test's own, with a monitoring port.
type natsServer struct {
	*server.Server
	url, monitor string
}

// good is the configuration of a server as it should be.
const good = `
server_name: good
listen: "127.0.0.1:-1"
http: "127.0.0.1:-1"
max_payload: 8454144
jetstream {sync_interval: always, max_file_store: 64GB}
`

// startNATS starts a server with the text of a configuration file. Its store is the test's.
func startNATS(t testing.TB, text string) *natsServer {
	t.Helper()
	file := filepath.Join(t.TempDir(), "nats.conf")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	o, err := server.ProcessConfigFile(file)
	if err != nil {
		t.Fatal(err)
	}
	o.NoSigs, o.NoLog = true, true
	if o.JetStream {
		o.StoreDir = t.TempDir()
	}
	return runNATS(t, o)
}

func runNATS(t testing.TB, o *server.Options) *natsServer {
	t.Helper()
	s, err := server.NewServer(o)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(10 * time.Second) {
		t.Fatal("nats-server did not come up")
	}
	n := &natsServer{Server: s, url: s.ClientURL()}
	if address := s.MonitorAddr(); address != nil {
		n.monitor = fmt.Sprintf("http://127.0.0.1:%d", address.Port)
	}
	return n
}

// deployment is a server with foxhunt's streams, and an operator's own connection to it.
type deployment struct {
	*natsServer
	conn *jetstream.Conn
	api  js.JetStream
	nc   *nats.Conn
}

func deploy(t testing.TB, text string) *deployment {
	t.Helper()
	d := &deployment{natsServer: startNATS(t, text)}
	d.connect(t)
	if _, err := d.conn.Ensure(soon(t), jetstream.DefaultTopology()); err != nil {
		t.Fatal(err)
	}
	return d
}

func (d *deployment) connect(t testing.TB) {
	t.Helper()
	var err error
	if d.conn, err = jetstream.Connect(soon(t), jetstream.Options{URL: d.url, Log: slog.New(slog.DiscardHandler)}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.conn.Close)
	if d.nc, err = nats.Connect(d.url); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.nc.Close)
	if d.api, err = js.New(d.nc); err != nil {
		t.Fatal(err)
	}
}

// soon is a context for what happens at once.
func soon(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// alter changes the configuration of a live stream.
func (d *deployment) alter(t testing.TB, name string, change func(*js.StreamConfig)) {
	t.Helper()
	stream, err := d.api.Stream(soon(t), name)
	if err != nil {
		t.Fatal(err)
	}
	config := stream.CachedInfo().Config
	change(&config)
	if _, err := d.api.UpdateStream(soon(t), config); err != nil {
		t.Fatal(err)
	}
}

// replace deletes the stream of captures and makes it another way.
func (d *deployment) replace(t testing.TB, change func(*js.StreamConfig)) {
	t.Helper()
	config := jetstream.DefaultTopology().Captures
	if err := d.api.DeleteStream(soon(t), config.Name); err != nil {
		t.Fatal(err)
	}
	change(&config)
	if _, err := d.api.CreateStream(soon(t), config); err != nil {
		t.Fatal(err)
	}
}

// alterWorkers makes the workers' consumer anew.
func (d *deployment) alterWorkers(t testing.TB, change func(*js.ConsumerConfig)) js.Consumer {
	t.Helper()
	topology := jetstream.DefaultTopology()
	if err := d.api.DeleteConsumer(soon(t), topology.Captures.Name, topology.Workers.Durable); err != nil {
		t.Fatal(err)
	}
	change(&topology.Workers)
	consumer, err := d.api.CreateConsumer(soon(t), topology.Captures.Name, topology.Workers)
	if err != nil {
		t.Fatal(err)
	}
	return consumer
}

// publish stores a message.
func (d *deployment) publish(t testing.TB, subject string, data []byte) {
	t.Helper()
	if _, err := d.api.Publish(soon(t), subject, data); err != nil {
		t.Fatal(err)
	}
}

// publishFix stores a fix made now of a capture of now, but for what change says.
func (d *deployment) publishFix(t testing.TB, source string, change func(*messages.Fix)) {
	t.Helper()
	now := messages.InstantOf(time.Now())
	fix := &messages.Fix{
		Version: messages.FixVersion, CaptureID: messages.NewCaptureID(), Network: "net", Source: source, Time: now, Timestamp: now,
		Position: messages.Position{Latitude: 45, Longitude: 8}, Uncertainty: messages.Uncertainty{ConfidenceInterval: 0.95}, Inference: 20,
		Receivers: []messages.FixReceiver{{Station: "a", Used: true}, {Station: "b", Used: true}, {Station: "c", Used: true, Residual: 1e-6}},
	}
	change(fix)
	body, err := fix.Encode("")
	if err != nil {
		t.Fatal(err)
	}
	d.publish(t, "fixes.net."+source, body)
}

// capture is a valid one that begins at start and is a millisecond long.
func capture(t testing.TB, start time.Time) []byte {
	t.Helper()
	c := messages.Capture{Version: messages.CaptureVersion, ID: messages.NewCaptureID(), Frequency: 1e6, Receivers: []messages.Receiver{{
		Station: "a", Latitude: 45.5, Longitude: 8.5, StartTime: start.UnixNano(), SampleRate: 12000, Format: "ci16_le", IQ: make([]byte, 48),
	}}}
	data, err := c.Encode(nil)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// nowhere moves a capture of this file to 0,0, which Encode would refuse.
func nowhere(data []byte) []byte {
	for _, x := range []float64{45.5, 8.5} {
		data = bytes.ReplaceAll(data, binary.BigEndian.AppendUint64(nil, math.Float64bits(x)), make([]byte, 8))
	}
	return data
}

// pull opens a pull request of the workers' consumer, as a worker that waits for captures has one, until the test ends.
func (d *deployment) pull(t testing.TB) {
	t.Helper()
	topology := jetstream.DefaultTopology()
	source, err := d.conn.NewSource(soon(t), topology, jetstream.SourceOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(source.Close)
}

// options look at a server for a short time, at nothing else but this machine.
func (n *natsServer) options() Options {
	o := lookAt(n.url)
	if n.monitor != "" {
		o.Monitors = []string{n.monitor}
	}
	return o
}

func lookAt(url string) Options {
	return Options{NATS: jetstream.Options{URL: url}, Topology: jetstream.DefaultTopology(), Runtime: "/absent/libonnxruntime.so", Look: 50 * time.Millisecond}
}

// findings are those of a look, by code.
type findings map[string][]Finding

func examine(t testing.TB, o Options) findings {
	t.Helper()
	return examineFor(t, o, 25*time.Second)
}

func examineFor(t testing.TB, o Options, limit time.Duration) findings {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	all := findings{}
	for _, f := range Check(Gather(ctx, o)) {
		all[f.Code] = append(all[f.Code], f)
	}
	return all
}

// want checks that a rule's worst finding has a severity, and that one of that severity says all of these words.
func (all findings) want(t testing.TB, code string, severity Severity, words ...string) {
	t.Helper()
	wantOf(t, all[code], code, severity, words...)
}

func wantOf(t testing.TB, list []Finding, code string, severity Severity, words ...string) {
	t.Helper()
	worst := slices.MaxFunc(append([]Finding{{Severity: "none"}}, list...), func(a, b Finding) int { return a.Severity.rank() - b.Severity.rank() })
	says := slices.ContainsFunc(list, func(f Finding) bool {
		return f.Severity == severity && !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(f.Seen, word) })
	})
	if worst.Severity != severity || !says {
		t.Errorf("%s: want %s with %q, have %+v", code, severity, words, list)
	}
	for _, f := range list {
		if f.Code != code || f.Seen == "" || f.Why == "" || (f.Mend == "") != (f.Severity == OK) {
			t.Errorf("%s: incomplete finding %+v", code, f)
		}
	}
}

// freeAddress is an address where nobody listens.
func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
