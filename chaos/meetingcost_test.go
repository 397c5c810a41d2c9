package chaos

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"foxhunt/contract"
	"foxhunt/messages"
	"foxhunt/model/modeltest"
)

// costStations publish one capture each of every event that is measured.
const costStations = 3

// costHouse has two workers with a small network that wants several receivers, so that captures of one meet, and that costs
// the same whether the captures met or came as a bundle.
type costHouse struct {
	*House
	events *EventLedger
	ids    [][]string // of the captures of each event
}

// newCostHouse has workers wait so long for an event's captures.
func newCostHouse(t *testing.T, window time.Duration) *costHouse {
	t.Helper()
	env := environment(t)
	topology := topology(1)
	topology.Captures.MaxMsgsPerSubject = 1_000_000
	topology.Workers.AckWait = 30 * time.Second // nothing is killed here
	topology.Workers.MaxAckPending = max(topology.Workers.MaxAckPending, 2*costStations**costEvents)
	server := newNATS(t, program(t), "nats", natsOptions{measured: true})
	c := &costHouse{House: furnish(t, program(t), env, topology, server), events: NewEventLedger(window)}
	model := filepath.Join(t.TempDir(), "plain.onnx")
	wants := contract.Plain("mel_spectrogram", 3)
	wants.Receivers.Min = 2
	for path, data := range map[string][]byte{model: modeltest.Plain(t), model + ".contract.json": wants.JSON()} {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	rules := fmt.Sprintf("cost:\n  window: %v\n  stations: [a, b, c]\n", window)
	c.NewCrew(2, "--model", model, "--networks", writeFile(t, "networks.yaml", rules))
	return c
}

// costCapture is what the stations first to last of event i heard, published by source.
func costCapture(t testing.TB, id, source string, i, first, last int) Capture {
	t.Helper()
	c := messages.Capture{Version: messages.CaptureVersion, ID: id, Event: fmt.Sprintf("event-%d", i), Frequency: 145e6, Cache: true}
	for k := first; k <= last; k++ {
		c.Receivers = append(c.Receivers, messages.Receiver{
			Station: string(rune('a' + k)), Latitude: 45 + 0.2*float64(k%2), Longitude: 8 + 0.2*float64(k), ClockSigma: 100,
			StartTime: 1_780_000_000e9 + int64(i)*1e9, SampleRate: 48e3, Format: messages.CI8, IQ: heard(uint64(i), k, leastSamples),
		})
	}
	data, err := c.Encode(nil)
	if err != nil {
		t.Fatal(err)
	}
	return Capture{ID: id, Subject: "captures.cost." + source, Data: data, Want: Fixed}
}

// alone is traffic of n events, of which the stations first to last publish their captures on their own.
func (c *costHouse) alone(n, first, last int) Traffic {
	c.books = c.events
	for i := len(c.ids); i < n; i++ {
		e := &Emission{Network: "cost", Event: fmt.Sprintf("event-%d", i)}
		ids := make([]string, costStations)
		for k := range costStations {
			ids[k] = messages.NewCaptureID()
			e.add(Heard{Capture: Capture{ID: ids[k], Subject: "captures.cost"}, CaptureID: ids[k], Station: string(rune('a' + k))}, Punctual)
		}
		c.events.Plan(e)
		c.ids = append(c.ids, ids)
	}
	each := last - first + 1
	return Traffic{Captures: n * each, Make: func(i int) Capture {
		k := first + i%each
		return costCapture(c.t, c.ids[i/each][k], string(rune('a'+k)), i/each, k, k)
	}}
}

// bundles is traffic of the same n events, each in one capture.
func (c *costHouse) bundles(n int) Traffic {
	return Traffic{Captures: n, Make: func(i int) Capture {
		return costCapture(c.t, messages.NewCaptureID(), "bundle", i, 0, costStations-1)
	}}
}

// TestMeetingCost measures what it costs that captures meet, against bundles of the same content: at -chaos.events 10000.
func TestMeetingCost(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("what processes use is read from Linux's /proc")
	}
	if testing.Short() {
		t.Skip("the scenarios are more telling with -short")
	}
	perSecond := compareCost(t)
	compareLatency(t, perSecond/2)
	holdInFlight(t)
}

// compareCost has all events wait in the stream, as bundles and alone, and measures what it takes until they have their
// fixes. It gives the events a second of those that met.
func compareCost(t *testing.T) (perSecond float64) {
	n := *costEvents
	bundled := newCostHouse(t, time.Minute)
	b := bundled.work(bundled.bundles(n))
	bundled.check(n)
	met := newCostHouse(t, time.Minute)
	m := met.work(met.alone(n, 0, costStations-1))
	met.check(n)
	captures := float64(n * costStations)
	took := func(u usage, before usage) float64 { return u.at.Sub(before.at).Seconds() }
	table.Measured("%d events of %d captures: %.0f captures/s that meet, %.0f that come in bundles", n, costStations,
		captures/took(m.after, m.before), captures/took(b.after, b.before))
	for _, way := range []struct {
		name string
		work
	}{{"bundled", b}, {"meeting", m}} {
		u := way.after.since(way.before)
		table.Measured("a capture, %s: %.3f ms of workers' and %.3f ms of the server's processors; %.2f messages and %.2f KB to the server, %.2f and %.2f from it",
			way.name, ms(u.workers)/captures, ms(u.server)/captures, float64(u.in)/captures, float64(u.bytesIn)/captures/1e3,
			float64(u.out)/captures, float64(u.bytesOut)/captures/1e3)
	}
	d, e := m.after.since(m.before), b.after.since(b.before)
	table.Measured("the meeting costs %.3f ms of workers' and %.3f ms of the server's processors, and %.2f messages to the server, a capture; %.2f writes of its entry",
		ms(d.workers-e.workers)/captures, ms(d.server-e.server)/captures, float64(d.in-e.in)/captures, float64(met.writes())/captures)
	return float64(n) / took(m.after, m.before)
}

func ms(d time.Duration) float64 { return d.Seconds() * 1e3 }

// work is what was used before and after workers did something.
type work struct{ before, after usage }

// work publishes the traffic while the consumer gives nothing out, and measures what workers and server use from then until
// nothing is left.
func (c *costHouse) work(traffic Traffic) work {
	c.t.Helper()
	c.pause(true)
	c.Publish(c.t.Context(), traffic)
	before := c.usage()
	c.pause(false)
	c.Settle(10 * time.Minute)
	return work{before, c.usage()}
}

// pause has the consumer give nothing out, or go on.
func (c *costHouse) pause(on bool) {
	c.t.Helper()
	c.ask("pausing", func(ctx context.Context) error {
		stream, err := c.js.Stream(ctx, c.topology.Captures.Name)
		if err != nil {
			return err
		}
		if on {
			_, err = stream.PauseConsumer(ctx, c.topology.Workers.Durable, time.Now().Add(time.Hour))
		} else {
			_, err = stream.ResumeConsumer(ctx, c.topology.Workers.Durable)
		}
		return err
	})
}

// check expects that all events have their fixes, and nothing else.
func (c *costHouse) check(n int) {
	c.t.Helper()
	c.read()
	have, dead := c.Ledger.Tally().Fixed, c.Ledger.Tally().Dead
	if c.books == books(c.events) {
		y := c.events.Tally()
		have = y.Fixed
		for _, of := range y.Deaths {
			dead += of
		}
		if len(y.Torn)+len(y.Missing)+len(y.Both)+len(y.Conflicting)+len(y.Strange) > 0 {
			c.t.Errorf("the ledger does not balance: %+v", y)
		}
	}
	if have != n || dead > 0 {
		c.t.Errorf("%d of %d events have a fix, and there are %d dead letters\n%s", have, n, dead, c.crews[0].Logs(20))
	}
	for _, crew := range c.crews {
		crew.Stop()
	}
}

// writes is how often entries of open events were written, removals included.
func (c *costHouse) writes() uint64 { return c.state(c.topology.Meetings.Name).LastSeq }

// compareLatency publishes so many events a second, as bundles and alone, and measures how long their fixes take from the
// PubAck of the bundle, or of the last capture.
func compareLatency(t *testing.T, perSecond float64) {
	n := max(min(*costEvents, int(20*perSecond)), 1)
	duration := time.Duration(float64(n) / perSecond * float64(time.Second))
	bundled := newCostHouse(t, time.Minute)
	traffic := bundled.bundles(n)
	traffic.Duration = duration
	bundled.Publish(t.Context(), traffic)
	bundled.Settle(*settling)
	bundled.check(n)
	met := newCostHouse(t, time.Minute)
	traffic = met.alone(n, 0, costStations-1)
	traffic.Duration = duration
	met.Publish(t.Context(), traffic)
	met.Settle(*settling)
	met.check(n)
	table.Measured("at %.0f events/s, from the last PubAck to the fix: %s of events that met, %s of bundles", perSecond,
		milliseconds(met.events.Waits()), milliseconds(bundled.Ledger.Waits(func(string) bool { return true })))
}

func milliseconds(sorted []time.Duration) string {
	return fmt.Sprintf("p50 %.1f ms, p95 %.1f ms, p99 %.1f ms (%d)", ms(quantile(sorted, 0.5)), ms(quantile(sorted, 0.95)), ms(quantile(sorted, 0.99)), len(sorted))
}
