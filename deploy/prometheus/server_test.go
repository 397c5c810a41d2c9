package prometheus_test

import (
	"encoding/json"
	"fmt"
	"math"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"github.com/goccy/go-yaml"
)

// prometheusServer is a Prometheus of the test's own.
type prometheusServer struct{ url string }

// unused is an address that nobody listens on at the moment.
func unused(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// commented is a line of prometheus.yml's example of stations.
var commented = regexp.MustCompile(`(?m)^  #(- |  )`)

// configuration is prometheus.yml with the example of stations as somebody has it who scrapes some.
func configuration(t *testing.T) (config map[string]any) {
	t.Helper()
	text, err := os.ReadFile("prometheus.yml")
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(commented.ReplaceAll(text, []byte("  $1")), &config); err != nil {
		t.Fatal(err)
	}
	return config
}

// startPrometheus runs Prometheus with prometheus.yml and its rules as they are, but for the addresses of the jobs and the
// pace, until the test ends.
func startPrometheus(t *testing.T, path string, jobs map[string][]string) *prometheusServer {
	t.Helper()
	dir, address := t.TempDir(), unused(t)
	config := configuration(t)
	config["global"] = map[string]any{"scrape_interval": "1s", "evaluation_interval": "1s"}
	rules, err := filepath.Abs("rules")
	if err != nil {
		t.Fatal(err)
	}
	config["rule_files"] = []string{filepath.Join(rules, "*.yml")}
	replaced := 0
	for _, job := range config["scrape_configs"].([]any) {
		job := job.(map[string]any)
		targets, ours := jobs[job["job_name"].(string)]
		if !ours {
			continue
		}
		delete(job, "dns_sd_configs")
		job["static_configs"] = []any{map[string]any{"targets": targets}}
		replaced++
	}
	if replaced != len(jobs) {
		t.Fatalf("prometheus.yml has %d jobs of foxhunt; want %d", replaced, len(jobs))
	}
	text, err := yaml.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	begin(t, exec.Command(path, "--config.file", file, "--storage.tsdb.path", filepath.Join(dir, "data"), "--web.listen-address", address)).
		says(t, "Server is ready to receive web requests")
	return &prometheusServer{url: "http://" + address}
}

// sample is a series' value now.
type sample struct {
	labels map[string]string
	value  float64
}

// get reads a page of the API.
func (p *prometheusServer) get(path string, query url.Values, into any) error {
	response, err := http.Get(p.url + path + "?" + query.Encode())
	if err != nil {
		return err
	}
	defer response.Body.Close()
	var answer struct {
		Status, Error string
		Data          json.RawMessage
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return err
	}
	if answer.Status != "success" {
		return fmt.Errorf("%s: %s", query.Encode(), answer.Error)
	}
	return json.Unmarshal(answer.Data, into)
}

// query evaluates an expression now; a scalar is a sample without labels.
func (p *prometheusServer) query(expression string) (samples []sample, err error) {
	var answer struct {
		ResultType string
		Result     json.RawMessage
	}
	if err := p.get("/api/v1/query", url.Values{"query": {expression}}, &answer); err != nil {
		return nil, err
	}
	type series struct {
		Metric map[string]string
		Value  [2]any
	}
	var result []series
	if answer.ResultType == "scalar" {
		result = make([]series, 1)
		err = json.Unmarshal(answer.Result, &result[0].Value)
	} else {
		err = json.Unmarshal(answer.Result, &result)
	}
	for _, r := range result {
		text, _ := r.Value[1].(string)
		value, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return nil, fmt.Errorf("%s: the value %q", expression, text)
		}
		samples = append(samples, sample{r.Metric, value})
	}
	return samples, err
}

// numbers is how many series an expression has that are numbers.
func (p *prometheusServer) numbers(expression string) (n int, err error) {
	samples, err := p.query(expression)
	for _, s := range samples {
		if !math.IsNaN(s.value) {
			n++
		}
	}
	return n, err
}

// has waits until an expression has a series.
func (p *prometheusServer) has(t *testing.T, expression string) {
	t.Helper()
	waitFor(t, expression, func() bool {
		n, err := p.numbers(expression)
		if err != nil {
			t.Fatal(err)
		}
		return n > 0
	})
}

// labels lists all series: by metric, the labels of any of its series.
func (p *prometheusServer) labels(t *testing.T) map[string]map[string]bool {
	t.Helper()
	var series []map[string]string
	if err := p.get("/api/v1/series", url.Values{"match[]": {`{job!=""}`, `{__name__=~"[a-z]+:foxhunt_.*"}`}}, &series); err != nil {
		t.Fatal(err)
	}
	known := make(map[string]map[string]bool)
	for _, s := range series {
		labels := known[s["__name__"]]
		if labels == nil {
			labels = make(map[string]bool)
			known[s["__name__"]] = labels
		}
		for name := range s {
			labels[name] = true
		}
	}
	return known
}
