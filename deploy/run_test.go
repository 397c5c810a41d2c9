package deploy_test

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"foxhunt/jetstream"
)

// TestCompose runs docker-compose.yml without Docker: two workers, a request to the gateway, a worker that is killed, four
// workers, Prometheus with its rules, and an orderly end.
func TestCompose(t *testing.T) {
	t.Parallel()
	for _, program := range []string{"redis-server", "redis-cli", "prometheus", "wget"} { // before anything is started
		need(t, program, "apt-get install redis-server prometheus wget")
	}
	s := newStack(t, readCompose(t, "../docker-compose.yml", siteUser))
	for _, name := range []string{"worker", "exporter", "gateway", "simulator"} {
		s.up(t, name)
	}
	second := s.running["worker"][1]
	token := readFile(t, filepath.Join(s.site, "deploy/secrets/gateway.token"))

	if status, body := s.predict(t, "wrong"); status != http.StatusUnauthorized {
		t.Errorf("without the token: %d %s", status, body)
	}
	s.predictWell(t, token)
	s.watchDemo(t)

	if err := second.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-second.ended
	s.running["worker"] = s.running["worker"][:1]
	s.predictWell(t, token)
	for range 3 { // --scale worker=4
		s.waitHealthy(t, s.add(t, "worker"))
	}
	s.predictWell(t, token)
	s.scrape(t)

	s.stop(t, "simulator")
	waitFor(t, "the lag to be gone", func() bool {
		out, _ := s.run(t, "exporter", "lag", "--once", "--json")
		var lag jetstream.Lag
		return json.Unmarshal([]byte(out), &lag) == nil && lag.Total == 0
	}, func() string { return "" })
	s.holdTongue(t)
	for _, name := range []string{"prometheus", "gateway", "exporter", "worker", "redis", "nats"} {
		s.stop(t, name)
	}
}

// predict posts docs/predict.json to the gateway.
func (s *stack) predict(t *testing.T, token string) (status int, body string) {
	t.Helper()
	example := readFile(t, "../docs/predict.json")
	at := "http://" + s.listens(s.running["gateway"][0]) + "/api/v1/inference/predict"
	request, err := http.NewRequest(http.MethodPost, at, strings.NewReader(example))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+strings.TrimSpace(token))
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err.Error()
	}
	defer response.Body.Close()
	text, _ := io.ReadAll(response.Body) // half an answer is no fix
	return response.StatusCode, string(text)
}

// predictWell posts until there is a fix: a worker that was killed may have taken the first capture along, for --ack-wait.
func (s *stack) predictWell(t *testing.T, token string) {
	t.Helper()
	var body string
	waitFor(t, "a fix from the gateway", func() bool {
		var status int
		status, body = s.predict(t, token)
		var answer struct {
			Position *struct{ Latitude, Longitude float64 }
		}
		return status == http.StatusOK && json.Unmarshal([]byte(body), &answer) == nil && answer.Position != nil
	}, func() string { return body + "\n" + s.running["gateway"][0].log.String() })
}

// watchDemo hears fixes of the simulator's captures with a dashboard's key.
func (s *stack) watchDemo(t *testing.T) {
	t.Helper()
	out, err := s.run(t, "dashboard", "watch", "--count", "2", "--timeout", patience.String())
	if err != nil || strings.Count(out, "demo/") < 2 {
		t.Errorf("watch: %v\n%s", err, out)
	}
}

// run runs a command of foxhunt's with one of the site's keys.
func (s *stack) run(t *testing.T, key string, args ...string) (string, error) {
	t.Helper()
	args = append(args, "--nats", "tls://"+s.addresses["nats:4222"], "--nats-ca", filepath.Join(s.site, "deploy/secrets/tls/ca.pem"),
		"--nats-nkey", filepath.Join(s.site, "deploy/secrets", key+".nk"))
	if key == "exporter" {
		args = append(args, "--nats-inbox", "_INBOX_exporter")
	}
	out, err := exec.Command(programs(t).foxhunt, args...).Output()
	return string(out), err
}

// scraped finds a service and its port in prometheus.yml: behind DNS, or by its name.
var scraped = regexp.MustCompile(`dns_sd_configs:\n +- names: \[(\w+)\]\n +type: A\n +port: (\d+)\n(?: +\w+: .*\n)*|static_configs:\n +- targets: \["(\w+):(\d+)"\]\n`)

// scrape runs Prometheus with prometheus.yml, the ports of this machine in the place of the services, until it sees every
// process.
func (s *stack) scrape(t *testing.T) {
	t.Helper()
	path := filepath.Join(s.site, "deploy/prometheus/prometheus.yml")
	found := 0
	config := scraped.ReplaceAllStringFunc(readFile(t, path), func(text string) string {
		m := scraped.FindStringSubmatch(text)
		name, port := m[1]+m[3], m[2]+m[4]
		if _, want, _ := strings.Cut(flagValue(s.services[name].Command, "http-listen"), ":"); port != want {
			t.Errorf("prometheus.yml asks %s at %s; it listens on %s", name, port, want)
		}
		var targets []string
		for _, i := range s.running[name] {
			targets = append(targets, s.listens(i))
			found++
		}
		return fmt.Sprintf("static_configs: [{targets: [%s]}]\n", strings.Join(targets, ", "))
	})
	config = strings.ReplaceAll(config, "scrape_interval: 15s", "scrape_interval: 1s")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	if found != 6 {
		t.Fatalf("prometheus.yml finds %d processes; want 4 workers, an exporter and a gateway", found)
	}
	s.up(t, "prometheus")
	for query, want := range map[string]string{
		`sum(up{job=~"foxhunt-.*"})`: "6", `sum(foxhunt_lag_up)`: "1", `count(foxhunt_fixes_total)`: "4", `count(foxhunt_gateway_requests_total{code="200"})`: "1",
	} {
		waitFor(t, query+" to be "+want, func() bool { return s.ask(t, query) == want },
			func() string { return s.ask(t, query) + "\n" + s.running["prometheus"][0].log.String() })
	}
}

// ask is the one value that a query of Prometheus has.
func (s *stack) ask(t *testing.T, query string) string {
	t.Helper()
	response, err := http.Get("http://" + s.addresses["prometheus:9090"] + "/api/v1/query?query=" + url.QueryEscape(query))
	if err != nil {
		return err.Error()
	}
	defer response.Body.Close()
	var answer struct {
		Data struct{ Result []struct{ Value [2]any } }
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil || len(answer.Data.Result) != 1 {
		return fmt.Sprintf("%d series (%v)", len(answer.Data.Result), err)
	}
	return fmt.Sprint(answer.Data.Result[0].Value[1])
}

// holdTongue looks for secrets in everything that was logged.
func (s *stack) holdTongue(t *testing.T) {
	t.Helper()
	for path, text := range contents(t, filepath.Join(s.site, "deploy/secrets")) {
		lines := strings.Fields(text)
		if !strings.HasSuffix(path, ".nk") && !strings.HasSuffix(path, ".password") && !strings.HasSuffix(path, ".token") {
			continue
		}
		secret := lines[len(lines)-1]
		for name, instances := range s.running {
			for _, i := range instances {
				if strings.Contains(i.log.String(), secret[:20]) {
					t.Errorf("%s logged the secret in %s", name, path)
				}
				if strings.Contains(strings.Join(i.cmd.Args, " ")+strings.Join(i.cmd.Env, " "), secret[:20]) {
					t.Errorf("%s has the secret in %s on its command line", name, path)
				}
			}
		}
	}
}

// TestClusterCompose runs the three servers of deploy/cluster.yml, and a worker that makes its streams on all of them.
func TestClusterCompose(t *testing.T) {
	t.Parallel()
	s := newStack(t, withCluster(t))
	s.upCluster(t)
	s.up(t, "worker")
	conn, err := jetstream.Connect(t.Context(), jetstream.Options{
		URL: "tls://" + s.addresses["nats-3:4222"], CAFile: filepath.Join(s.site, "deploy/secrets/tls/ca.pem"),
		NKeyFile: filepath.Join(s.site, "deploy/secrets/operator.nk"), Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if differences, err := conn.Ensure(t.Context(), jetstream.DefaultTopology().WithReplicas(3)); err != nil || len(differences) != 0 {
		t.Errorf("the streams have no three replicas: %+v, %v", differences, err)
	}
	for _, name := range append([]string{"worker", "redis"}, nodes...) {
		s.stop(t, name)
	}
}

var nodes = []string{"nats", "nats-2", "nats-3"}

// withCluster is docker-compose.yml with what deploy/cluster.yml makes of it.
func withCluster(t testing.TB) compose {
	t.Helper()
	c := readCompose(t, "../docker-compose.yml", siteUser)
	over := readCompose(t, "cluster.yml", siteUser)
	for name, s := range over.Services {
		c.Services[name] = merge(c.Services[name], s)
	}
	maps.Copy(c.Volumes, over.Volumes)
	return c
}

// upCluster starts all three servers before it looks at them: one alone never becomes healthy.
func (s *stack) upCluster(t testing.TB) {
	t.Helper()
	for _, name := range nodes {
		s.addresses[name+":6222"] = fmt.Sprintf("127.0.0.1:%d", freePort(t))
	}
	for _, name := range nodes {
		s.add(t, name)
	}
	for _, name := range nodes {
		s.waitHealthy(t, s.running[name][0])
	}
}

// merge is a service with what another file changes of it, by compose's rules for what deploy/cluster.yml has.
func merge(s, over service) service {
	if over.Image != "" {
		return over
	}
	if over.Command != nil {
		s.Command = over.Command
	}
	environment := maps.Clone(s.Environment)
	if environment == nil {
		environment = map[string]string{}
	}
	maps.Copy(environment, over.Environment)
	s.Environment = environment
	target := func(mount string) string { return strings.Split(mount, ":")[1] }
	for _, mount := range over.Volumes {
		if !slices.ContainsFunc(s.Volumes, func(m string) bool { return target(m) == target(mount) }) {
			s.Volumes = append(s.Volumes, mount)
		}
	}
	depends := maps.Clone(s.DependsOn)
	maps.Copy(depends, over.DependsOn)
	s.DependsOn = depends
	return s
}
