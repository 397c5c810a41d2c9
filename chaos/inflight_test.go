package chaos

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	js "github.com/nats-io/nats.go/jetstream"
)

// holdInFlight has all but one capture of every event come, measures what server and workers take while all events wait, and
// then has the last ones come.
func holdInFlight(t *testing.T) {
	n := *costEvents
	c := newCostHouse(t, 10*time.Minute)
	worker, server := c.crews[0].Worker(0).PID(), c.Servers[0].PID()
	idle := residents(t, worker, server)
	c.Publish(t.Context(), c.alone(n, 0, costStations-2))
	c.awaitJoined(n * (costStations - 1))
	held := residents(t, worker, server)
	entries, captures := c.state(c.topology.Meetings.Name), c.state(c.topology.Captures.Name)
	before := c.usage()
	time.Sleep(5 * time.Second) // what it costs that they wait
	quiet := c.usage().since(before)
	began := time.Now()
	c.Publish(t.Context(), c.alone(n, costStations-1, costStations-1))
	c.Settle(10 * time.Minute)
	took := time.Since(began)
	peak := fmt.Sprintf("%d MiB of a worker, %d MiB of the server", peakMemory(t, worker)>>20, peakMemory(t, server)>>20)
	c.check(n)
	table.Measured("%d events in flight, %d captures: resident %s when idle, %s when all wait, %s at the peak; on disk %d bytes an entry, %d a capture",
		n, captures.Msgs, idle, held, peak, entries.Bytes/max(entries.Msgs, 1), captures.Bytes/max(captures.Msgs, 1))
	table.Measured("while they wait %.1f %% of a processor for both workers, %.1f %% for the server; when the last captures have come all have their fixes within %.1f s",
		quiet.workers.Seconds()/5*100, quiet.server.Seconds()/5*100, took.Seconds())
	if strings.Contains(c.crews[0].Logs(1000), "level=ERROR") {
		t.Errorf("the workers complained:\n%s", c.crews[0].Logs(40))
	}
}

// awaitJoined waits until so many captures wait in their events.
func (c *costHouse) awaitJoined(n int) {
	c.t.Helper()
	for deadline := time.Now().Add(*settling + 5*time.Minute); c.joined() != n; time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			c.t.Fatalf("%d of %d captures wait in their events\n%s", c.joined(), n, c.describeLeft()+c.crews[0].Logs(10))
		}
	}
}

// joined is how many captures are with workers or wait for their companions, -1 while some are not delivered yet.
func (c *costHouse) joined() (n int) {
	c.ask("the consumer", func(ctx context.Context) error {
		consumer, err := c.js.Consumer(ctx, c.topology.Captures.Name, c.topology.Workers.Durable)
		if err != nil {
			return err
		}
		if n = consumer.CachedInfo().NumAckPending; consumer.CachedInfo().NumPending > 0 {
			n = -1
		}
		return nil
	})
	return n
}

func residents(t testing.TB, worker, server int) string {
	return fmt.Sprintf("%d MiB of a worker, %d MiB of the server", residentMemory(t, worker)>>20, residentMemory(t, server)>>20)
}

// state is that of a stream.
func (h *House) state(stream string) (state js.StreamState) {
	h.t.Helper()
	h.ask("the stream "+stream, func(ctx context.Context) error {
		s, err := h.js.Stream(ctx, stream)
		if err == nil {
			state = s.CachedInfo().State
		}
		return err
	})
	return state
}
