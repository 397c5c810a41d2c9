package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	js "github.com/nats-io/nats.go/jetstream"
)

// The rules of the networks whose stations publish alone. The window is longer than AckWait, so that a capture whose worker
// dies is in time at its second delivery.
const (
	aloneSlot   = 10 * time.Second
	aloneWindow = 4 * time.Second
	aloneSpread = 400 * time.Millisecond // within which the captures of an emission are published, in any order
)

// aloneScenario is one kind of harm to workers that bring captures together.
type aloneScenario struct {
	name  string
	short bool // also with -short
	harm  func(a *aloneHouse, i int)
	often int // in two seconds
	did   func(a *aloneHouse, n int) string
}

var aloneScenarios = []aloneScenario{
	{name: "stations alone", did: func(*aloneHouse, int) string { return "12 stations, 20 emitters, two networks; nothing is killed" }},
	{name: "stations alone, workers and NATS killed", short: true, often: 3, harm: func(a *aloneHouse, i int) {
		if i%5 == 2 {
			a.Servers[0].Kill()
			a.Servers[0].Start(a.t)
			a.servers++
			return
		}
		a.crew.Worker(rand.IntN(3)).Kill()
	}, did: func(a *aloneHouse, n int) string {
		return fmt.Sprintf("a worker was killed %d times, the server %d times", n-a.servers, a.servers)
	}},
}

// aloneHouse is a house whose stations publish alone.
type aloneHouse struct {
	*House
	events   *EventLedger
	crew     *Crew
	networks []*Network
	servers  int // that were killed
}

// TestChaosAlone plays every scenario of stations that publish alone and draws up its ledger. The captures come in two
// turns; what is to come when its event has ended comes with the next turn, and at the end.
func TestChaosAlone(t *testing.T) {
	for _, s := range aloneScenarios {
		t.Run(s.name, func(t *testing.T) {
			if testing.Short() && !s.short {
				t.Skip("only the most telling scenarios with -short")
			}
			t.Parallel()
			a := newAloneHouse(t)
			began := time.Now()
			if s.harm != nil {
				a.events.Harmed()
			}
			var delayed []*Heard
			var n int
			for range 2 {
				punctual, late := a.emit(*captures / 2)
				n += a.publish(append(punctual, delayed...), &s)
				a.Settle(*settling)
				delayed = late
			}
			a.publish(delayed, &aloneScenario{})
			a.Settle(*settling)
			a.close(t, EventRow{Scenario: s.name, Took: time.Since(began), Note: s.did(a, n)})
		})
	}
}

// newAloneHouse starts a server and three workers with the default model. One network's captures name their events, and its
// stations are listed; of the other nothing is known.
func newAloneHouse(t *testing.T) *aloneHouse {
	t.Helper()
	a := &aloneHouse{House: newHouse(t, program(t), topology(1)), events: NewEventLedger(aloneWindow)}
	a.books = a.events
	a.networks = []*Network{newNetwork("tipped", true, aloneSlot), newNetwork("slotted", false, aloneSlot)}
	var rules strings.Builder
	for _, n := range a.networks {
		fmt.Fprintf(&rules, "%s:\n  slot: %v\n  guard: 1s\n  window: %v\n  min_receivers: %d\n", n.Name, aloneSlot, aloneWindow, leastReceivers)
		if n.Coordinated {
			fmt.Fprintf(&rules, "  stations: [%s]\n", strings.Join(n.Stations(), ", "))
		}
	}
	a.crew = a.NewCrew(3, "--model", "grid", "--networks", writeFile(t, "networks.yaml", rules.String()))
	return a
}

func writeFile(t testing.TB, name, text string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// emit has emitters send until there are so many captures, and gives those captures: in the order in which they are to be
// published, and those that are to come when their events have ended.
func (a *aloneHouse) emit(captures int) (punctual, delayed []*Heard) {
	type due struct {
		at    time.Duration
		heard *Heard
	}
	var all []due
	var emissions []*Emission
	for total := 0; total < captures; {
		e := a.networks[len(emissions)%2].Emit(a.t)
		a.events.Plan(e)
		emissions, total = append(emissions, e), total+len(e.Heard)
	}
	for i, e := range emissions {
		began := *duration / 2 * time.Duration(i) / time.Duration(len(emissions))
		for k := range e.Heard {
			if h := &e.Heard[k]; h.Treatment == Delayed {
				delayed = append(delayed, h)
			} else {
				all = append(all, due{began + rand.N(aloneSpread), h})
			}
		}
	}
	slices.SortFunc(all, func(x, y due) int { return int(x.at - y.at) })
	for i := range all {
		punctual = append(punctual, all[i].heard)
		if rand.IntN(20) == 0 { // as after a lost PubAck: the stream knows it
			a.retry(all[i].heard.ID)
			punctual = append(punctual, all[i].heard)
		}
	}
	return punctual, delayed
}

// publish publishes captures in their order and harms meanwhile.
func (a *aloneHouse) publish(captures []*Heard, s *aloneScenario) (harmed int) {
	traffic := Traffic{Captures: len(captures), Duration: *duration / 2, Make: func(i int) Capture { return captures[i].Capture }}
	if s.harm == nil {
		a.Publish(a.t.Context(), traffic)
		return 0
	}
	return a.during(traffic, often(s.often), func(i int) { s.harm(a, i) })
}

// close reads what is in the streams, draws up the ledger, and fails the test where it does not balance or something is
// left of an event.
func (a *aloneHouse) close(t *testing.T, row EventRow) {
	t.Helper()
	a.read()
	row.Tally, row.Deliveries = a.events.Tally(), a.Deliveries()
	a.checkEntries()
	a.crew.Stop()
	tableOf(t, row)
	if t.Failed() {
		t.Logf("the workers' logs:\n%s", a.crew.Logs(12))
	}
}

// tableOf prints a row, and fails the test where it does not balance.
func tableOf(t *testing.T, row EventRow) {
	t.Helper()
	table.AddEvents(row)
	var text strings.Builder
	printEventRows(&text, []EventRow{row})
	t.Logf("\n%s", text.String())
	y := &row.Tally
	for _, wrong := range []struct {
		what string
		list []string
	}{
		{"captures are missing", y.Missing}, {"events are conflicting", y.Conflicting}, {"captures ended twice", y.Both},
		{"emissions were torn, or put together", y.Torn}, {"captures ended as they did not deserve", y.Unfair}, {"strange things", y.Strange},
	} {
		if n := len(wrong.list); n > 0 {
			t.Errorf("%d %s:\n  %s", n, wrong.what, strings.Join(wrong.list[:min(n, 8)], "\n  "))
		}
	}
	if y.Published == 0 || y.Fixed == 0 {
		t.Errorf("%d captures were published, and %d events have a fix", y.Published, y.Fixed)
	}
}

// checkEntries expects that no event is open any more. What a killed server has brought back the workers remove when they are
// connected again.
func (h *House) checkEntries() {
	h.t.Helper()
	ended := h.entries(strings.TrimPrefix(h.topology.Met.Name, "KV_"))
	if len(ended) == 0 {
		h.t.Error("nothing is known of events that ended")
	}
	var open map[string]string
	for end := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		if open = h.entries(strings.TrimPrefix(h.topology.Meetings.Name, "KV_")); len(open) == 0 || time.Now().After(end) {
			break
		}
	}
	for key, entry := range open {
		h.t.Errorf("the event %s is still open: %s; ended: %s", key, entry, ended[key])
	}
}

// entries are a bucket's, by their keys.
func (h *House) entries(bucket string) (entries map[string]string) {
	h.t.Helper()
	h.ask("the entries of "+bucket, func(ctx context.Context) error {
		kv, err := h.js.KeyValue(ctx, bucket)
		if err != nil {
			return err
		}
		list, err := kv.ListKeys(ctx, js.IgnoreDeletes())
		if err != nil {
			return err
		}
		entries = make(map[string]string)
		for key := range list.Keys() {
			if e, err := kv.Get(ctx, key); err == nil {
				entries[key] = string(e.Value())
			} else if !errors.Is(err, js.ErrKeyNotFound) {
				return err
			}
		}
		return nil
	})
	return entries
}
