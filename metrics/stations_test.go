package metrics

import (
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

func TestStations(t *testing.T) {
	registry := prometheus.NewRegistry()
	s := newStations(registry, 10)
	now := time.Unix(1000, 0)
	s.add("dcf", "HB9ODP", true, 1e-6, time.Unix(900, 5e8), now)
	s.add("dcf", "HB9ODP", true, 2e-6, time.Unix(800, 0), now) // delivered late
	s.add("dcf", "HB9ODP", false, -3e-3, time.Unix(850, 0), now)
	s.add("demo", "HB9ODP", true, 0, time.Unix(700, 0), now)
	wantMetrics(t, registry, `
		foxhunt_station_fixes_total{network="dcf",station="HB9ODP",used="no"} 1
		foxhunt_station_fixes_total{network="dcf",station="HB9ODP",used="yes"} 2
		foxhunt_station_fixes_total{network="demo",station="HB9ODP",used="no"} 0
		foxhunt_station_fixes_total{network="demo",station="HB9ODP",used="yes"} 1
		foxhunt_station_residual_seconds{network="dcf",station="HB9ODP"} -0.003
		foxhunt_station_residual_seconds{network="demo",station="HB9ODP"} 0
		foxhunt_station_last_capture_timestamp_seconds{network="dcf",station="HB9ODP"} 900.5
		foxhunt_station_last_capture_timestamp_seconds{network="demo",station="HB9ODP"} 700`)
}

// TestStationsAreBounded has more stations come than there are places: those beyond are counted together, until one that is
// known has rested.
func TestStationsAreBounded(t *testing.T) {
	registry := prometheus.NewRegistry()
	s := newStations(registry, 2)
	now := time.Unix(10000, 0)
	s.add("n", "a", true, 0, now, now)
	s.add("n", "b", true, 0, now, now.Add(time.Minute))
	for i := range 100 {
		s.add("n", fmt.Sprint("stranger", i), true, 0, now, now.Add(2*time.Minute))
	}
	fixes := "foxhunt_station_fixes_total"
	wantMetrics(t, registry, `
		foxhunt_station_fixes_total{network="n",station="a",used="no"} 0
		foxhunt_station_fixes_total{network="n",station="a",used="yes"} 1
		foxhunt_station_fixes_total{network="n",station="b",used="no"} 0
		foxhunt_station_fixes_total{network="n",station="b",used="yes"} 1
		foxhunt_station_fixes_total{network="other",station="other",used="no"} 0
		foxhunt_station_fixes_total{network="other",station="other",used="yes"} 100`, fixes)
	later := now.Add(time.Hour)
	s.add("n", "b", true, 0, later, later)
	s.add("n", "c", true, 0, later, later.Add(time.Minute)) // a has rested for an hour
	s.add("n", "d", true, 0, later, later.Add(time.Minute))
	wantMetrics(t, registry, `
		foxhunt_station_fixes_total{network="n",station="b",used="no"} 0
		foxhunt_station_fixes_total{network="n",station="b",used="yes"} 2
		foxhunt_station_fixes_total{network="n",station="c",used="no"} 0
		foxhunt_station_fixes_total{network="n",station="c",used="yes"} 1
		foxhunt_station_fixes_total{network="other",station="other",used="no"} 0
		foxhunt_station_fixes_total{network="other",station="other",used="yes"} 101`, fixes)
}

// TestNumbers: what is received is counted, the highest number stays while captures overtake each other, and is forgotten
// when nothing passes it for an hour, as of a station that began anew.
func TestNumbers(t *testing.T) {
	registry := prometheus.NewRegistry()
	s := newStations(registry, 1)
	now := time.Unix(10000, 0)
	s.receive("dcf", "a", 41, now)
	wantMetrics(t, registry, `
		foxhunt_station_received_total{network="dcf",station="a"} 1
		foxhunt_station_sequence{network="dcf",station="a"} 41`)
	s.receive("dcf", "a", 43, now)
	s.receive("dcf", "a", 42, now)
	s.receive("dcf", "stranger", 7000, now)
	wantMetrics(t, registry, `
		foxhunt_station_received_total{network="dcf",station="a"} 3
		foxhunt_station_sequence{network="dcf",station="a"} 43`)
	s.receive("dcf", "a", 1, now.Add(59*time.Minute))
	s.receive("dcf", "a", 2, now.Add(time.Hour))
	wantMetrics(t, registry, `
		foxhunt_station_received_total{network="dcf",station="a"} 5
		foxhunt_station_sequence{network="dcf",station="a"} 2`)
}
