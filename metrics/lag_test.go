package metrics

import (
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// wantMetrics compares the named metrics with the lines given; help and type are left to the documentation's test.
func wantMetrics(t *testing.T, registry *prometheus.Registry, lines string, names ...string) {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var expected strings.Builder
	for _, family := range families {
		fmt.Fprintf(&expected, "# HELP %s %s\n# TYPE %s %s\n", family.GetName(), family.GetHelp(), family.GetName(), strings.ToLower(family.GetType().String()))
		for line := range strings.Lines(lines) {
			if line = strings.TrimSpace(line); strings.HasPrefix(line, family.GetName()+" ") || strings.HasPrefix(line, family.GetName()+"{") {
				fmt.Fprintln(&expected, line)
			}
		}
	}
	if err := testutil.GatherAndCompare(registry, strings.NewReader(expected.String()), names...); err != nil {
		t.Error(err)
	}
}

const (
	lagMetric     = "foxhunt_subject_lag_captures"
	lettersMetric = "foxhunt_subject_dead_letters"
)

// captures makes subjects that so many captures wait for.
func captures(counts map[string]float64) map[string]SubjectLag {
	subjects := make(map[string]SubjectLag)
	for subject, n := range counts {
		subjects[subject] = SubjectLag{Captures: n}
	}
	return subjects
}

// leading is a collector that leads, and its registry.
func leading(limit int) (*LagCollector, *prometheus.Registry) {
	registry := prometheus.NewRegistry()
	c := NewLag(registry, limit)
	c.Lead()
	return c, registry
}

// TestStandBy wants nothing served by one that does not lead, before and after its term.
func TestStandBy(t *testing.T) {
	registry := prometheus.NewRegistry()
	c := NewLag(registry, 10)
	nothing := func() {
		t.Helper()
		wantMetrics(t, registry, "foxhunt_exporter_leader 0")
		if n, err := testutil.GatherAndCount(registry); n != 1 || err != nil {
			t.Errorf("%d metrics (%v); want foxhunt_exporter_leader alone", n, err)
		}
	}
	nothing()
	c.Lead()
	c.Set(Lag{Subjects: captures(map[string]float64{"a": 7})}, time.Second)
	wantMetrics(t, registry, "foxhunt_exporter_leader 1\n"+lagMetric+`{subject="a"} 7`, "foxhunt_exporter_leader", lagMetric)
	c.StandBy()
	nothing()
	c.Lead()
	wantMetrics(t, registry, "foxhunt_exporter_leader 1\nfoxhunt_lag_up 0", "foxhunt_exporter_leader", "foxhunt_lag_up", lagMetric)
}

// TestLagBeforeTheFirstReading wants nothing but the word that there was none: a zero would say that nothing waits.
func TestLagBeforeTheFirstReading(t *testing.T) {
	c, registry := leading(10)
	wantMetrics(t, registry, "foxhunt_exporter_leader 1\nfoxhunt_lag_up 0")
	c.Failed(2 * time.Second)
	wantMetrics(t, registry, "foxhunt_exporter_leader 1\nfoxhunt_lag_up 0\nfoxhunt_lag_poll_duration_seconds 2")
}

func TestLagReading(t *testing.T) {
	c, registry := leading(10)
	before := time.Now()
	age, few, none := 90.0, 3.0, 0.0
	c.Set(Lag{
		Subjects: map[string]SubjectLag{
			"captures.net.a": {Captures: 7, Companions: 2, InFlight: &few, OldestAge: &age},
			"captures.net.b": {Captures: 2, InFlight: &none, DeadLetters: 4},
		},
		Pending: 5, InFlight: 4, Redelivered: 1, Dead: 2, Companions: 2, EventsOpen: &few, OldestAge: &age, Drain: &few, Arrived: 100, Completed: 91,
		Streams: []Stream{{Name: "CAPTURES", Messages: 9, Bytes: 900, Limit: 1e6}, {Name: "DEAD", Messages: 4, Bytes: 40, Limit: -1}},
	}, 20*time.Millisecond)
	wantMetrics(t, registry, `
		foxhunt_exporter_leader 1
		foxhunt_subject_lag_captures{subject="captures.net.a"} 7
		foxhunt_subject_lag_captures{subject="captures.net.b"} 2
		foxhunt_subject_waiting_for_companions_captures{subject="captures.net.a"} 2
		foxhunt_subject_waiting_for_companions_captures{subject="captures.net.b"} 0
		foxhunt_consumer_waiting_for_companions_captures 2
		foxhunt_events_open 3
		foxhunt_subject_in_flight_captures{subject="captures.net.a"} 3
		foxhunt_subject_in_flight_captures{subject="captures.net.b"} 0
		foxhunt_subject_dead_letters{subject="captures.net.a"} 0
		foxhunt_subject_dead_letters{subject="captures.net.b"} 4
		foxhunt_subject_oldest_age_seconds{subject="captures.net.a"} 90
		foxhunt_consumer_pending_captures 5
		foxhunt_consumer_in_flight_captures 4
		foxhunt_consumer_redelivered_captures 1
		foxhunt_consumer_dead_captures 2
		foxhunt_consumer_oldest_age_seconds 90
		foxhunt_consumer_drain_seconds 3
		foxhunt_stream_arrived_captures_total 100
		foxhunt_stream_completed_captures_total 91
		foxhunt_stream_messages{stream="CAPTURES"} 9
		foxhunt_stream_messages{stream="DEAD"} 4
		foxhunt_stream_bytes{stream="CAPTURES"} 900
		foxhunt_stream_bytes{stream="DEAD"} 40
		foxhunt_stream_limit_bytes{stream="CAPTURES"} 1e+06
		foxhunt_lag_poll_duration_seconds 0.02
		foxhunt_lag_up 1`,
		"foxhunt_exporter_leader", lagMetric, "foxhunt_subject_in_flight_captures", lettersMetric, "foxhunt_subject_oldest_age_seconds",
		"foxhunt_subject_waiting_for_companions_captures", "foxhunt_consumer_waiting_for_companions_captures", "foxhunt_events_open",
		"foxhunt_consumer_pending_captures", "foxhunt_consumer_in_flight_captures", "foxhunt_consumer_redelivered_captures",
		"foxhunt_consumer_dead_captures", "foxhunt_consumer_oldest_age_seconds", "foxhunt_consumer_drain_seconds",
		"foxhunt_stream_arrived_captures_total", "foxhunt_stream_completed_captures_total", "foxhunt_stream_messages",
		"foxhunt_stream_bytes", "foxhunt_stream_limit_bytes", "foxhunt_lag_poll_duration_seconds", "foxhunt_lag_up")
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() == "foxhunt_lag_last_success_timestamp_seconds" {
			read := family.GetMetric()[0].GetGauge().GetValue()
			if read < float64(before.UnixNano())/1e9 || read > float64(time.Now().UnixNano())/1e9 {
				t.Errorf("read at %f; it was now", read)
			}
			return
		}
	}
	t.Error("no time of the last reading")
}

// TestNeverDrains wants Prometheus' infinity for a backlog that grows, and no metric while it is not known.
func TestNeverDrains(t *testing.T) {
	c, registry := leading(10)
	never := math.Inf(1)
	c.Set(Lag{Drain: &never}, 0)
	wantMetrics(t, registry, "foxhunt_consumer_drain_seconds +Inf", "foxhunt_consumer_drain_seconds", "foxhunt_consumer_oldest_age_seconds")
	c.Set(Lag{}, 0)
	wantMetrics(t, registry, "", "foxhunt_consumer_drain_seconds")
}

// TestDrainedSubjectIsZero drains one subject, then all: the server no longer names them.
func TestDrainedSubjectIsZero(t *testing.T) {
	c, registry := leading(10)
	age := 1.0
	c.Set(Lag{Subjects: map[string]SubjectLag{"a": {Captures: 7, OldestAge: &age}, "b": {Captures: 2}}}, 0)
	c.Set(Lag{Subjects: captures(map[string]float64{"a": 3})}, 0)
	wantMetrics(t, registry, `
		foxhunt_subject_lag_captures{subject="a"} 3
		foxhunt_subject_lag_captures{subject="b"} 0`, lagMetric, "foxhunt_subject_oldest_age_seconds")
	c.Set(Lag{}, 0)
	wantMetrics(t, registry, `
		foxhunt_subject_lag_captures{subject="a"} 0
		foxhunt_subject_lag_captures{subject="b"} 0`, lagMetric)
}

func TestFailureKeepsTheLastReading(t *testing.T) {
	c, registry := leading(10)
	c.Set(Lag{Subjects: captures(map[string]float64{"a": 7}), Pending: 7}, 0)
	c.Failed(0)
	names := []string{lagMetric, "foxhunt_consumer_pending_captures", "foxhunt_lag_up"}
	kept := `
		foxhunt_subject_lag_captures{subject="a"} 7
		foxhunt_consumer_pending_captures 7
		foxhunt_lag_up `
	wantMetrics(t, registry, kept+"0", names...)
	c.Set(Lag{Subjects: captures(map[string]float64{"a": 7}), Pending: 7}, 0)
	wantMetrics(t, registry, kept+"1", names...)
}

// TestSubjectsBeyondTheLimit wants those furthest behind by name, the rest as one, and no age without a name.
func TestSubjectsBeyondTheLimit(t *testing.T) {
	c, registry := leading(2)
	second := 1.0
	c.Set(Lag{Subjects: map[string]SubjectLag{
		"a": {Captures: 1}, "b": {Captures: 9, OldestAge: &second}, "c": {Captures: 5}, "d": {Captures: 5, DeadLetters: 3},
		"e": {Captures: 2, OldestAge: &second}, "f": {DeadLetters: 7},
	}}, 0)
	wantMetrics(t, registry, `
		foxhunt_subject_lag_captures{subject="b"} 9
		foxhunt_subject_lag_captures{subject="c"} 5
		foxhunt_subject_lag_captures{subject="other"} 8
		foxhunt_subject_dead_letters{subject="b"} 0
		foxhunt_subject_dead_letters{subject="c"} 0
		foxhunt_subject_dead_letters{subject="other"} 10
		foxhunt_subject_oldest_age_seconds{subject="b"} 1`, lagMetric, lettersMetric, "foxhunt_subject_oldest_age_seconds")
	c.Set(Lag{Subjects: captures(map[string]float64{"b": 1, "c": 1, "e": 20})}, 0) // a name once given stays while captures wait
	wantMetrics(t, registry, `
		foxhunt_subject_lag_captures{subject="b"} 1
		foxhunt_subject_lag_captures{subject="c"} 1
		foxhunt_subject_lag_captures{subject="other"} 20`, lagMetric)
	c.Set(Lag{Subjects: captures(map[string]float64{"b": 1, "a": 3, "e": 20})}, 0) // c drained: its place goes to the furthest behind
	wantMetrics(t, registry, `
		foxhunt_subject_lag_captures{subject="b"} 1
		foxhunt_subject_lag_captures{subject="e"} 20
		foxhunt_subject_lag_captures{subject="other"} 3`, lagMetric)
	c.Set(Lag{Subjects: map[string]SubjectLag{"f": {DeadLetters: 1}}}, 0) // letters alone take no place from those that may wait again
	wantMetrics(t, registry, `
		foxhunt_subject_lag_captures{subject="b"} 0
		foxhunt_subject_lag_captures{subject="e"} 0
		foxhunt_subject_lag_captures{subject="other"} 0`, lagMetric)
}

// TestHostileSubjects are what anybody who may publish can make of a subject: a scrape must survive them all.
func TestHostileSubjects(t *testing.T) {
	c, registry := leading(10)
	long := strings.Repeat("x", 4000)
	c.Set(Lag{Subjects: captures(map[string]float64{
		"captures.\xff": 1, "captures.\xfe": 2, long: 4, long + "y": 8, "other": 16, "": 32, "captures.\"\n": 64,
	})}, 0)
	wantMetrics(t, registry, `
		foxhunt_subject_lag_captures{subject="captures.�"} 3
		foxhunt_subject_lag_captures{subject="other"} 28
		foxhunt_subject_lag_captures{subject=""} 32
		foxhunt_subject_lag_captures{subject="captures.\"\n"} 64`, lagMetric)
}

// FuzzSubjects wants a scrape of any two subjects to hold their captures, whatever they are.
func FuzzSubjects(f *testing.F) {
	f.Add("captures.net.a", "captures.net.b")
	f.Add("captures.\xff", "captures.\xfe")
	f.Add("other", strings.Repeat("\xff", 100))
	f.Fuzz(func(t *testing.T, one, two string) {
		c, registry := leading(1)
		c.Set(Lag{Subjects: captures(map[string]float64{one: 1, two: 2})}, 0)
		families, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		var sum, want float64 = 0, 3
		if one == two {
			want = 2
		}
		for _, family := range families {
			if family.GetName() == lagMetric {
				for _, m := range family.GetMetric() {
					sum += m.GetGauge().GetValue()
				}
			}
		}
		if sum != want {
			t.Errorf("%q and %q: %g captures; want %g", one, two, sum, want)
		}
	})
}

// TestLagForAYear sees a new subject with every reading, as bundles of recordings make them.
func TestLagForAYear(t *testing.T) {
	c, _ := leading(3)
	for day := range 365 {
		subject := fmt.Sprintf("captures.net.day%d", day)
		c.Set(Lag{Subjects: captures(map[string]float64{subject: 1})}, 0)
		if len(c.names.known) > 3 {
			t.Fatalf("%d subjects by name; want at most 3", len(c.names.known))
		}
		if _, known := c.names.known[subject]; !known {
			t.Fatalf("%s waits without a name", subject)
		}
	}
}

// TestLagIsSafeForConcurrentUse is the race detector's.
func TestLagIsSafeForConcurrentUse(t *testing.T) {
	c, registry := leading(3)
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := range 50 {
			c.Lead()
			c.Set(Lag{Subjects: captures(map[string]float64{fmt.Sprint(i): 1})}, 0)
			c.Failed(0)
		}
	})
	wg.Go(func() {
		for range 50 {
			if _, err := registry.Gather(); err != nil {
				t.Error(err)
			}
		}
	})
	wg.Wait()
	wantMetrics(t, registry, "foxhunt_lag_up 0", "foxhunt_lag_up")
}
