package deploy_test

import (
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

var documented = regexp.MustCompile(`(?m)^ {4,}(?:bin/)?(foxhunt [a-z]+ .*)$`)

// TestOperatorsDocs has a shell read every command of foxhunt's in the operators' pages, and foxhunt its words: a command or a flag
// that is not there is an error also before --help.
func TestOperatorsDocs(t *testing.T) {
	t.Parallel()
	const help = `n=dcf s=1us; foxhunt() { "$program" "$@" --help; }` + "\n"
	for page, least := range map[string]int{
		"../docs/operations.md": 9, "../docs/deployment.md": 2, "nats/README.md": 5, "../docs/station.md": 8, "../docs/doctor.md": 1,
	} {
		commands := documented.FindAllStringSubmatch(strings.ReplaceAll(readFile(t, page), "\\\n", " "), -1)
		if len(commands) < least {
			t.Errorf("found %d commands in %s, want at least %d; the pattern no longer fits", len(commands), page, least)
		}
		for _, c := range commands {
			line, _, _ := strings.Cut(c[1], " | ")
			cmd := exec.Command("sh", "-c", help+strings.TrimRight(line, " &"))
			cmd.Env = []string{"program=" + programs(t).foxhunt}
			out, err := cmd.CombinedOutput()
			if err != nil || !strings.Contains(string(out), "Usage:") || strings.Contains(string(out), "Available Commands:") {
				t.Errorf("%s: %s: %v\n%.300s", page, line, err, out)
			}
		}
	}
}

var flagInText = regexp.MustCompile("`--([a-z-]+)")

// TestOperatorsFlags holds the flags that docs/operations.md speaks of against the commands that have them.
func TestOperatorsFlags(t *testing.T) {
	t.Parallel()
	all := map[string]bool{}
	for _, command := range []string{"up", "worker", "gateway", "exporter", "doctor", "publish"} {
		for flag := range flagsOf(t, command) {
			all[flag] = true
		}
	}
	found := flagInText.FindAllStringSubmatch(readFile(t, "../docs/operations.md"), -1)
	if len(found) < 20 {
		t.Fatalf("found %d flags in docs/operations.md; the pattern no longer fits", len(found))
	}
	for _, m := range found {
		if !all[m[1]] {
			t.Errorf("docs/operations.md speaks of --%s, which no command has", m[1])
		}
	}
}
