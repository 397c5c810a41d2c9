package metrics

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// exercised is a registry with all of foxhunt's collectors, each made to show all that it can.
func exercised(t *testing.T) *prometheus.Registry {
	t.Helper()
	registry := NewRegistry()
	w := NewWorker(registry)
	w.InFlight(1)
	w.Stage("decode", time.Millisecond)
	w.Batch(2)
	w.Cache(true)
	w.Fixed(time.Second)
	w.Latency(time.Second)
	w.Station("demo", "A", true, 1e-6, time.Now())
	w.Met("demo", "complete")
	w.EventFixed(3)
	w.FirstToFix(time.Second)
	w.LeftOut("demo", "A", "late")
	w.Received("demo", "A", 1)
	w.Dead("bad_rate")
	w.Retried("publish_failed")
	w.ArmServes("grid", "1", "champion")
	w.ArmFailed("grid", "1", "champion", "bad_output")
	w.FellBack("bad_output")
	NewSource(registry, func() Source { return Source{} })
	accuracy := 120.0
	m := NewModel(registry)
	m.Serving("champion", &ServedModel{Name: "grid", Version: "1", Digest: "abc", Bytes: 1, Accuracy: &accuracy})
	m.Failed("bad_model")
	NewCache(registry, func() []CacheTier { return []CacheTier{{Tier: "memory", Available: true}} })
	NewReceiver(registry, func() ReceiverState { return ReceiverState{Clock: true} })(time.Second)
	g := NewGateway(registry)
	g.InFlight(1)
	g.Answered("/api/v1/inference/predict", 200, time.Second)
	lag, one := NewLag(registry, 10), 1.0
	lag.Lead()
	lag.Set(Lag{
		Subjects:   map[string]SubjectLag{"captures.net.a": {Captures: 3, InFlight: &one, OldestAge: &one}},
		EventsOpen: &one,
		OldestAge:  &one, OldestCompanionAge: &one, Drain: &one, Streams: []Stream{{Name: "CAPTURES", Limit: 1}},
	}, time.Second)
	return registry
}

// description is a metric as docs/metrics.md and a registry both tell it.
type description struct{ kind, labels, unit, meaning string }

// TestDocumentation compares docs/metrics.md with what a process serves, both ways.
func TestDocumentation(t *testing.T) {
	documented, served := documented(t), served(t, exercised(t))
	for _, name := range slices.Sorted(maps.Keys(served)) {
		d, ok := documented[name]
		if !ok {
			t.Errorf("docs/metrics.md does not know %s: %+v", name, served[name])
			continue
		}
		if unit := served[name].unit; unit != "" && !strings.HasPrefix(d.unit, unit) {
			t.Errorf("%s is in %s by its name, in %s by docs/metrics.md", name, unit, d.unit)
		}
		d.unit = served[name].unit
		if d != served[name] {
			t.Errorf("docs/metrics.md says of %s\n%+v\nserved is\n%+v", name, d, served[name])
		}
	}
	for name := range documented {
		if _, ok := served[name]; !ok {
			t.Errorf("docs/metrics.md lists %s, which nothing serves", name)
		}
	}
}

// documented reads the tables: | `name` | type | labels | unit | meaning |.
func documented(t *testing.T) map[string]description {
	t.Helper()
	text, err := os.ReadFile("../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	row := regexp.MustCompile("(?m)^\\| `(foxhunt_[a-z_]+)` \\| (.*) \\| (.*?) ?\\| (.*) \\| (.*) \\|$")
	found := make(map[string]description)
	for _, m := range row.FindAllStringSubmatch(string(text), -1) {
		if _, twice := found[m[1]]; twice {
			t.Errorf("docs/metrics.md lists %s twice", m[1])
		}
		found[m[1]] = description{m[2], strings.ReplaceAll(m[3], "`", ""), m[4], m[5]}
	}
	return found
}

func served(t *testing.T, registry *prometheus.Registry) map[string]description {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[string]description)
	for _, family := range families {
		if !strings.HasPrefix(family.GetName(), "foxhunt_") {
			continue
		}
		var labels []string
		for _, label := range family.GetMetric()[0].GetLabel() {
			labels = append(labels, label.GetName())
		}
		found[family.GetName()] = description{
			kind:    strings.ToLower(family.GetType().String()),
			labels:  strings.Join(labels, ", "),
			unit:    unitOf(family.GetName()),
			meaning: family.GetHelp(),
		}
	}
	return found
}

// unitOf is the unit that ends a metric's name, if one does.
func unitOf(name string) string {
	name = strings.TrimSuffix(name, "_total")
	for _, unit := range []string{"seconds", "bytes", "ratio", "captures", "fixes"} {
		if strings.HasSuffix(name, "_"+unit) {
			return unit
		}
	}
	return ""
}

// TestConventions has Prometheus' own linter look at everything.
func TestConventions(t *testing.T) {
	problems, err := testutil.GatherAndLint(exercised(t), slices.Collect(maps.Keys(documented(t)))...)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Error(fmt.Sprint(p.Metric, ": ", p.Text))
	}
}
