package prometheus_test

import (
	"testing"
	"time"
)

// TestScrape runs the whole system under a real Prometheus.
func TestScrape(t *testing.T) {
	t.Parallel()
	began := time.Now()
	s := startSystem(t)
	t.Run("rules name what there is", s.testRules)
	t.Run("the runbook's queries", s.testRunbookQueries)
	t.Run("dashboards show data", func(t *testing.T) { s.testDashboards(t, began) })
}

// testRules looks for each metric that the rules name, and for its labels, among what was scraped and recorded; and expects
// every rule to have been evaluated.
func (s *system) testRules(t *testing.T) {
	known := s.prometheus.labels(t)
	for _, r := range readRules(t) {
		checkUses(t, known, r.Record+r.Alert, r.Expr)
	}
	s.checkEvaluated(t)
}

// checkUses holds what an expression names against what there is.
func checkUses(t *testing.T, known map[string]map[string]bool, where, expression string) {
	t.Helper()
	found := uses(expression)
	for _, u := range found {
		if known[u.metric] == nil {
			t.Errorf("%s: nothing serves %s", where, u.metric)
		}
		for _, label := range u.labels {
			if known[u.metric] != nil && !known[u.metric][label] {
				t.Errorf("%s: %s has no label %s", where, u.metric, label)
			}
		}
	}
	for _, label := range groups(expression) {
		has := false
		for _, u := range found {
			has = has || known[u.metric][label]
		}
		if !has {
			t.Errorf("%s: nothing in it has a label %s", where, label)
		}
	}
}

// checkEvaluated asks Prometheus how the rules fared.
func (s *system) checkEvaluated(t *testing.T) {
	t.Helper()
	var answer struct {
		Groups []struct {
			Rules []struct{ Name, Health, LastError string }
		}
	}
	if err := s.prometheus.get("/api/v1/rules", nil, &answer); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, group := range answer.Groups {
		for _, r := range group.Rules {
			n++
			if r.Health != "ok" {
				t.Errorf("%s: %s %s", r.Name, r.Health, r.LastError)
			}
		}
	}
	if want := len(readRules(t)); n != want {
		t.Errorf("Prometheus has %d rules of %d", n, want)
	}
}
