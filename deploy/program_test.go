package deploy_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if b, err := build(); err == nil {
		os.RemoveAll(filepath.Dir(b.foxhunt))
	}
	os.Exit(code)
}

// built are the programs of the images, of the versions that go.mod names.
type built struct{ foxhunt, natsServer string }

var build = sync.OnceValues(func() (built, error) {
	dir, err := os.MkdirTemp("", "foxhunt-deploy")
	if err != nil {
		return built{}, err
	}
	b := built{foxhunt: filepath.Join(dir, "foxhunt"), natsServer: filepath.Join(dir, "nats-server")}
	for path, pkg := range map[string]string{b.foxhunt: "foxhunt/cmd/foxhunt", b.natsServer: "github.com/nats-io/nats-server/v2"} {
		if out, err := exec.Command("go", "build", "-o", path, pkg).CombinedOutput(); err != nil {
			return b, fmt.Errorf("go build %s: %w\n%s", pkg, err, out)
		}
	}
	return b, nil
})

func programs(t testing.TB) built {
	t.Helper()
	b, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

var helpFlag = regexp.MustCompile(`(?m)^ +(?:-\w, +)?--([a-z0-9-]+)`)

// flagsOf are the flags that a command's help names.
func flagsOf(t *testing.T, command string) map[string]bool {
	t.Helper()
	out, err := exec.Command(programs(t).foxhunt, command, "--help").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "foxhunt "+command) {
		t.Fatalf("foxhunt %s --help: %v\n%s", command, err, out)
	}
	flags := map[string]bool{}
	for _, m := range helpFlag.FindAllStringSubmatch(string(out), -1) {
		flags[m[1]] = true
	}
	return flags
}

// checkCommand holds a command line and its environment against foxhunt's own help.
func checkCommand(t *testing.T, where string, words []string, environment map[string]string) {
	t.Helper()
	if len(words) == 0 {
		t.Errorf("%s: no command", where)
		return
	}
	flags := flagsOf(t, words[0])
	for _, word := range words[1:] {
		if name, isFlag := strings.CutPrefix(word, "--"); isFlag {
			if name, _, _ = strings.Cut(name, "="); !flags[name] {
				t.Errorf("%s: foxhunt %s has no flag --%s", where, words[0], name)
			}
		}
	}
	for key := range environment {
		if name, ours := strings.CutPrefix(key, "FOXHUNT_"); ours && !flags[strings.ToLower(strings.ReplaceAll(name, "_", "-"))] {
			t.Errorf("%s: foxhunt %s has no flag of which %s is the environment variable", where, words[0], key)
		}
	}
}

// TestCommands holds every command of the compose files against the program, so that a flag that is renamed is renamed here.
func TestCommands(t *testing.T) {
	t.Parallel()
	base, cluster := readCompose(t, "../docker-compose.yml", siteUser), readCompose(t, "cluster.yml", siteUser)
	commands := 0
	for name, s := range base.Services {
		if !s.runsFoxhunt() {
			continue
		}
		commands++
		checkCommand(t, "docker-compose.yml: "+name, s.Command, s.Environment)
		checkCommand(t, "deploy/cluster.yml: "+name, s.Command, cluster.Services[name].Environment)
		if test := s.Healthcheck.Test; len(test) > 0 {
			if len(test) != 4 || test[0] != "CMD" || test[1] != "foxhunt" || test[2] != "health" || !strings.HasSuffix(test[3], "/readyz") {
				t.Errorf("%s: health check %v", name, test)
			}
			_, port, _ := strings.Cut(flagValue(s.Command, "http-listen"), ":")
			if !strings.Contains(test[3], "http://127.0.0.1:"+port+"/") {
				t.Errorf("%s listens on port %s, and its health is asked for at %s", name, port, test[3])
			}
		}
	}
	if commands != 4 {
		t.Errorf("%d services run foxhunt", commands)
	}
}

// flagValue is what --name=value says.
func flagValue(words []string, name string) string {
	for _, word := range words {
		if value, ok := strings.CutPrefix(word, "--"+name+"="); ok {
			return value
		}
	}
	return ""
}
