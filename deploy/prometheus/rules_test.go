package prometheus_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
)

// rule is one of the rules' files.
type rule struct {
	Record, Alert, Expr, For string
	Labels, Annotations      map[string]string
}

// readRules reads all rules.
func readRules(t *testing.T) (rules []rule) {
	t.Helper()
	for _, path := range glob(t, "rules/*.yml") {
		var file struct{ Groups []struct{ Rules []rule } }
		readYAML(t, path, &file)
		for _, group := range file.Groups {
			rules = append(rules, group.Rules...)
		}
	}
	return rules
}

func alerts(t *testing.T) []rule {
	t.Helper()
	return slices.DeleteFunc(readRules(t), func(r rule) bool { return r.Alert == "" })
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		t.Fatalf("%s matches %d files, %v", pattern, len(paths), err)
	}
	return paths
}

func readYAML(t *testing.T, path string, into any) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.UnmarshalWithOptions(text, into, yaml.AllowDuplicateMapKey()); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// TestPromtool has Prometheus' own tool look at the configuration and the rules, and run their unit tests.
func TestPromtool(t *testing.T) {
	t.Parallel()
	promtool := tool(t, "promtool")
	for _, args := range [][]string{
		{"check", "config", "--lint=all", "--lint-fatal", "prometheus.yml"},
		append([]string{"check", "rules", "--lint=all", "--lint-fatal"}, glob(t, "rules/*.yml")...),
		append([]string{"test", "rules"}, glob(t, "tests/*.yml")...),
	} {
		out, err := exec.Command(promtool, args...).CombinedOutput()
		if err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		t.Logf("promtool %s\n%s", strings.Join(args[:2], " "), out)
	}
}

// TestAlertsAreTested expects of each alert a unit test in which it fires, with all that it says, and one in which it does
// not.
func TestAlertsAreTested(t *testing.T) {
	t.Parallel()
	fires, rests := make(map[string]bool), make(map[string]bool)
	for _, path := range glob(t, "tests/*.yml") {
		var file struct {
			Tests []struct {
				Alerts []struct {
					Name string `yaml:"alertname"`
					Want []any  `yaml:"exp_alerts"`
				} `yaml:"alert_rule_test"`
			}
		}
		readYAML(t, path, &file)
		for _, test := range file.Tests {
			for _, a := range test.Alerts {
				fires[a.Name] = fires[a.Name] || len(a.Want) > 0
				rests[a.Name] = rests[a.Name] || len(a.Want) == 0
			}
		}
	}
	all := alerts(t)
	if len(all) < 15 {
		t.Fatalf("found %d alerts", len(all))
	}
	for _, a := range all {
		if !fires[a.Alert] || !rests[a.Alert] {
			t.Errorf("%s is tested to fire: %v, not to fire: %v", a.Alert, fires[a.Alert], rests[a.Alert])
		}
	}
}

// TestAlertsSayWhatIsNeeded expects of each alert a severity, a time to wait, words, and its entry in the runbook.
func TestAlertsSayWhatIsNeeded(t *testing.T) {
	t.Parallel()
	name := regexp.MustCompile(`^Foxhunt[A-Z][A-Za-z]+$`)
	for _, a := range alerts(t) {
		if !name.MatchString(a.Alert) {
			t.Errorf("%q is not a name for an alert", a.Alert)
		}
		if s := a.Labels["severity"]; s != "critical" && s != "warning" {
			t.Errorf("%s has the severity %q", a.Alert, s)
		}
		if d, err := time.ParseDuration(a.For); err != nil || d < time.Minute {
			t.Errorf("%s waits for %q", a.Alert, a.For)
		}
		if len(a.Annotations["summary"]) < 15 || len(a.Annotations["description"]) < 50 {
			t.Errorf("%s says too little: %q", a.Alert, a.Annotations)
		}
		if want := "docs/runbook.md#" + strings.ToLower(a.Alert); a.Annotations["runbook_url"] != want {
			t.Errorf("%s has the runbook %q; want %q", a.Alert, a.Annotations["runbook_url"], want)
		}
	}
}

// TestRecordsAreNamed expects level:metric:operations of each recorded series.
func TestRecordsAreNamed(t *testing.T) {
	t.Parallel()
	name := regexp.MustCompile(`^(cluster|instance|stage|route|network|stream|station|arm):foxhunt_[a-z_]+:[a-z]+[a-z0-9_]*$`)
	known := make(map[string]bool)
	for _, r := range readRules(t) {
		if r.Record == "" {
			continue
		}
		if !name.MatchString(r.Record) || known[r.Record] {
			t.Errorf("%q is no name for a record, or taken", r.Record)
		}
		known[r.Record] = true
	}
}
