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

	d.alter(t, "DEAD", func(c *js.StreamConfig) { c.Replicas = 2 })
	examine(t, o).want(t, "replicas", Warning, "DEAD has 2 replicas")

	o.Monitors = nil
	servers[2].Shutdown()
	eventually(t, "the loss of a server", func() bool {
		all := examineFor(t, o, 2*time.Second)["replicas"]
		return strings.Contains(fmt.Sprint(all), "n2 is offline") && !strings.Contains(fmt.Sprint(all), "error")
	})
	servers[1].Shutdown()
	eventually(t, "the loss of the majority", func() bool {
		all := examineFor(t, o, 2*time.Second)
		return severityOf(all, "nats_jetstream") == Error || severityOf(all, "replicas") == Error
	})
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
