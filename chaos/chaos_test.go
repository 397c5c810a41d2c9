package chaos

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Sizes of the scenarios. The defaults are for make test; make chaos runs more and longer.
var (
	captures = flag.Int("chaos.captures", 300, "captures of each scenario")
	duration = flag.Duration("chaos.duration", 2*time.Second, "over which they are published")
	settling = flag.Duration("chaos.settle", 3*time.Minute, "how long the workers may take for what is left after that; what a killed server brings back takes them a minute")
	race     = flag.Bool("chaos.race", false, "build foxhunt with the race detector")

	costEvents = flag.Int("chaos.events", 60, "events whose cost is measured")
)

// table and programs are the test process's own: what TestMain prints and removes at its end.
var (
	table    Table
	programs = sync.OnceValues(func() (*Programs, error) { return BuildPrograms(*race) })
	built    atomic.Bool
)

func TestMain(m *testing.M) {
	flag.Parse()
	code := m.Run()
	table.Print(os.Stdout)
	if built.Load() {
		if p, err := programs(); err == nil {
			p.Remove()
		}
	}
	os.Exit(code)
}

func program(t testing.TB) *Programs {
	t.Helper()
	built.Store(true)
	p, err := programs()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// scenario is one kind of harm. play publishes and harms, and returns what it did, in a few words; workers may still be at
// it then.
type scenario struct {
	name  string
	short bool // also with -short
	alone bool // measures something, and so must not run beside others
	play  func(t *testing.T, h *House) (did string)
	house func(t *testing.T) *House // default: one server
}

// TestChaos plays every scenario and draws up its ledger.
func TestChaos(t *testing.T) {
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) {
			if testing.Short() && !s.short {
				t.Skip("only the most telling scenarios with -short")
			}
			if !s.alone {
				t.Parallel()
			}
			if s.house == nil {
				s.house = func(t *testing.T) *House { return newHouse(t, program(t), topology(1)) }
			}
			h := s.house(t)
			began := time.Now()
			did := s.play(t, h)
			h.Settle(*settling)
			h.close(t, Row{Scenario: s.name, Took: time.Since(began), Note: did})
		})
	}
}

// close reads what is in the streams, stops the workers, draws up the ledger, and fails the test where it does not balance.
func (h *House) close(t *testing.T, row Row) {
	t.Helper()
	h.read()
	row.Tally, row.Deliveries = h.Ledger.Tally(), h.Deliveries()
	if h.measure != nil {
		h.measure()
	}
	for _, c := range h.crews {
		c.Stop()
	}
	table.Add(row)
	var text strings.Builder
	printRows(&text, []Row{row})
	t.Logf("\n%s", text.String())
	for _, wrong := range []struct {
		what string
		list []string
	}{
		{"missing", row.Tally.Missing}, {"conflicting", row.Tally.Conflicting}, {"fixed and dead", row.Tally.Both},
		{"not as the capture deserved", row.Tally.Unfair}, {"strange", row.Tally.Strange},
	} {
		if n := len(wrong.list); n > 0 {
			t.Errorf("%d captures %s:\n  %s", n, wrong.what, strings.Join(wrong.list[:min(n, 8)], "\n  "))
		}
	}
	if row.Tally.Doubled > 0 {
		t.Logf("%d fixes are twice in the stream", row.Tally.Doubled)
	}
	if row.Tally.Published == 0 {
		t.Error("nothing was published")
	}
	if t.Failed() {
		for _, c := range h.crews {
			t.Logf("the workers' logs:\n%s", c.Logs(12))
		}
	}
}

// during publishes traffic and harms so many times meanwhile, evenly spread where the servers keep up. It returns how often
// it harmed, when all is published.
func (h *House) during(traffic Traffic, times int, harm func(i int)) (done int) {
	h.t.Helper()
	publishing, stop := context.WithTimeout(h.t.Context(), *duration+*settling)
	var publisher sync.WaitGroup
	publisher.Go(func() {
		defer stop()
		h.Publish(publishing, traffic)
	})
	defer publisher.Wait()
	for ; done < times; done++ {
		select {
		case <-time.After(traffic.Duration / time.Duration(times+1)):
			harm(done)
		case <-publishing.Done():
			return done
		}
	}
	return done
}

// often is how many times to harm, of so many in two seconds.
func often(n int) int { return max(n, int(time.Duration(n)**duration/(2*time.Second))) }

func times(n int, what string) string { return fmt.Sprintf("%s %d times", what, n) }
