package main

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"foxhunt/jetstream"
	"foxhunt/messages"
)

var gapRate = flag.Float64("gap.rate", 0, "captures a second around the reloads (default: half of what the machine can do)")

// gapTime is how long captures are measured before a reload, and around it.
func gapTime() time.Duration {
	if *figures {
		return 10 * time.Second
	}
	return time.Second
}

// delivered is one capture's fix: when the capture was due, how long its fix took, and which version made it.
type delivered struct {
	due     time.Time
	took    time.Duration
	version string
}

// TestReloadGap reloads the model again and again under steady load. No capture fails, each is located by the old model or
// the new one, and the figures tell what they notice:
//
//	go test ./cmd/foxhunt -run TestReloadGap -v -args -figures
func TestReloadGap(t *testing.T) {
	h := newHouse(t)
	process, _ := h.startWorker(t, "--cache-bytes", "0")
	s := newTraffic(t, h.server)
	h.model(t, "push", fleetModel(t, 1), "--name", "fox")
	h.model(t, "push", fleetModel(t, 2), "--name", "fox")
	h.model(t, "promote", "nats:fox@1")
	waitFor(t, "the first model", func() bool { return process.champion().Version == "1" })
	rate, reloads := 50.0, 2
	if *figures {
		rate, reloads = s.halfOfWhatItCan(t), 5
	}
	if *gapRate > 0 {
		rate = *gapRate
	}
	t.Logf("%.0f captures/s", rate)
	var all reloadTimes
	for i := range reloads {
		all.add(h.measureReload(t, s, process, rate, []string{"2", "1"}[i%2]))
	}
	t.Logf("%d reloads together: %s", reloads, all)
	if n := h.stored(t, jetstream.StreamDead); n != 0 {
		t.Errorf("%d dead letters", n)
	}
}

// halfOfWhatItCan is half the rate at which a full queue is worked off.
func (t *traffic) halfOfWhatItCan(b testing.TB) float64 {
	t.send(b, 200, 0)
	began := time.Now()
	t.send(b, 2000, 0)
	return 2000 / time.Since(began).Seconds() / 2
}

// reloadTimes are how long fixes took: of captures due in the time before a reload, around it, and in the second around the
// switch from one model to the other.
type reloadTimes struct{ before, around, at []time.Duration }

func (r *reloadTimes) add(more reloadTimes) {
	r.before, r.around, r.at = append(r.before, more.before...), append(r.around, more.around...), append(r.at, more.at...)
}

func (r reloadTimes) String() string {
	return fmt.Sprintf("p50, p95, p99 and longest %s before, %s around the reload, %s in the second around the switch",
		spread(r.before), spread(r.around), spread(r.at))
}

// measureReload sends captures before, during and after a change of the champion.
func (h *house) measureReload(t *testing.T, s *traffic, process *workerProcess, rate float64, version string) reloadTimes {
	span := gapTime()
	n := int(rate * 3 * span.Seconds())
	changed := make(chan [2]time.Time, 1)
	time.AfterFunc(span, func() {
		began := time.Now()
		_, err := command(t.Context(), "model", "promote", "--unchecked", "nats:fox@"+version, "--nats", h.server.ClientURL())
		if err != nil {
			t.Error(err)
		}
		for process.champion().Version != version && time.Since(began) < patience {
			time.Sleep(time.Millisecond)
		}
		changed <- [2]time.Time{began, time.Now()}
	})
	fixes := s.deliver(t, n, rate)
	at := <-changed
	begun, switched := at[0], at[1]
	between := func(from, to time.Time) (some []time.Duration) {
		for _, f := range fixes {
			if !f.due.Before(from) && f.due.Before(to) {
				some = append(some, f.took)
			}
		}
		return some
	}
	times := reloadTimes{
		between(begun.Add(-span), begun), between(begun.Add(-span/4), begun.Add(span*3/4)),
		between(switched.Add(-500*time.Millisecond), switched.Add(500*time.Millisecond)),
	}
	t.Logf("to version %s in %v: %v", version, switched.Sub(begun).Round(time.Millisecond), times)
	if len(fixes) != n {
		t.Errorf("%d fixes of %d captures", len(fixes), n)
	}
	for _, f := range fixes {
		if !strings.Contains("1 2", f.version) {
			t.Errorf("a fix of version %q", f.version)
		}
	}
	return times
}

// spread writes percentiles.
func spread(all []time.Duration) string {
	if len(all) == 0 {
		return "none"
	}
	all = slices.Sorted(slices.Values(all))
	var text []string
	for _, q := range []float64{0.5, 0.95, 0.99, 1} {
		text = append(text, all[int(q*float64(len(all)-1))].Round(100*time.Microsecond).String())
	}
	return strings.Join(text, ", ")
}

// deliver publishes n captures at a rate and returns what became of each.
func (t *traffic) deliver(b testing.TB, n int, rate float64) []delivered {
	b.Helper()
	began := time.Now()
	due := func(i int) time.Time { return began.Add(time.Duration(float64(i) / rate * 1e9)) }
	ids := make(chan string, n)
	go func() {
		defer close(ids)
		for i := range n {
			data := t.next(b)
			time.Sleep(time.Until(due(i)))
			ids <- t.capture.ID
			err := t.publisher.Publish(b.Context(), "captures.bench.abc", t.capture.ID, data, func(_ jetstream.Stored, err error) {
				if err != nil {
					b.Error(err)
				}
			})
			if err != nil {
				b.Error(err)
				return
			}
		}
	}()
	ctx, cancel := context.WithTimeout(b.Context(), time.Duration(float64(n)/rate*1e9)+patience)
	defer cancel()
	type answer struct {
		at      time.Time
		version string
	}
	answers := map[string]answer{}
	for len(answers) < n {
		message, err := t.fixes.Next(ctx)
		if err != nil {
			break // whose are missing is seen by their number
		}
		now := time.Now()
		fix, err := messages.DecodeFix(message.ContentType, message.Body)
		if err != nil {
			b.Fatal(err)
		}
		answers[fix.CaptureID] = answer{now, fix.Model.Version}
	}
	var fixes []delivered
	for i := 0; ; i++ {
		id, more := <-ids
		if !more {
			return fixes
		}
		if a, ok := answers[id]; ok {
			fixes = append(fixes, delivered{due(i), a.at.Sub(due(i)), a.version})
		}
	}
}
