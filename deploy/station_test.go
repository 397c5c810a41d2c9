package deploy_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// settings are the lines of a file of variables.
func settings(t *testing.T, path string) map[string]string {
	t.Helper()
	found := map[string]string{}
	for line := range strings.Lines(readFile(t, path)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if !ok || key == "" || value == "" {
			t.Errorf("%s: %q is no setting", path, line)
		}
		found[key] = value
	}
	return found
}

// unit are the settings of a systemd unit, of which some are repeated.
func unit(t *testing.T, path string) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	for line := range strings.Lines(readFile(t, path)) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && !strings.HasPrefix(key, "#") {
			found[key] = append(found[key], value)
		}
	}
	return found
}

// TestStationUnit holds the systemd unit and its settings against the program, and has systemd read it.
func TestStationUnit(t *testing.T) {
	t.Parallel()
	u, environment := unit(t, "station/foxhunt-station.service"), settings(t, "station/station.env.example")
	for _, line := range u["Environment"] {
		key, value, _ := strings.Cut(line, "=")
		environment[key] = value
	}
	words := strings.Fields(u["ExecStart"][0])
	if filepath.Base(words[0]) != "foxhunt" {
		t.Errorf("ExecStart=%s", u["ExecStart"])
	}
	checkCommand(t, "foxhunt-station.service", words[1:], environment)
	for key, want := range map[string]string{
		"Restart": "always", "StateDirectory": "foxhunt-station", "DynamicUser": "yes", "NoNewPrivileges": "yes", "ProtectSystem": "strict",
		"CapabilityBoundingSet": "", "StartLimitIntervalSec": "0",
	} {
		if !slices.Equal(u[key], []string{want}) {
			t.Errorf("%s=%v; want %q", key, u[key], want)
		}
	}
	if !strings.HasPrefix(environment["FOXHUNT_SPOOL"], "%S/"+u["StateDirectory"][0]+"/") {
		t.Errorf("the spool is at %s, which is not the service's own folder", environment["FOXHUNT_SPOOL"])
	}
}

// TestStationUnitsVerified has systemd itself read the units, and judge what they may do.
func TestStationUnitsVerified(t *testing.T) {
	t.Parallel()
	tool := need(t, "systemd-analyze", "apt-get install systemd")
	here := strings.NewReplacer("/usr/local/bin/foxhunt", programs(t).foxhunt, "/usr/bin/rtl_tcp", "/bin/true")
	folder := t.TempDir()
	for _, name := range []string{"foxhunt-station.service", "rtl_tcp.service"} {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(here.Replace(readFile(t, "station/"+name))), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command(tool, "verify", "--man=no", path).CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
		out, err := exec.Command(tool, "security", "--offline=true", "--threshold=25", "--no-pager", path).CombinedOutput() // of 100
		if err != nil {
			t.Errorf("%s may do too much: %v\n%s", name, err, out)
		}
		// the clock's state must be readable, and the clock not be set
		if text := string(out); name == "foxhunt-station.service" &&
			(!strings.Contains(text, "(e.g. adjtimex is allowed)") || !strings.Contains(text, "✓ CapabilityBoundingSet=~CAP_SYS_TIME")) {
			t.Errorf("the station cannot read its clock, or could set it:\n%s", text)
		}
	}
}

// TestStationCompose looks at the edge's compose file as TestGuards and TestPorts do at the other.
func TestStationCompose(t *testing.T) {
	t.Parallel()
	c := readCompose(t, "station/docker-compose.yml", map[string]string{"STATION_USER": "1000:1000"})
	for name, s := range c.Services {
		if !s.ReadOnly || !slices.Equal(s.CapDrop, []string{"ALL"}) || !slices.Contains(s.SecurityOpt, "no-new-privileges:true") ||
			s.Privileged || s.User == "" || strings.HasPrefix(s.User, "0") || s.MemLimit == "" || s.CPUs == 0 || s.PidsLimit == 0 || !pinned.MatchString(s.Image) {
			t.Errorf("%s is not guarded: %+v", name, s)
		}
		for _, port := range s.Ports {
			if !strings.HasPrefix(port, "127.0.0.1:") {
				t.Errorf("%s listens on %s", name, port)
			}
		}
	}
	if !c.Networks["receiver"].Internal || !slices.Equal(c.Services["rtl_tcp"].Networks, []string{"receiver"}) {
		t.Error("rtl_tcp, which asks nobody who they are, can be reached from elsewhere")
	}
	station := c.Services["station"]
	environment := settings(t, "station/station.env.example")
	for key, value := range station.Environment {
		environment[key] = value
	}
	checkCommand(t, "station/docker-compose.yml", station.Command, environment)
	for key, value := range environment {
		if secretive.MatchString(key) && !strings.HasPrefix(value, "/run/secrets/") {
			t.Errorf("%s=%s", key, value)
		}
	}
	_, port, _ := strings.Cut(environment["FOXHUNT_LISTEN"], ":")
	if want := "http://127.0.0.1:" + port + "/readyz"; len(station.Healthcheck.Test) != 4 || station.Healthcheck.Test[3] != want {
		t.Errorf("the health check is %v; want %s", station.Healthcheck.Test, want)
	}
}

// TestStationComposeConfig has docker-compose itself read it.
func TestStationComposeConfig(t *testing.T) {
	t.Parallel()
	tool := need(t, "docker-compose", "apt-get install docker-compose")
	folder := t.TempDir()
	for from, to := range map[string]string{"docker-compose.yml": "docker-compose.yml", "station.env.example": "station.env"} {
		if err := os.WriteFile(filepath.Join(folder, to), []byte(readFile(t, "station/"+from)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(tool, "config", "--quiet")
	cmd.Dir, cmd.Env = folder, append(os.Environ(), "STATION_USER=1000:1000")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("docker-compose config: %v\n%s", err, out)
	}
	cmd = exec.Command(tool, "config", "--quiet")
	cmd.Dir = folder
	if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "the owner of spool and secrets") {
		t.Errorf("without STATION_USER: %v\n%s", err, out)
	}
}

var stationCommand = regexp.MustCompile(`(?m)^ +(?:\S.* \| )?foxhunt (station|capture) (.*)$`)

// TestStationDocs holds every command of docs/station.md against the program.
func TestStationDocs(t *testing.T) {
	t.Parallel()
	text := strings.ReplaceAll(readFile(t, "../docs/station.md"), "\\\n", " ")
	commands := stationCommand.FindAllStringSubmatch(text, -1)
	if len(commands) < 5 {
		t.Fatalf("found %d commands in docs/station.md; the pattern no longer fits", len(commands))
	}
	for _, c := range commands {
		checkCommand(t, "docs/station.md: foxhunt "+c[1], append([]string{c[1]}, strings.Fields(c[2])...), nil)
	}
	flags := flagsOf(t, "station")
	for _, m := range regexp.MustCompile("`--([a-z-]+)").FindAllStringSubmatch(text, -1) {
		if !flags[m[1]] && !slices.Contains([]string{"window", "min-receivers"}, m[1]) {
			t.Errorf("docs/station.md speaks of --%s, which foxhunt station has not", m[1])
		}
	}
}
