package prometheus_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// dashboard is as much of Grafana's JSON as the tests look at.
type dashboard struct {
	UID, Title    string
	SchemaVersion int
	Refresh       string
	Tags          []string
	Panels        []panel
	Annotations   struct{ List []annotation }
	Templating    struct{ List []variable }
}

type annotation struct {
	Name, Expr string
	Datasource datasource
}

type variable struct {
	Name, Type, Definition string
	Query                  json.RawMessage
	Datasource             datasource
}

type datasource struct{ Type, UID string }

type panel struct {
	ID                       int
	Type, Title, Description string
	GridPos                  struct{ X, Y, W, H int }
	Datasource               datasource
	Targets                  []target
	FieldConfig              struct{ Defaults struct{ Unit string } }
}

type target struct {
	RefID, Expr, LegendFormat string
	Datasource                datasource
	Range, Instant            bool
}

// readDashboards reads all of them, by file.
func readDashboards(t *testing.T) map[string]dashboard {
	t.Helper()
	all := make(map[string]dashboard)
	for _, path := range glob(t, "../grafana/dashboards/*.json") {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var d dashboard
		if err := json.Unmarshal(text, &d); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		all[strings.TrimSuffix(filepath.Base(path), ".json")] = d
	}
	return all
}

// ofVariable is the data source that the reader chooses.
var ofVariable = datasource{"prometheus", "${datasource}"}

// TestDashboards looks at what Grafana would not complain about, but show wrongly.
func TestDashboards(t *testing.T) {
	t.Parallel()
	for file, d := range readDashboards(t) {
		if d.UID != file || d.Title == "" || d.SchemaVersion < 36 || d.Refresh == "" || len(d.Tags) == 0 || len(d.Panels) < 8 {
			t.Errorf("%s: %q %q, schema %d, refresh %q, tags %q, %d panels", file, d.UID, d.Title, d.SchemaVersion, d.Refresh, d.Tags, len(d.Panels))
		}
		if len(d.Templating.List) == 0 || d.Templating.List[0].Name != "datasource" || d.Templating.List[0].Type != "datasource" {
			t.Errorf("%s: the first variable is not the data source", file)
		}
		for _, v := range d.Templating.List[1:] {
			if v.Type != "query" || v.Datasource != ofVariable {
				t.Errorf("%s: the variable %s is %s from %v", file, v.Name, v.Type, v.Datasource)
			}
		}
		ids := make(map[int]bool)
		for _, p := range d.Panels {
			where := fmt.Sprintf("%s, panel %d %q", file, p.ID, p.Title)
			if p.ID < 1 || ids[p.ID] {
				t.Errorf("%s: the id is taken or none", where)
			}
			ids[p.ID] = true
			p.check(t, where)
		}
		checkLayout(t, file, d.Panels)
	}
}

// check looks at one panel.
func (p *panel) check(t *testing.T, where string) {
	t.Helper()
	if p.Title == "" {
		t.Errorf("%s: no title", where)
	}
	if p.Type == "row" {
		return
	}
	if p.Datasource != ofVariable || p.FieldConfig.Defaults.Unit == "" || len(p.Targets) == 0 {
		t.Errorf("%s: data source %v, unit %q, %d queries", where, p.Datasource, p.FieldConfig.Defaults.Unit, len(p.Targets))
	}
	refs := make(map[string]bool)
	for _, q := range p.Targets {
		if q.RefID == "" || refs[q.RefID] || q.Datasource != ofVariable || q.Range == q.Instant || q.Range != (p.Type == "timeseries") {
			t.Errorf("%s: query %q: data source %v, range %v, instant %v", where, q.RefID, q.Datasource, q.Range, q.Instant)
		}
		if q.Range && q.LegendFormat == "" {
			t.Errorf("%s: query %q has no legend", where, q.RefID)
		}
		refs[q.RefID] = true
	}
}

// checkLayout expects panels within Grafana's 24 columns that do not overlap.
func checkLayout(t *testing.T, file string, panels []panel) {
	t.Helper()
	for i, p := range panels {
		a := p.GridPos
		if a.X < 0 || a.W < 1 || a.X+a.W > 24 || a.H < 1 {
			t.Errorf("%s: %q lies at %+v", file, p.Title, a)
		}
		for _, q := range panels[:i] {
			b := q.GridPos
			if a.X < b.X+b.W && b.X < a.X+a.W && a.Y < b.Y+b.H && b.Y < a.Y+a.H {
				t.Errorf("%s: %q and %q overlap", file, p.Title, q.Title)
			}
		}
	}
}

// TestProvisioning holds Grafana's own configuration against where docker-compose.yml puts things.
func TestProvisioning(t *testing.T) {
	t.Parallel()
	var sources struct {
		Datasources []struct{ Name, Type, URL, UID string }
	}
	readYAML(t, "../grafana/provisioning/datasources/prometheus.yml", &sources)
	var providers struct {
		Providers []struct {
			Type    string
			Options struct{ Path string }
		}
	}
	readYAML(t, "../grafana/provisioning/dashboards/foxhunt.yml", &providers)
	services := composeServices(t)
	if len(sources.Datasources) != 1 || sources.Datasources[0].Type != "prometheus" {
		t.Fatalf("the data sources are %+v", sources.Datasources)
	}
	at, err := url.Parse(sources.Datasources[0].URL)
	if err != nil || at.Port() != "9090" {
		t.Errorf("the data source is at %q", sources.Datasources[0].URL)
	}
	if _, there := services[at.Hostname()]; !there {
		t.Errorf("docker-compose.yml has no service %s", at.Hostname())
	}
	if len(providers.Providers) != 1 || providers.Providers[0].Type != "file" {
		t.Fatalf("the providers are %+v", providers.Providers)
	}
	mounts := strings.Join(services["grafana"].Volumes, "\n")
	for _, want := range []string{"grafana/dashboards:" + providers.Providers[0].Options.Path, "grafana/provisioning:/etc/grafana/provisioning"} {
		if !strings.Contains(mounts, want) {
			t.Errorf("docker-compose.yml does not mount %s:\n%s", want, mounts)
		}
	}
}

// TestTargets holds what Prometheus scrapes against what docker-compose.yml starts. A service of one container is named, as
// one that DNS finds is not missed when it ends; workers are found, as they are as many as somebody likes.
func TestTargets(t *testing.T) {
	t.Parallel()
	var config struct {
		Jobs []struct {
			Name string `yaml:"job_name"`
			DNS  []struct {
				Names []string
				Port  int
			} `yaml:"dns_sd_configs"`
			Static []struct{ Targets []string } `yaml:"static_configs"`
		} `yaml:"scrape_configs"`
	}
	readYAML(t, "prometheus.yml", &config)
	found := make(map[string]string)
	for _, job := range config.Jobs {
		for _, dns := range job.DNS {
			found[job.Name] += fmt.Sprintf("dns %s:%d", dns.Names[0], dns.Port)
		}
		for _, static := range job.Static {
			found[job.Name] += "static " + strings.Join(static.Targets, " ")
		}
	}
	want := map[string]string{
		"foxhunt-worker": "dns worker:8080", "foxhunt-exporter": "static exporter:9109", "foxhunt-gateway": "static gateway:8082",
		"prometheus": "static localhost:9090",
	}
	if !maps.Equal(found, want) {
		t.Errorf("Prometheus scrapes %v; want %v", found, want)
	}
	services := composeServices(t)
	for _, target := range found {
		name, port, _ := strings.Cut(target[strings.Index(target, " ")+1:], ":")
		if command := strings.Join(services[name].Command, " "); name != "localhost" && !strings.Contains(command, "--http-listen=0.0.0.0:"+port) {
			t.Errorf("Prometheus scrapes %s; %s runs %q", target, name, command)
		}
	}
}

// service is as much of docker-compose.yml as the tests look at.
type service struct{ Command, Volumes, Ports []string }

func composeServices(t *testing.T) map[string]service {
	t.Helper()
	var compose struct{ Services map[string]service }
	readYAML(t, "../../docker-compose.yml", &compose)
	return compose.Services
}

var labelValues = regexp.MustCompile(`^label_values\((.*), (\w+)\)$`)

// testDashboards runs every query of every dashboard, over the time since began, and prints how many series each returned.
func (s *system) testDashboards(t *testing.T, began time.Time) {
	var report strings.Builder
	queries := 0
	for file, d := range readDashboards(t) {
		replace := []string{"$__rate_interval", "30s"}
		for _, v := range d.Templating.List[1:] {
			replace = append(replace, "$"+v.Name, ".*")
		}
		fill := strings.NewReplacer(replace...)
		ask := func(where, expression string, ranged bool) {
			queries++
			n, err := s.series(fill.Replace(expression), ranged, began)
			if err != nil || n == 0 {
				t.Errorf("%s: %s: %d series, %v", where, expression, n, err)
			}
			fmt.Fprintf(&report, "%3d  %s\n", n, where)
		}
		for _, v := range d.Templating.List[1:] {
			m := labelValues.FindStringSubmatch(v.Definition)
			if m == nil {
				t.Errorf("%s: the variable %s is %q", file, v.Name, v.Definition)
				continue
			}
			ask(fmt.Sprintf("%s, variable %s", file, v.Name), fmt.Sprintf("count by (%s) (%s)", m[2], m[1]), false)
		}
		for _, p := range d.Panels {
			for _, q := range p.Targets {
				ask(fmt.Sprintf("%s, %s (%s)", file, p.Title, q.RefID), q.Expr, q.Range)
			}
		}
	}
	t.Logf("%d queries, and the number of series each returned:\n%s", queries, report.String())
}

// series is how many series of an expression have a number: now, or at any time since began.
func (s *system) series(expression string, ranged bool, began time.Time) (n int, err error) {
	if !ranged {
		return s.prometheus.numbers(expression)
	}
	var answer struct {
		Result []struct{ Values [][2]any }
	}
	err = s.prometheus.get("/api/v1/query_range", url.Values{
		"query": {expression}, "step": {"1s"},
		"start": {strconv.FormatInt(began.Unix(), 10)}, "end": {strconv.FormatInt(time.Now().Unix(), 10)},
	}, &answer)
	for _, series := range answer.Result {
		for _, v := range series.Values {
			if v[1] != "NaN" {
				n++
				break
			}
		}
	}
	return n, err
}
