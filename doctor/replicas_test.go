package doctor

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	js "github.com/nats-io/nats.go/jetstream"

	"foxhunt/jetstream"
)

// startCluster starts three servers that know each other.
func startCluster(t testing.TB) (servers []*natsServer) {
	t.Helper()
	var ports, routes []string
	for range 3 {
		address := freeAddress(t)
		ports, routes = append(ports, address), append(routes, fmt.Sprintf("%q", "nats://"+address))
	}
	for i, address := range ports {
		servers = append(servers, startNATS(t, fmt.Sprintf(`
			server_name: n%d
			listen: "127.0.0.1:-1"
			http: "127.0.0.1:-1"
			max_payload: 8454144
			jetstream {max_file_store: 64GB}
			cluster {name: three, listen: %q, routes: [%s]}
		`, i, address, strings.Join(routes, ", "))))
	}
	return servers
}

func TestReplicas(t *testing.T) {
	t.Parallel()
	servers := startCluster(t)
	d := &deployment{natsServer: servers[0]}
	d.connect(t)
	eventually(t, "a cluster with a leader", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := d.conn.Ensure(ctx, jetstream.DefaultTopology())
		return err == nil
	})
	o := lookAt(servers[0].url)
	for _, s := range servers {
		o.Monitors = append(o.Monitors, s.monitor)
	}
	all := examine(t, o)
	all.want(t, "replicas", Warning, "CAPTURES has one replica, although")
	all.want(t, "nats_sync", Warning, "server n2", "every 2m0s", "1 replica")

	o.Topology = jetstream.DefaultTopology().WithReplicas(3)
	examine(t, o).want(t, "replicas", Warning, "CAPTURES has 1 replicas, not 3")
	if _, err := d.conn.Apply(soon(t), o.Topology); err != nil {
		t.Fatal(err)
	}
	eventually(t, "three replicas that are current", func() bool { return severityOf(examine(t, o), "replicas") == OK })
	examine(t, o).want(t, "nats_sync", OK, "captures have 3 replicas")
	longer := o
	longer.Look = time.Second
	atWork(t, d, func() { examine(t, longer).want(t, "replicas", OK, "CAPTURES 3") })

	d.alter(t, "DEAD", func(c *js.StreamConfig) { c.Replicas = 2 })
	examine(t, o).want(t, "replicas", Warning, "DEAD has 2 replicas")

	d.alter(t, "DEAD", func(c *js.StreamConfig) { c.Replicas = 3 }) // two have no majority without one
	eventually(t, "three replicas again", func() bool { return severityOf(examine(t, o), "replicas") == OK })
	servers[2].Shutdown()
	eventually(t, "the loss of a server", func() bool {
		all := examineFor(t, o, 2*time.Second)["replicas"]
		return strings.Contains(fmt.Sprint(all), "n2 is offline") && !strings.Contains(fmt.Sprint(all), "error")
	})
	all = examineFor(t, o, 2*time.Second)
	all.want(t, "nats_reach", Warning, "a server of the cluster does not answer", servers[2].monitor)
	all.want(t, "replicas", Warning, "n2 is offline")
	for _, f := range append(all["nats_reach"], all["replicas"]...) {
		down := strings.Contains(f.Seen, "offline") || strings.Contains(f.Seen, "does not answer")
		if down && !strings.HasPrefix(f.Mend, "start that server") {
			t.Errorf("a server is down, and what mends it is %q", f.Mend)
		}
	}
	all.want(t, "nats_sync", Unknown, "does not answer")
	o.Monitors = nil
	servers[1].Shutdown()
	eventually(t, "the loss of the majority", func() bool {
		all := examineFor(t, o, 2*time.Second)
		return severityOf(all, "nats_jetstream") == Error || severityOf(all, "replicas") == Error
	})
}

// atWork calls look while captures are stored as fast as they can be.
func atWork(t *testing.T, d *deployment, look func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	first, ended := make(chan struct{}), make(chan struct{})
	n := 0
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			if _, err := d.api.Publish(ctx, "captures.net.a", make([]byte, 1000)); err != nil {
				continue
			}
			if n++; n == 1 {
				close(first)
			}
		}
	}()
	select {
	case <-first:
	case <-soon(t).Done():
		t.Error("nothing was stored")
	}
	look()
	cancel()
	<-ended
	t.Logf("%d captures were stored meanwhile", n)
}

func severityOf(all findings, code string) Severity {
	worst := OK
	for _, f := range all[code] {
		if f.Severity.rank() > worst.rank() {
			worst = f.Severity
		}
	}
	return worst
}

// eventually polls until done, for what servers do in their own time.
func eventually(t testing.TB, what string, done func() bool) {
	t.Helper()
	start := time.Now()
	defer func() { t.Logf("%s came after %v", what, time.Since(start)) }()
	deadline := time.After(40 * time.Second)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s did not come", what)
		}
	}
}

// A copy is judged by all looks: clusters at work, and copies that stand still, in figures that no test makes happen at will.
func TestBehind(t *testing.T) {
	const lost = 7 * time.Second
	for name, c := range map[string]struct {
		lags   []uint64 // in each look; 0: up to date
		stored uint64   // between two looks
		active time.Duration
		want   Severity
		says   string
	}{
		"up to date":              {[]uint64{0, 0, 0}, 100, 0, OK, "replicas: CAPTURES 3"},
		"at work":                 {[]uint64{1, 1, 1}, 100, 0, OK, ""},
		"up to date in between":   {[]uint64{5, 0, 7}, 0, 0, OK, ""},
		"catching up":             {[]uint64{9000, 5000, 2000}, 100, 0, Info, "n2 is 2000 operations behind"},
		"nearly there":            {[]uint64{90, 50, 20}, 100, 0, OK, ""},
		"stands still":            {[]uint64{1, 1, 1}, 0, 0, Warning, "n2 was 1 operations behind, and is 1 now"},
		"gets nothing":            {[]uint64{3, 8, 13}, 5, 0, Warning, "n2 was 3 operations behind, and is 13 now"},
		"falls back ever further": {[]uint64{10, 40, 80}, 500, 0, Warning, "is 80 now"},
		"looked at once":          {[]uint64{1}, 0, 0, OK, ""},
		"killed":                  {[]uint64{1, 8, 9}, 5, lost, Warning, "n2 does not answer since 7s"},
		"killed, nothing to do":   {[]uint64{0, 0, 0}, 0, lost, Warning, "n2 does not answer since 7s"},
	} {
		f := &Facts{}
		for i, lag := range c.lags {
			info := &js.StreamInfo{Config: js.StreamConfig{Replicas: 3}, State: js.StreamState{LastSeq: 100 + uint64(i)*c.stored},
				Cluster: &js.ClusterInfo{Name: "three", Leader: "n0", Replicas: []*js.PeerInfo{
					{Name: "n1", Current: true}, {Name: "n2", Current: lag == 0, Lag: lag, Active: c.active},
				}}}
			f.Looks = append(f.Looks, &jetstream.Inventory{Streams: []jetstream.StreamState{{Name: "CAPTURES", Info: info}}})
		}
		f.Inventory.Value = f.Looks[len(f.Looks)-1]
		t.Run(name, func(t *testing.T) { wantOf(t, checkReplicas(f), "replicas", c.want, c.says) })
	}
}
