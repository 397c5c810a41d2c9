package jetstream_test

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	js "github.com/nats-io/nats.go/jetstream"

	"foxhunt/jetstream"
)

// plainStream is JetStream without foxhunt, to change what foxhunt has made.
func plainStream(t testing.TB, url string) js.JetStream {
	t.Helper()
	nc, err := nats.Connect(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	stream, err := js.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return stream
}

func TestEnsureLooksAtBucketsAndForeignFields(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	plain := plainStream(t, s.ClientURL())
	topo := jetstream.DefaultTopology()
	slow := topo.Leases
	slow.TTL = time.Hour
	if _, err := plain.UpdateKeyValue(t.Context(), slow); err != nil {
		t.Fatal(err)
	}
	bare := topo.Workers
	bare.HeadersOnly = true
	if _, err := plain.UpdateConsumer(t.Context(), topo.Captures.Name, bare); err != nil {
		t.Fatal(err)
	}
	want := []string{"consumer workers: headers_only is true, want unset", "bucket foxhunt-leases: ttl is 1h0m0s, want 15s"}
	for _, ensure := range []func(context.Context, jetstream.Topology) ([]jetstream.Difference, error){c.Ensure, c.ApplyWhenReady} {
		diffs, err := ensure(within(t, patience), topo)
		if err != nil || len(diffs) != 2 || diffs[0].String() != want[0] || diffs[1].String() != want[1] {
			t.Errorf("differences %v, %v; want %q", diffs, err, want)
		}
	}
	if left, err := c.Ensure(t.Context(), topo); err != nil || len(left) != 0 {
		t.Errorf("after Apply: %v, %v", left, err)
	}
}

func TestSetupsThatCannotBe(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	pool := jetstream.DefaultTopology()
	pool.Workers.Durable, pool.Workers.FilterSubject = "north", "captures.north.>"
	empty := connect(t, jetstream.Options{URL: startServer(t, &server.Options{})})
	for name, test := range map[string]struct {
		conn *jetstream.Conn
		topo jetstream.Topology
		says string
	}{
		"a second consumer of the same captures": {c, pool, "choose filters that do not overlap"},
		"streams that have the subjects already": {c, jetstream.DefaultTopology().WithPrefix("B_"), "--stream-prefix"},
		"three replicas on one server":           {empty, jetstream.DefaultTopology().WithReplicas(3), "--profile single"},
	} {
		ctx := within(t, patience)
		_, err := test.conn.EnsureWhenReady(ctx, test.topo)
		if code(err) != jetstream.CodeBadSetup || !strings.Contains(err.Error(), test.says) || ctx.Err() != nil {
			t.Errorf("%s: %v; want %s at once, with %q", name, err, jetstream.CodeBadSetup, test.says)
		}
	}
}

// An account may be allowed less than foxhunt needs.
func TestAccountLimits(t *testing.T) {
	t.Parallel()
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true, JetStream: true, StoreDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(patience) {
		t.Fatal("nats-server did not come up")
	}
	limits := server.JetStreamAccountLimits{MaxMemory: 1 << 30, MaxStore: 1 << 30, MaxStreams: 3, MaxConsumers: 10}
	if err := s.GlobalAccount().UpdateJetStreamLimits(map[string]server.JetStreamAccountLimits{"": limits}); err != nil {
		t.Fatal(err)
	}
	c := connect(t, jetstream.Options{URL: s.ClientURL()})
	ctx := within(t, patience)
	if _, err := c.EnsureWhenReady(ctx, jetstream.DefaultTopology()); code(err) != jetstream.CodeBadSetup || !strings.Contains(err.Error(), "streams") || ctx.Err() != nil {
		t.Errorf("too few streams: %v, want %s at once", err, jetstream.CodeBadSetup)
	}
}

// Two pools share the captures by their subjects.
func TestPools(t *testing.T) {
	t.Parallel()
	url := startServer(t, &server.Options{})
	c := connect(t, jetstream.Options{URL: url})
	north, south := jetstream.DefaultTopology(), jetstream.DefaultTopology()
	north.Workers.Durable, north.Workers.FilterSubject = "north", "captures.north.>"
	south.Workers.Durable, south.Workers.FilterSubject = "south", "captures.south.*"
	for _, topo := range []jetstream.Topology{north, south} {
		if diffs, err := c.Ensure(t.Context(), topo); err != nil || len(diffs) != 0 {
			t.Fatalf("Ensure: %v, %v", diffs, err)
		}
	}
	publish(t, c, "captures.south.a", 1, 10)
	publish(t, c, "captures.north.a", 1, 10)
	for _, topo := range []jetstream.Topology{north, south} {
		d := next(t, newSource(t, c, topo, jetstream.SourceOptions{}))
		if want := "captures." + topo.Workers.Durable + ".a"; d.Subject != want {
			t.Errorf("pool %s got %s", topo.Workers.Durable, d.Subject)
		}
		ack(t, d)
	}
}

// Streams under another name take nothing from those of another program.
func TestPrefix(t *testing.T) {
	t.Parallel()
	url := startServer(t, &server.Options{})
	plain := plainStream(t, url)
	if _, err := plain.CreateStream(t.Context(), js.StreamConfig{Name: "DEAD", Subjects: []string{"deceased.>"}}); err != nil {
		t.Fatal(err)
	}
	c := connect(t, jetstream.Options{URL: url})
	topo := jetstream.DefaultTopology().WithPrefix("fox_")
	if diffs, err := c.Ensure(t.Context(), topo); err != nil || len(diffs) != 0 {
		t.Fatalf("Ensure: %v, %v", diffs, err)
	}
	stored, err := c.PublishCapture(t.Context(), "captures.n.a", "id", nil)
	if err != nil || stored.Stream != "fox_CAPTURES" {
		t.Errorf("stored in %q, %v", stored.Stream, err)
	}
}

// A user who may only look finds what is there, and waits for what is not.
func TestEnsureWithoutTheRightToMake(t *testing.T) {
	t.Parallel()
	url := startServer(t, &server.Options{Users: []*server.User{{Username: "looks", Password: "pw", Permissions: &server.Permissions{
		Publish: &server.SubjectPermission{Allow: []string{"$JS.API.STREAM.INFO.*", "$JS.API.CONSUMER.INFO.*.*"}},
	}}, {Username: "admin", Password: "pw"}}})
	login := func(user string) string { return strings.Replace(url, "//", "//"+user+":pw@", 1) }
	var log logBuffer
	looks := connect(t, jetstream.Options{URL: login("looks"), Log: log.logger()})
	before := time.Now()
	_, err := looks.Ensure(t.Context(), jetstream.DefaultTopology())
	if code(err) != jetstream.CodeNoStream || !strings.Contains(err.Error(), "this user may not make it") || time.Since(before) > 4*time.Second {
		t.Errorf("after %v: %v; want %s at once", time.Since(before), err, jetstream.CodeNoStream)
	}
	ready := make(chan error, 1)
	go func() {
		_, err := looks.EnsureWhenReady(within(t, patience), jetstream.DefaultTopology())
		ready <- err
	}()
	waitFor(t, "a word about waiting", func() bool { return strings.Contains(log.String(), "trying again") })
	admin := connect(t, jetstream.Options{URL: login("admin")})
	if _, err := admin.Ensure(t.Context(), jetstream.DefaultTopology()); err != nil {
		t.Fatal(err)
	}
	if err := <-ready; err != nil {
		t.Errorf("with everything there: %v", err)
	}
	other := jetstream.DefaultTopology()
	other.Fixes.MaxAge = time.Hour
	if diffs, err := looks.Ensure(t.Context(), other); err != nil || len(diffs) != 1 {
		t.Errorf("a difference: %v, %v", diffs, err)
	}
	if _, err := looks.Apply(t.Context(), other); code(err) != jetstream.CodeRefused || !strings.Contains(err.Error(), "STREAM.UPDATE.FIXES") {
		t.Errorf("Apply: %v, want %s", err, jetstream.CodeRefused)
	}
}

// Who may not hear answers is told so by every call, at once, and not by time-outs.
func TestRefusedInbox(t *testing.T) {
	t.Parallel()
	url := startServer(t, &server.Options{Users: []*server.User{{Username: "st1", Password: "pw", Permissions: &server.Permissions{
		Subscribe: &server.SubjectPermission{Allow: []string{"_INBOX_st1.>"}},
	}}}})
	url = strings.Replace(url, "//", "//st1:pw@", 1)
	c := connect(t, jetstream.Options{URL: url})
	before := time.Now()
	for range 2 { // the server refuses the subscription once, nats.go keeps it for later calls
		_, err := c.PublishCapture(within(t, patience), "captures.net.st1", "id", nil)
		if code(err) != jetstream.CodeRefused || !strings.Contains(err.Error(), "--nats-inbox") {
			t.Errorf("publish: %v, want %s", err, jetstream.CodeRefused)
		}
		if _, err := c.EnsureWhenReady(within(t, patience), jetstream.DefaultTopology()); code(err) != jetstream.CodeRefused {
			t.Errorf("ensure: %v, want %s", err, jetstream.CodeRefused)
		}
	}
	if took := time.Since(before); took > 4*time.Second {
		t.Errorf("the refusals took %v, as long as a time-out", took)
	}
	right := connect(t, jetstream.Options{URL: url, InboxPrefix: "_INBOX_st1"})
	if _, err := right.Ensure(t.Context(), jetstream.DefaultTopology()); err != nil {
		t.Errorf("with the right inbox: %v", err)
	}
}

// A worker that may look at its consumer and not pull from it is told so at once, and tries again until it may.
func TestRefusedPull(t *testing.T) {
	t.Parallel()
	url := startServer(t, &server.Options{Users: []*server.User{{Username: "w", Password: "pw", Permissions: &server.Permissions{
		Publish: &server.SubjectPermission{Deny: []string{"$JS.API.CONSUMER.MSG.NEXT.CAPTURES.workers"}},
	}}}})
	var log logBuffer
	c := connect(t, jetstream.Options{URL: strings.Replace(url, "//", "//w:pw@", 1), Log: log.logger()})
	if _, err := c.Ensure(t.Context(), jetstream.DefaultTopology()); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	newSource(t, c, jetstream.DefaultTopology(), jetstream.SourceOptions{})
	waitFor(t, "a word about the refusal", func() bool { return strings.Contains(log.String(), "the server refuses the pull") })
	if took := time.Since(began); took > 4*time.Second {
		t.Errorf("it took %v, as long as a time-out", took)
	}
	waitFor(t, "more attempts", func() bool { return c.AsyncErrors() >= 3 })
	if n := strings.Count(log.String(), "pulling captures was interrupted"); n != 1 {
		t.Errorf("it was said %d times, want once:\n%s", n, log.String())
	}
}

// clusterOptions are those of three servers that know each other.
func clusterOptions(t testing.TB) []*server.Options {
	t.Helper()
	var all []*server.Options
	var routes []*url.URL
	for i := range 3 {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		port := listener.Addr().(*net.TCPAddr).Port
		listener.Close()
		routes = append(routes, &url.URL{Scheme: "nats", Host: fmt.Sprintf("127.0.0.1:%d", port)})
		all = append(all, &server.Options{
			ServerName: fmt.Sprintf("n%d", i), Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true,
			JetStream: true, StoreDir: t.TempDir(), JetStreamMaxStore: 64 << 30,
			LameDuckDuration: time.Second, LameDuckGracePeriod: 500 * time.Millisecond, Cluster: server.ClusterOpts{Name: "c", Host: "127.0.0.1", Port: port},
		})
	}
	for _, o := range all {
		o.Routes = routes
	}
	return all
}

// A cluster that is still coming up is waited for; then everything has three copies.
func TestCluster(t *testing.T) {
	t.Parallel()
	var first *server.Server
	var log logBuffer
	ready := make(chan error, 1)
	var c *jetstream.Conn
	topo := jetstream.DefaultTopology().WithReplicas(3)
	for i, o := range clusterOptions(t) {
		s, err := server.NewServer(o)
		if err != nil {
			t.Fatal(err)
		}
		s.Start()
		t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
		if !s.ReadyForConnections(time.Minute) {
			t.Fatal("nats-server did not come up")
		}
		if i > 0 {
			continue
		}
		first = s
		c = connect(t, jetstream.Options{URL: first.ClientURL(), Log: log.logger()})
		go func() {
			_, err := c.EnsureWhenReady(within(t, time.Minute), topo)
			ready <- err
		}()
		waitFor(t, "a word about waiting for a leader", func() bool { return strings.Contains(log.String(), "trying again") })
	}
	if err := <-ready; err != nil {
		t.Fatal(err)
	}
	plain := plainStream(t, first.ClientURL())
	for _, name := range []string{topo.Captures.Name, topo.Fixes.Name, topo.Dead.Name, topo.Advisories.Name, topo.Events.Name, topo.Models.Name,
		"KV_" + topo.Leases.Bucket, "KV_" + topo.Claims.Bucket, "KV_" + topo.Rollout.Bucket,
		topo.Meetings.Name, topo.Met.Name, topo.Heard.Name} {
		stream, err := plain.Stream(t.Context(), name)
		if err != nil || stream.CachedInfo().Config.Replicas != 3 {
			t.Errorf("%s: %v, want three replicas", name, err)
		}
	}
	if diffs, err := c.Ensure(t.Context(), topo); err != nil || len(diffs) != 0 {
		t.Errorf("Ensure: %v, %v", diffs, err)
	}
	checkLameDuck(t, c, topo, first, &log)
}

// The servers of a cluster know late what the others have set aside: all the same no more is set aside than there is, and what
// is small is whole.
func TestClusterShares(t *testing.T) {
	t.Parallel()
	var urls []string
	for _, o := range clusterOptions(t) {
		o.JetStreamMaxStore = 23 << 30
		s, err := server.NewServer(o)
		if err != nil {
			t.Fatal(err)
		}
		s.Start()
		t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
		urls = append(urls, s.ClientURL())
	}
	c := connect(t, jetstream.Options{URL: strings.Join(urls, ",")})
	up := time.Now()
	waitFor(t, "servers that tell each other of themselves no more than once a second, as they do when they have been up for some", func() bool {
		return time.Since(up) > 4*time.Second
	})
	topo := jetstream.DefaultTopology().WithReplicas(3)
	for range 2 {
		if diffs, err := c.EnsureWhenReady(within(t, time.Minute), topo); err != nil || len(diffs) != 0 {
			t.Fatalf("Ensure: %v, %v", diffs, err)
		}
	}
	each, all := maxBytes(t, urls[0])
	if all > 23<<30 || each[topo.Captures.Name] > 8<<30 || each[topo.Captures.Name] < 4<<30 || each[topo.Meetings.Name] != topo.Meetings.MaxBytes {
		t.Errorf("%d bytes are set aside: %v", all, each)
	}
}

// checkLameDuck has the server that a publisher and a source are connected to say farewell, as before an upgrade: both go on
// at another one, and nothing is lost.
func checkLameDuck(t *testing.T, c *jetstream.Conn, topo jetstream.Topology, server *server.Server, log *logBuffer) {
	t.Helper()
	const captures = 60
	s := newSource(t, c, topo, jetstream.SourceOptions{Concurrency: 4})
	gone := make(chan struct{})
	published := make(chan error, 1)
	go func() {
		for i := range captures {
			if i == captures/3 {
				go func() { defer close(gone); server.LameDuckShutdown() }()
			}
			if i == 2*captures/3 { // the rest goes to another server
				<-gone
			}
			if _, err := c.PublishCapture(within(t, time.Minute), "captures.net.a", fmt.Sprint("capture-", i), fmt.Appendf(nil, "%d", i)); err != nil {
				published <- err
				return
			}
		}
		published <- nil
	}()
	seen := map[string]bool{}
	for len(seen) < captures {
		d, err := s.Next(within(t, time.Minute))
		if err != nil {
			t.Fatalf("%d of %d captures came, then %v", len(seen), captures, err)
		}
		if err := d.Ack(within(t, time.Minute)); err == nil {
			seen[string(d.Data)] = true
		}
	}
	if err := <-published; err != nil {
		t.Error(err)
	}
	if c.Reconnects() == 0 || !strings.Contains(log.String(), "the NATS server is about to stop") {
		t.Errorf("%d reconnections; the log:\n%s", c.Reconnects(), log.String())
	}
	waitFor(t, "an empty stream", func() bool {
		lag, err := c.Lag(within(t, patience), topo, 0)
		return err == nil && lag.Total == 0
	})
}
