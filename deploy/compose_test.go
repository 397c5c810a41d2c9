// Package deploy_test holds what is needed to run foxhunt elsewhere against what it claims: the compose files are read, and
// their very commands run as processes; Kubernetes manifests are built and held against the API's schemas.
package deploy_test

import (
	"fmt"
	"maps"
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

// project is the folder of docker-compose.yml.
const project = ".."

// compose is what these tests look at in a compose file.
type compose struct {
	Services map[string]service
	Networks map[string]struct{ Internal bool }
	Volumes  map[string]any
	Secrets  map[string]struct{ File string }
}

type service struct {
	Image       string
	Build       struct{ Context, Dockerfile string }
	Profiles    []string
	Entrypoint  []string
	Command     []string
	Environment map[string]string
	WorkingDir  string `yaml:"working_dir"`
	User        string
	ReadOnly    bool     `yaml:"read_only"`
	CapDrop     []string `yaml:"cap_drop"`
	CapAdd      []string `yaml:"cap_add"`
	SecurityOpt []string `yaml:"security_opt"`
	Privileged  bool
	NetworkMode string `yaml:"network_mode"`
	Networks    []string
	Ports       []string
	Volumes     []string
	Secrets     []string
	Tmpfs       []string
	DependsOn   map[string]struct{ Condition string } `yaml:"depends_on"`
	MemLimit    string                                `yaml:"mem_limit"`
	CPUs        float64                               `yaml:"cpus"`
	PidsLimit   int                                   `yaml:"pids_limit"`
	Container   string                                `yaml:"container_name"`
	Restart     string
	Scale       int // 0: one
	Healthcheck struct {
		Test        []string
		Disable     bool
		StartPeriod string `yaml:"start_period"`
	}
}

// runsFoxhunt says whether the service's image is the Dockerfile's.
func (s service) runsFoxhunt() bool { return strings.HasPrefix(s.Image, "foxhunt:") }

// readCompose reads a file with its variables at their defaults, or at what the environment given says.
func readCompose(t testing.TB, path string, environment map[string]string) compose {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var c compose
	// what is said after a merge (<<) changes it
	if err := yaml.UnmarshalWithOptions([]byte(interpolate(string(text), environment)), &c, yaml.AllowDuplicateMapKey()); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return c
}

var variable = regexp.MustCompile(`\$\{(\w+)(?::([-?])([^}]*))?\}`)

func interpolate(text string, environment map[string]string) string {
	return variable.ReplaceAllStringFunc(text, func(v string) string {
		parts := variable.FindStringSubmatch(v)
		if value := environment[parts[1]]; value != "" {
			return value
		}
		if parts[2] == "-" {
			return parts[3]
		}
		return ""
	})
}

var siteUser = map[string]string{"SITE_USER": "1000:1000"}

// both are the compose file and what deploy/cluster.yml adds to it.
func both(t *testing.T) map[string]compose {
	return map[string]compose{
		"docker-compose.yml": readCompose(t, "../docker-compose.yml", siteUser),
		"deploy/cluster.yml": readCompose(t, "cluster.yml", siteUser),
	}
}

// whole are the services that a file describes wholly; cluster.yml changes some of the other's.
func (c compose) whole() map[string]service {
	services := maps.Clone(c.Services)
	maps.DeleteFunc(services, func(_ string, s service) bool { return s.Image == "" })
	return services
}

// TestGuards looks at what keeps a container that was broken into from doing harm.
func TestGuards(t *testing.T) {
	t.Parallel()
	for file, c := range both(t) {
		for name, s := range c.whole() {
			complain := func(format string, args ...any) {
				t.Helper()
				t.Errorf("%s: %s: %s", file, name, fmt.Sprintf(format, args...))
			}
			if !s.ReadOnly || !slices.Equal(s.CapDrop, []string{"ALL"}) || !slices.Contains(s.SecurityOpt, "no-new-privileges:true") || s.Privileged {
				complain("read_only %v, cap_drop %v, security_opt %v, privileged %v", s.ReadOnly, s.CapDrop, s.SecurityOpt, s.Privileged)
			}
			if root := name == "volumes"; s.User == "" || strings.HasPrefix(s.User, "0") != root || (len(s.CapAdd) > 0) != root {
				complain("runs as %q with %v", s.User, s.CapAdd)
			}
			if s.MemLimit == "" || s.CPUs == 0 || s.PidsLimit == 0 {
				complain("limits: %q of memory, %v processors, %d processes", s.MemLimit, s.CPUs, s.PidsLimit)
			}
			if s.Container != "" {
				complain("container_name forbids --scale")
			}
			if disabled := name == "volumes" || name == "simulator"; s.Healthcheck.Disable != disabled || (len(s.Healthcheck.Test) == 0) != disabled {
				complain("health check %+v", s.Healthcheck)
			}
			if !pinned.MatchString(s.Image) {
				complain("image %s has no exact version", s.Image)
			}
			if name != "volumes" && len(s.Networks) == 0 {
				complain("is on the default network, with everybody")
			}
		}
	}
}

var pinned = regexp.MustCompile(`^[\w./-]+:(v?\d+\.\d+\.\d+\S*|local)$`)

// TestPorts has nothing listen beyond this machine, unless its owner says so.
func TestPorts(t *testing.T) {
	t.Parallel()
	published := map[string]bool{}
	for file, c := range both(t) {
		for name, s := range c.Services {
			for _, port := range s.Ports {
				published[name] = true
				if !strings.HasPrefix(port, "127.0.0.1:") || strings.Count(port, ":") != 2 {
					t.Errorf("%s: %s listens on %s", file, name, port)
				}
			}
			if s.NetworkMode != "" && s.NetworkMode != "none" {
				t.Errorf("%s: %s has network_mode %s", file, name, s.NetworkMode)
			}
		}
	}
	if want := []string{"gateway", "grafana", "nats", "prometheus"}; !slices.Equal(slices.Sorted(maps.Keys(published)), want) {
		t.Errorf("%v publish ports; want %v", published, want)
	}
	c := readCompose(t, "../docker-compose.yml", siteUser)
	for _, name := range []string{"streams", "cache", "metrics"} {
		if !c.Networks[name].Internal {
			t.Errorf("network %s leads outside", name)
		}
	}
	for _, name := range []string{"worker", "redis", "exporter", "simulator"} {
		if slices.Contains(c.Services[name].Networks, "edge") {
			t.Errorf("%s reaches the world", name)
		}
	}
}

// secretive are names of what must come from a file.
var secretive = regexp.MustCompile(`(?i)(password|passwd|secret|token|nkey|creds)`)

// TestSecretsAreFiles looks for passwords in the files themselves, in environments and on command lines.
func TestSecretsAreFiles(t *testing.T) {
	t.Parallel()
	made := madeSecrets(t)
	for file, c := range both(t) {
		for name, secret := range c.Secrets {
			path := strings.TrimPrefix(secret.File, "deploy/secrets/")
			if path == secret.File || !made[path] {
				t.Errorf("%s: secret %s is %s, which deploy/secrets.sh does not make", file, name, secret.File)
			}
		}
		for name, s := range c.Services {
			for _, secret := range s.Secrets {
				if _, known := c.Secrets[secret]; !known {
					t.Errorf("%s: %s has secret %s, which is not described", file, name, secret)
				}
			}
			for key, value := range s.Environment {
				if secretive.MatchString(key) && !strings.HasPrefix(value, "/run/secrets/") {
					t.Errorf("%s: %s: %s=%s", file, name, key, value)
				}
			}
			for _, word := range s.Command {
				flag, value, _ := strings.Cut(word, "=")
				if secret, named := strings.CutPrefix(value, "/run/secrets/"); named && !slices.Contains(s.Secrets, secret) {
					t.Errorf("%s: %s: %s, which is not among its secrets", file, name, word)
				} else if secretive.MatchString(flag) && !named {
					t.Errorf("%s: %s: a secret on the command line: %s", file, name, word)
				}
			}
		}
	}
}

// TestMounts looks whether what is mounted is there, and whether only volumes can be written.
func TestMounts(t *testing.T) {
	t.Parallel()
	made := madeSecrets(t)
	for file, c := range both(t) {
		for name, s := range c.Services {
			for _, mount := range s.Volumes {
				parts := strings.Split(mount, ":")
				if !strings.HasPrefix(parts[0], ".") {
					_, known := c.Volumes[parts[0]]
					// Docker gives an empty volume to the user of what the image has there; volumes has given it to the right one.
					if nocopy := len(parts) == 3 && parts[2] == "nocopy"; !known || nocopy == (name == "volumes") {
						t.Errorf("%s: %s: %s", file, name, mount)
					}
					continue
				}
				if len(parts) != 3 || parts[2] != "ro" {
					t.Errorf("%s: %s: %s can be written", file, name, mount)
				}
				secret, isSecret := strings.CutPrefix(parts[0], "./deploy/secrets/")
				if _, err := os.Stat(filepath.Join(project, parts[0])); err != nil && !(isSecret && made[secret]) {
					t.Errorf("%s: %s: %v", file, name, err)
				}
			}
		}
	}
}

// TestOrder has services wait for what they need, and for nothing that never says that it is ready.
func TestOrder(t *testing.T) {
	t.Parallel()
	c := readCompose(t, "../docker-compose.yml", siteUser)
	for name, s := range c.Services {
		for other, how := range s.DependsOn {
			o, known := c.Services[other]
			switch {
			case !known || len(o.Profiles) > 0:
				t.Errorf("%s waits for %s, which may not be there", name, other)
			case how.Condition == "service_healthy" && len(o.Healthcheck.Test) == 0, how.Condition == "service_completed_successfully" && o.Restart != "no":
				t.Errorf("%s waits for %s: %s, which never comes", name, other, how.Condition)
			}
		}
	}
	if s := c.Services["simulator"]; !slices.Equal(s.Profiles, []string{"demo"}) {
		t.Errorf("the simulator has the profiles %v", s.Profiles)
	}
}

// TestBuild expects one service to build the image that several run: Compose exports a tag twice at once otherwise, and fails.
// The workers are two from the start, so that one may end.
func TestBuild(t *testing.T) {
	t.Parallel()
	builds := map[string][]string{}
	c := readCompose(t, "../docker-compose.yml", siteUser)
	for name, s := range c.Services {
		if _, ours := builds[s.Image]; s.runsFoxhunt() && !ours {
			builds[s.Image] = nil
		}
		if s.Build.Dockerfile != "" {
			builds[s.Image] = append(builds[s.Image], name)
		}
	}
	if len(builds) != 1 || !slices.Equal(builds["foxhunt:local"], []string{"worker"}) {
		t.Errorf("images are built by %v", builds)
	}
	if scale := c.Services["worker"].Scale; scale != 2 {
		t.Errorf("%d workers are started", scale)
	}
}

// TestNATSHasTime to read its streams: what waits for it gives up when it is unhealthy.
func TestNATSHasTime(t *testing.T) {
	t.Parallel()
	for file, c := range both(t) {
		for name, s := range c.whole() {
			if period, err := time.ParseDuration(s.Healthcheck.StartPeriod); strings.HasPrefix(name, "nats") && (err != nil || period < 10*time.Minute) {
				t.Errorf("%s: %s has %q to start", file, name, s.Healthcheck.StartPeriod)
			}
		}
	}
}

// TestVersions holds the images against the versions that everything else here is tested with.
func TestVersions(t *testing.T) {
	t.Parallel()
	module := readFile(t, "../go.mod")
	server := regexp.MustCompile(`nats-server/v2 v(\S+)`).FindStringSubmatch(module)
	language := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(module)
	if server == nil || language == nil {
		t.Fatal("go.mod names no versions")
	}
	for file, c := range both(t) {
		for name, s := range c.whole() {
			if strings.HasPrefix(s.Image, "nats:") && s.Image != "nats:"+server[1]+"-alpine" {
				t.Errorf("%s: %s is %s, and the tests' server is %s", file, name, s.Image, server[1])
			}
		}
	}
	if golang := "ARG GO=golang:" + language[1] + "."; !strings.Contains(readFile(t, "Dockerfile"), golang) {
		t.Errorf("the Dockerfile does not say %s", golang)
	}
}

// TestComposeConfig has docker-compose itself read the files.
func TestComposeConfig(t *testing.T) {
	t.Parallel()
	tool := need(t, "docker-compose", "apt-get install docker-compose")
	for _, files := range [][]string{{"docker-compose.yml"}, {"docker-compose.yml", "deploy/cluster.yml"}} {
		var args []string
		for _, f := range files {
			args = append(args, "--file", f)
		}
		run := func(environment ...string) (string, error) {
			cmd := exec.Command(tool, append(args, "--profile", "demo", "config")...)
			cmd.Dir, cmd.Env = project, append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "SITE_USER="}, environment...)
			out, err := cmd.CombinedOutput()
			return string(out), err
		}
		out, err := run("SITE_USER=1000:1000")
		var c struct {
			Services map[string]struct {
				Command     []string
				Environment map[string]string
				Scale       int
			}
		}
		if err != nil || yaml.Unmarshal([]byte(out), &c) != nil {
			t.Fatalf("%v: %v\n%s", files, err, out)
		}
		own := readCompose(t, "../docker-compose.yml", siteUser)
		if len(files) == 1 {
			for name, s := range own.Services { // what the other tests here read is what docker-compose reads
				if have := c.Services[name]; !slices.Equal(have.Command, s.Command) || !maps.Equal(have.Environment, s.Environment) || have.Scale != s.Scale {
					t.Errorf("%s: docker-compose reads %+v, and these tests %v %v %d", name, have, s.Command, s.Environment, s.Scale)
				}
			}
		} else if len(c.Services) != len(own.Services)+2 || c.Services["worker"].Environment["FOXHUNT_PROFILE"] != "cluster" {
			t.Errorf("with %v there are %d services; worker: %v", files, len(c.Services), c.Services["worker"])
		}
		if out, err := run(); err == nil || !strings.Contains(out, "run deploy/secrets.sh first") {
			t.Errorf("without secrets: %v\n%s", err, out)
		}
	}
}

// need finds a program, or skips the test; where everything must be there, it fails.
func need(t testing.TB, program, install string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil && os.Getenv("CI") == "true" {
		t.Fatalf("%s is not there: %s", program, install)
	} else if err != nil {
		t.Skipf("%s is not there: %s", program, install)
	}
	return path
}

func readFile(t testing.TB, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
