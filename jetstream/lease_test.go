package jetstream_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	js "github.com/nats-io/nats.go/jetstream"

	"foxhunt/jetstream"
	"foxhunt/jetstream/jetstreamtest"
)

// contender competes for a lease until it is stopped, and keeps the times at which it led.
type contender struct {
	leads atomic.Bool
	terms atomic.Int32
	ended atomic.Int64 // when its last term ended, in Unix nanoseconds
	stop  func()       // waits until it has ended
}

func compete(t *testing.T, c *jetstream.Conn, topo jetstream.Topology, who string) *contender {
	t.Helper()
	k := &contender{}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- c.Lead(ctx, topo, "test", who, func(ctx context.Context) error {
			k.terms.Add(1)
			k.leads.Store(true)
			<-ctx.Done()
			k.leads.Store(false)
			k.ended.Store(time.Now().UnixNano())
			return nil
		})
	}()
	k.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("%s ended with %v", who, err)
		}
	})
	t.Cleanup(k.stop)
	return k
}

// leases is a topology with such a TTL, of a bucket of its own.
func leases(t *testing.T, ttl time.Duration) jetstream.Topology {
	topo := jetstream.DefaultTopology()
	topo.Leases.Bucket = "test-leases"
	topo.Leases.TTL = ttl
	return topo
}

// TestLead has two contenders, of which exactly one leads, and the other at once when the first stops.
func TestLead(t *testing.T) {
	t.Parallel()
	server := jetstreamtest.Start(t)
	topo := leases(t, 10*time.Second)
	contenders := []*contender{compete(t, server.Connect(t), topo, "a"), compete(t, server.Connect(t), topo, "b")}
	waitFor(t, "a leader", func() bool { return contenders[0].leads.Load() || contenders[1].leads.Load() })
	first, second := contenders[0], contenders[1]
	if second.leads.Load() {
		first, second = second, first
	}
	if second.terms.Load() != 0 {
		t.Fatal("both lead")
	}
	stopped := time.Now()
	first.stop()
	waitFor(t, "the other to lead", second.leads.Load)
	if took := time.Since(stopped); took > 5*time.Second { // the TTL is twice that
		t.Errorf("the other led %v after a clean stop", took)
	}
	if first.terms.Load() != 1 || second.terms.Load() != 1 {
		t.Errorf("%d and %d terms; want one each", first.terms.Load(), second.terms.Load())
	}
}

// TestLeadReturns wants Lead to return what lead does, and the lease to be free then.
func TestLeadReturns(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	topo := leases(t, time.Minute)
	for range 3 {
		want := errors.New("enough")
		if err := c.Lead(within(t, 5*time.Second), topo, "test", "a", func(context.Context) error { return want }); err != want {
			t.Fatalf("Lead returned %v; want %v", err, want)
		}
	}
}

// TestLeaderKeepsLeading wants one long term of a leader that nothing disturbs, renewed several times.
func TestLeaderKeepsLeading(t *testing.T) {
	t.Parallel()
	server := jetstreamtest.Start(t)
	topo := leases(t, time.Second)
	first := compete(t, server.Connect(t), topo, "a")
	waitFor(t, "a leader", first.leads.Load)
	second := compete(t, server.Connect(t), topo, "b")
	kv := bucket(t, server, topo)
	entry, err := kv.Get(t.Context(), "test")
	if err != nil {
		t.Fatal(err)
	}
	waitFor(t, "six renewals", func() bool {
		now, err := kv.Get(t.Context(), "test")
		return err == nil && now.Revision() >= entry.Revision()+6
	})
	if !first.leads.Load() || first.terms.Load() != 1 || second.terms.Load() != 0 {
		t.Errorf("%d and %d terms; want 1 and 0", first.terms.Load(), second.terms.Load())
	}
	if !strings.HasPrefix(string(entry.Value()), "a ") {
		t.Errorf("the lease is %q; want it to say who leads", entry.Value())
	}
}

func bucket(t *testing.T, s *jetstreamtest.Server, topo jetstream.Topology) js.KeyValue {
	t.Helper()
	nc, err := nats.Connect(s.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	j, err := js.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	kv, err := j.KeyValue(t.Context(), topo.Leases.Bucket)
	if err != nil {
		t.Fatal(err)
	}
	return kv
}

// TestLeaderCutOff cuts the leader's connection, as a paused server or a cable does: its term must end before the other's
// begins, and the other must lead once the TTL has passed. When it is back it stands by.
func TestLeaderCutOff(t *testing.T) {
	t.Parallel()
	server := jetstreamtest.Start(t)
	topo := leases(t, 2*time.Second)
	link := newLink(t, strings.TrimPrefix(server.ClientURL(), "nats://"))
	far := connect(t, jetstream.Options{URL: "nats://" + link.address()})
	first := compete(t, far, topo, "far")
	waitFor(t, "a leader", first.leads.Load)
	second := compete(t, server.Connect(t), topo, "near")

	link.pause()
	cut := time.Now()
	waitFor(t, "the other to lead", second.leads.Load)
	took, overlap := time.Since(cut), time.Now().UnixNano()
	if first.leads.Load() || first.ended.Load() == 0 || first.ended.Load() > overlap {
		t.Error("both lead")
	}
	if took > 2*topo.Leases.TTL+2*time.Second {
		t.Errorf("the other led after %v; want it soon after %v", took, topo.Leases.TTL)
	}
	link.resume()
	second.stop()
	waitFor(t, "the first to lead again", first.leads.Load)
}

// TestLeadOverRestart restarts the server under two contenders, with a bucket that survives it and with one that does not.
func TestLeadOverRestart(t *testing.T) {
	t.Parallel()
	for _, storage := range []js.StorageType{js.FileStorage, js.MemoryStorage} {
		t.Run(storage.String(), func(t *testing.T) {
			t.Parallel()
			server := jetstreamtest.Start(t)
			topo := leases(t, time.Second)
			topo.Leases.Storage = storage
			a, b := compete(t, server.Connect(t), topo, "a"), compete(t, server.Connect(t), topo, "b")
			waitFor(t, "a leader", func() bool { return a.leads.Load() || b.leads.Load() })
			server.Restart(t)
			kv := js.KeyValue(nil)
			waitFor(t, "the bucket", func() bool { kv = tryBucket(t, server, topo); return kv != nil })
			var begun uint64
			waitFor(t, "a lease", func() bool {
				entry, err := kv.Get(t.Context(), "test")
				if err == nil {
					begun = entry.Revision()
				}
				return err == nil
			})
			waitFor(t, "renewals", func() bool { // whoever led before has noticed by now
				entry, err := kv.Get(t.Context(), "test")
				return err == nil && entry.Revision() >= begun+6
			})
			if a.leads.Load() == b.leads.Load() {
				t.Errorf("a leads: %v, b leads: %v; want one of them", a.leads.Load(), b.leads.Load())
			}
		})
	}
}

func tryBucket(t *testing.T, s *jetstreamtest.Server, topo jetstream.Topology) js.KeyValue {
	t.Helper()
	nc, err := nats.Connect(s.ClientURL())
	if err != nil {
		return nil
	}
	j, err := js.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	kv, err := j.KeyValue(t.Context(), topo.Leases.Bucket)
	if err != nil {
		nc.Close()
		return nil
	}
	t.Cleanup(nc.Close)
	return kv
}

// TestLeaseTaken writes the key under the leader, as no contender would: its term must end with the next renewal.
func TestLeaseTaken(t *testing.T) {
	t.Parallel()
	server := jetstreamtest.Start(t)
	topo := leases(t, time.Second)
	k := compete(t, server.Connect(t), topo, "a")
	waitFor(t, "a leader", k.leads.Load)
	if _, err := bucket(t, server, topo).PutString(t.Context(), "test", "a usurper"); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the term to end", func() bool { return k.ended.Load() != 0 })
	waitFor(t, "another term once the usurper's has lapsed", func() bool { return k.terms.Load() == 2 && k.leads.Load() })
}

// TestLeadRefused wants an error at once where nothing but an operator can help.
func TestLeadRefused(t *testing.T) {
	t.Parallel()
	topo := leases(t, time.Second)
	url := startServer(t, &server.Options{Users: []*server.User{
		{Username: "all", Password: "x"},
		{Username: "looks", Password: "x", Permissions: &server.Permissions{
			Publish:   &server.SubjectPermission{Deny: []string{"$KV.>"}},
			Subscribe: &server.SubjectPermission{Allow: []string{">"}},
		}},
	}})
	admin := connect(t, jetstream.Options{URL: strings.Replace(url, "nats://", "nats://all:x@", 1)})
	if _, err := admin.Ensure(within(t, 10*time.Second), topo); err != nil {
		t.Fatal(err)
	}
	looks := connect(t, jetstream.Options{URL: strings.Replace(url, "nats://", "nats://looks:x@", 1)})
	never := func(context.Context) error { t.Error("leads without the right to"); return nil }
	began := time.Now()
	err := looks.Lead(within(t, 10*time.Second), topo, "test", "a", never)
	if code(err) != jetstream.CodeRefused || !strings.Contains(err.Error(), "$KV.test-leases.test") || time.Since(began) > 4*time.Second {
		t.Errorf("after %v: %v; want %s about the key", time.Since(began), err, jetstream.CodeRefused)
	}
	topo.Leases.Bucket, topo.Leases.TTL = "everlasting", 0
	if err := admin.Lead(within(t, 10*time.Second), topo, "test", "a", never); code(err) != jetstream.CodeBadSetup {
		t.Errorf("a bucket without TTL: %v; want %s", err, jetstream.CodeBadSetup)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := admin.Lead(ended, topo, "test", "a", never); err != nil {
		t.Errorf("with a context that has ended: %v", err)
	}
}
