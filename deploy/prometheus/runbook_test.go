package prometheus_test

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

const runbook = "../../docs/runbook.md"

// entries are the runbook's, by alert.
func entries(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile(runbook)
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[string]string)
	for _, section := range strings.Split(string(text), "\n## ")[1:] {
		name, body, _ := strings.Cut(section, "\n")
		if _, twice := found[name]; twice {
			t.Errorf("%s has two entries", name)
		}
		found[name] = body
	}
	return found
}

// TestRunbook expects an entry for each alert, with all its parts and a command to run, and no other.
func TestRunbook(t *testing.T) {
	t.Parallel()
	all := entries(t)
	for _, a := range alerts(t) {
		body, there := all[a.Alert]
		if !there {
			t.Errorf("the runbook has no entry %s", a.Alert)
		}
		for _, part := range []string{"**Means.**", "**Look first.**", "**Do.**", "**Escalate**"} {
			if there && !strings.Contains(body, part) {
				t.Errorf("%s has no %q", a.Alert, part)
			}
		}
		if there && !strings.Contains(body, "\n    foxhunt ") && !strings.Contains(body, "\n    promtool ") {
			t.Errorf("%s has no command", a.Alert)
		}
		delete(all, a.Alert)
	}
	for name := range all {
		t.Errorf("the runbook's entry %s is of no alert", name)
	}
}

// TestRunbookLinks follows the links to other entries and other pages.
func TestRunbookLinks(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(runbook)
	if err != nil {
		t.Fatal(err)
	}
	anchors := make(map[string]bool)
	for name := range entries(t) {
		anchors["#"+strings.ToLower(name)] = true
	}
	links := regexp.MustCompile(`\]\(([^)]+)\)`).FindAllStringSubmatch(string(text), -1)
	if len(links) < 10 {
		t.Errorf("found %d links", len(links))
	}
	for _, link := range links {
		if strings.HasPrefix(link[1], "#") {
			if !anchors[link[1]] {
				t.Errorf("the link %s leads nowhere", link[1])
			}
		} else if _, err := os.Stat("../../docs/" + link[1]); err != nil {
			t.Errorf("the link %s: %v", link[1], err)
		}
	}
}

var (
	commandLine = regexp.MustCompile("(?m)^    (foxhunt .*)$")
	commandSpan = regexp.MustCompile("`(foxhunt [a-z][^`]*)`")
	queryLine   = regexp.MustCompile(`(?m)^    promtool query instant \S+ '(.*)'$`)
	flagName    = regexp.MustCompile(`^--([a-z][a-z-]*)`)
)

// commands are all of foxhunt's in the runbook, as words.
func commands(t *testing.T) (list [][]string) {
	t.Helper()
	text, err := os.ReadFile(runbook)
	if err != nil {
		t.Fatal(err)
	}
	known := make(map[string]bool)
	for _, expression := range []*regexp.Regexp{commandLine, commandSpan} {
		for _, m := range expression.FindAllStringSubmatch(string(text), -1) {
			if line := strings.Join(strings.Fields(m[1]), " "); !known[line] {
				known[line] = true
				list = append(list, strings.Fields(line)[1:])
			}
		}
	}
	return list
}

// TestRunbookCommands asks the real program whether it has the runbook's commands and their flags.
func TestRunbookCommands(t *testing.T) {
	t.Parallel()
	p := buildProgram(t)
	list := commands(t)
	if len(list) < 20 {
		t.Fatalf("found %d commands", len(list))
	}
	help := make(map[string]string)
	for _, words := range list {
		var path, flags []string
		for _, word := range words {
			switch m := flagName.FindStringSubmatch(word); {
			case m != nil:
				flags = append(flags, m[1])
			case len(flags) == 0:
				path = append(path, word)
			}
		}
		if _, there := help[strings.Join(path, " ")]; !there {
			out, err := exec.Command(p.path, append(path, "--help")...).CombinedOutput()
			if err != nil {
				t.Errorf("foxhunt %v: %v\n%s", path, err, out)
			}
			help[strings.Join(path, " ")] = string(out)
			checkCommand(t, path, string(out))
		}
		for _, flag := range flags {
			if !regexp.MustCompile(`(?m)^ +(-\w, )?--` + flag + `\b`).MatchString(help[strings.Join(path, " ")]) {
				t.Errorf("foxhunt %s has no flag --%s", strings.Join(path, " "), flag)
			}
		}
	}
	t.Logf("%d commands", len(list))
}

// checkCommand expects the help to be that of the command: of one that there is not cobra shows its parent's.
func checkCommand(t *testing.T, path []string, help string) {
	t.Helper()
	usage := regexp.MustCompile(`(?m)^  foxhunt( [a-z]+)*`).FindString(help)
	named := strings.Fields(strings.TrimPrefix(strings.TrimSpace(usage), "foxhunt"))
	for i, word := range named {
		if i >= len(path) || path[i] != word {
			t.Errorf("foxhunt %s is no command; its help is of %q", strings.Join(path, " "), usage)
			return
		}
	}
	if len(named) < len(path) && strings.Contains(help, "Available Commands:") {
		t.Errorf("foxhunt %s is no command; its help is of %q", strings.Join(path, " "), usage)
	}
}

// testRunbookQueries runs the runbook's queries.
func (s *system) testRunbookQueries(t *testing.T) {
	text, err := os.ReadFile(runbook)
	if err != nil {
		t.Fatal(err)
	}
	queries := queryLine.FindAllStringSubmatch(string(text), -1)
	if len(queries) < 10 {
		t.Errorf("found %d queries", len(queries))
	}
	known := s.prometheus.labels(t)
	for _, q := range queries {
		checkUses(t, known, "the runbook", q[1])
		if _, err := s.prometheus.query(q[1]); err != nil {
			t.Error(err)
		}
	}
}
