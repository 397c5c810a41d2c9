package metrics

import (
	"fmt"
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

const lagMetric = "foxhunt_subject_lag_captures"

// TestLagBeforeTheFirstReading wants nothing but the word that there was none: a zero would say that nothing waits.
func TestLagBeforeTheFirstReading(t *testing.T) {
	registry := prometheus.NewRegistry()
	c := NewLag(registry, 10)
	for range 2 {
		wantMetrics(t, registry, "foxhunt_lag_up 0")
		if n, err := testutil.GatherAndCount(registry); n != 1 || err != nil {
			t.Errorf("%d metrics (%v); want foxhunt_lag_up alone", n, err)
		}
		c.Failed()
	}
}

func TestLagReading(t *testing.T) {
	registry := prometheus.NewRegistry()
	c := NewLag(registry, 10)
	before := time.Now()
	c.Set(Lag{
		Subjects: map[string]float64{"captures.net.a": 7, "captures.net.b": 2}, Pending: 5, InFlight: 4, Redelivered: 1, Dead: 2,
		OldestAge: map[string]time.Duration{"captures.net.a": 90 * time.Second},
	})
	wantMetrics(t, registry, `
		foxhunt_subject_lag_captures{subject="captures.net.a"} 7
		foxhunt_subject_lag_captures{subject="captures.net.b"} 2
		foxhunt_subject_oldest_age_seconds{subject="captures.net.a"} 90
		foxhunt_consumer_pending_captures 5
		foxhunt_consumer_in_flight_captures 4
		foxhunt_consumer_redelivered_captures 1
		foxhunt_consumer_dead_captures 2
		foxhunt_lag_up 1`,
		lagMetric, "foxhunt_subject_oldest_age_seconds", "foxhunt_consumer_pending_captures",
		"foxhunt_consumer_in_flight_captures", "foxhunt_consumer_redelivered_captures", "foxhunt_consumer_dead_captures", "foxhunt_lag_up")
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

// TestDrainedSubjectIsZero drains one subject, then all: the server no longer names them.
func TestDrainedSubjectIsZero(t *testing.T) {
	registry := prometheus.NewRegistry()
	c := NewLag(registry, 10)
	c.Set(Lag{Subjects: map[string]float64{"a": 7, "b": 2}, OldestAge: map[string]time.Duration{"a": time.Second}})
	c.Set(Lag{Subjects: map[string]float64{"a": 3}})
	wantMetrics(t, registry, `
		foxhunt_subject_lag_captures{subject="a"} 3
		foxhunt_subject_lag_captures{subject="b"} 0`, lagMetric, "foxhunt_subject_oldest_age_seconds")
	c.Set(Lag{})
	wantMetrics(t, registry, `
		foxhunt_subject_lag_captures{subject="a"} 0
		foxhunt_subject_lag_captures{subject="b"} 0`, lagMetric)
}

func TestFailureKeepsTheLastReading(t *testing.T) {
	registry := prometheus.NewRegistry()
	c := NewLag(registry, 10)
	c.Set(Lag{Subjects: map[string]float64{"a": 7}, Pending: 7})
	c.Failed()
	names := []string{lagMetric, "foxhunt_consumer_pending_captures", "foxhunt_lag_up"}
	kept := `
		foxhunt_subject_lag_captures{subject="a"} 7
		foxhunt_consumer_pending_captures 7
		foxhunt_lag_up `
	wantMetrics(t, registry, kept+"0", names...)
	c.Set(Lag{Subjects: map[string]float64{"a": 7}, Pending: 7})
	wantMetrics(t, registry, kept+"1", names...)
}

// TestSubjectsBeyondTheLimit wants those furthest behind by name, the rest as one, and no age without a name.
func TestSubjectsBeyondTheLimit(t *testing.T) {
	registry := prometheus.NewRegistry()
	c := NewLag(registry, 2)
	c.Set(Lag{
		Subjects:  map[string]float64{"a": 1, "b": 9, "c": 5, "d": 5, "e": 2},
		OldestAge: map[string]time.Duration{"b": time.Second, "e": time.Minute},
	})
	wantMetrics(t, registry, `
		foxhunt_subject_lag_captures{subject="b"} 9
		foxhunt_subject_lag_captures{subject="c"} 5
		foxhunt_subject_lag_captures{subject="other"} 8
		foxhunt_subject_oldest_age_seconds{subject="b"} 1`, lagMetric, "foxhunt_subject_oldest_age_seconds")
	c.Set(Lag{Subjects: map[string]float64{"b": 1, "c": 1, "e": 20}}) // a name once given stays while captures wait
	wantMetrics(t, registry, `
		foxhunt_subject_lag_captures{subject="b"} 1
		foxhunt_subject_lag_captures{subject="c"} 1
		foxhunt_subject_lag_captures{subject="other"} 20`, lagMetric)
	c.Set(Lag{Subjects: map[string]float64{"b": 1, "a": 3, "e": 20}}) // c drained: its place goes to the furthest behind
	wantMetrics(t, registry, `
		foxhunt_subject_lag_captures{subject="b"} 1
		foxhunt_subject_lag_captures{subject="e"} 20
		foxhunt_subject_lag_captures{subject="other"} 3`, lagMetric)
	c.Set(Lag{})
	wantMetrics(t, registry, `
		foxhunt_subject_lag_captures{subject="b"} 0
		foxhunt_subject_lag_captures{subject="e"} 0
		foxhunt_subject_lag_captures{subject="other"} 0`, lagMetric)
}

// TestLagForAYear sees a new subject with every reading, as bundles of recordings make them.
func TestLagForAYear(t *testing.T) {
	registry := prometheus.NewRegistry()
	c := NewLag(registry, 3)
	for day := range 365 {
		subject := fmt.Sprintf("captures.net.day%d", day)
		c.Set(Lag{Subjects: map[string]float64{subject: 1}})
		if len(c.known) > 3 {
			t.Fatalf("%d subjects by name; want at most 3", len(c.known))
		}
		if _, known := c.known[subject]; !known {
			t.Fatalf("%s waits without a name", subject)
		}
	}
}

// TestLagIsSafeForConcurrentUse is the race detector's.
func TestLagIsSafeForConcurrentUse(t *testing.T) {
	registry := prometheus.NewRegistry()
	c := NewLag(registry, 3)
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := range 50 {
			c.Set(Lag{Subjects: map[string]float64{fmt.Sprint(i): 1}})
			c.Failed()
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
