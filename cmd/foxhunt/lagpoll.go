package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"foxhunt/jetstream"
	"foxhunt/metrics"
)

// Polling of the lag: often enough for an operator, seldom enough for the server.
const (
	lagInterval = 5 * time.Second
	lagSubjects = 1000 // shown by name in the metrics
	lagOldest   = 10   // asked for their age
)

// pollLag reads the lag for the metrics until ctx ends.
func pollLag(ctx context.Context, conn *jetstream.Conn, topology jetstream.Topology, registry *prometheus.Registry, log *slog.Logger) {
	collector := metrics.NewLag(registry, lagSubjects)
	ticker := time.NewTicker(lagInterval)
	defer ticker.Stop()
	for {
		asking, cancel := context.WithTimeout(ctx, lagInterval)
		lag, err := conn.Lag(asking, topology, lagOldest)
		cancel()
		if err == nil {
			collector.Set(lagMetrics(lag))
		} else if ctx.Err() == nil {
			collector.Failed()
			log.Warn("the lag could not be read", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func lagMetrics(lag jetstream.Lag) metrics.Lag {
	m := metrics.Lag{
		Subjects: make(map[string]float64), OldestAge: make(map[string]time.Duration),
		Pending: float64(lag.Pending), InFlight: float64(lag.InFlight), Redelivered: float64(lag.Redelivered), Dead: float64(lag.Dead),
	}
	for _, s := range lag.Subjects {
		m.Subjects[s.Subject] = float64(s.Lag)
		if s.OldestAge != nil {
			m.OldestAge[s.Subject] = time.Duration(*s.OldestAge * float64(time.Second))
		}
	}
	return m
}
