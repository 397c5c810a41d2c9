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
		if there && !commandLine.MatchString(body) && !queryLine.MatchString(body) {
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
	commandLine = regexp.MustCompile(`(?m)^    (?:docker compose exec \w+ )?(foxhunt .*)$`)
	commandSpan = regexp.MustCompile("`(foxhunt [a-z][^`]*)`")
	queryLine   = regexp.MustCompile(`(?m)^    docker compose exec prometheus promtool query instant \S+ '(.*)'$`)
	flagName    = regexp.MustCompile(`^--([a-z][a-z-]*)`)
)

var (
	indented    = regexp.MustCompile(`(?m)^    (\S.*)$`)
	composeLine = regexp.MustCompile(`^docker compose (exec|logs|ps)(?: --[a-z]+(?: \d+)?)* ?(\w+)?`)
	addressed   = regexp.MustCompile(`://([\w.]+):(\d+)`)
)

// TestRunbookOnTheHost holds the commands against docker-compose.yml, on whose host they are typed: what is not published
// there, or not installed, is asked for inside the container that has it.
func TestRunbookOnTheHost(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(runbook)
	if err != nil {
		t.Fatal(err)
	}
	services := composeServices(t)
	checked := 0
	for _, m := range indented.FindAllStringSubmatch(string(text), -1) {
		line, inside := m[1], ""
		if c := composeLine.FindStringSubmatch(line); c != nil {
			if _, there := services[c[2]]; !there && c[2] != "" {
				t.Errorf("%s: docker-compose.yml has no service %s", line, c[2])
			}
			if c[1] == "exec" {
				inside = c[2]
			}
		}
		if strings.HasPrefix(line, "promtool ") {
			t.Errorf("%s: the host may not have it", line)
		}
		for _, a := range addressed.FindAllStringSubmatch(line, -1) {
			checked++
			if !answers(services, inside, a[1], a[2]) {
				t.Errorf("%s: nothing listens there for who is in %q (empty: on the host)", line, inside)
			}
		}
	}
	if checked < 20 {
		t.Errorf("found %d addresses", checked)
	}
}

// answers says whether an address leads to a service, from inside a container or ("") from the host.
func answers(services map[string]service, inside, host, port string) bool {
	switch {
	case inside == "":
		for _, s := range services {
			if host == "127.0.0.1" && strings.Contains(strings.Join(s.Ports, "\n"), ":-127.0.0.1:"+port+"}:") {
				return true
			}
		}
		return false
	case host != "127.0.0.1":
		_, there := services[host]
		return there
	}
	s := services[inside]
	return strings.Contains(strings.Join(s.Command, " ")+" ", ":"+port+" ") || strings.Contains(strings.Join(s.Ports, "\n"), "}:"+port)
}

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
