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

// TestDockerfileLint has hadolint read the Dockerfile, and ShellCheck what it runs.
func TestDockerfileLint(t *testing.T) {
	t.Parallel()
	tool := filepath.Join(filepath.Dir(os.Getenv("FOXHUNT_PYTHON")), "hadolint")
	if _, err := os.Stat(tool); err != nil || os.Getenv("FOXHUNT_PYTHON") == "" {
		tool = need(t, "hadolint", "make python brings it")
	}
	if out, err := exec.Command(tool, "--no-color", "Dockerfile").CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("hadolint: %v\n%s", err, out)
	}
	bad := filepath.Join(t.TempDir(), "Dockerfile")
	write(t, bad, "FROM debian:latest\nRUN cd /tmp && sudo true\n")
	if out, err := exec.Command(tool, bad).CombinedOutput(); err == nil || !strings.Contains(string(out), "DL3007") {
		t.Errorf("hadolint finds nothing wrong with a bad Dockerfile: %v\n%s", err, out)
	}
}

var stage = regexp.MustCompile(`(?m)^FROM (\S+)(?: AS (\S+))?$`)

// TestDockerfile looks at what hadolint does not: that bases are of exact versions, that what is copied is there, and that the
// image runs without root.
func TestDockerfile(t *testing.T) {
	t.Parallel()
	text := readFile(t, "Dockerfile")
	var bases, stages []string
	for _, m := range regexp.MustCompile(`(?m)^ARG \w+=(\S+:\S+)$`).FindAllStringSubmatch(text, -1) {
		bases = append(bases, m[1])
		if !regexp.MustCompile(`^\w+:\d+\.\d+(\.\d+)?-[\w-]+$`).MatchString(m[1]) {
			t.Errorf("base %s is of no exact version", m[1])
		}
	}
	for _, m := range stage.FindAllStringSubmatch(text, -1) {
		if m[1] != "scratch" && !strings.HasPrefix(m[1], "${") {
			t.Errorf("FROM %s: not one of the bases that can be chosen", m[1])
		}
		stages = append(stages, m[2])
	}
	if len(bases) != 3 || len(stages) != 5 || stages[4] != "" {
		t.Errorf("bases %v, stages %q", bases, stages)
	}
	for _, m := range regexp.MustCompile(`(?m)^COPY (--from=(\w+) )?(.*)$`).FindAllStringSubmatch(text, -1) {
		words := strings.Fields(m[3])
		for _, source := range words[:len(words)-1] {
			if _, err := os.Stat(filepath.Join(project, source)); m[2] == "" && err != nil {
				t.Errorf("COPY %s: %v", source, err)
			}
		}
		if m[2] != "" && !slices.Contains(stages, m[2]) {
			t.Errorf("COPY --from=%s: there is no such stage", m[2])
		}
	}
	last := text[strings.LastIndex(text, "\nFROM"):]
	for _, want := range []string{"\nUSER 65532:65532\n", "\nHEALTHCHECK ", `CMD ["foxhunt", "health", `, "org.opencontainers.image.licenses=", `ENTRYPOINT ["foxhunt"]`} {
		if !strings.Contains(last, want) {
			t.Errorf("the image has no %q", want)
		}
	}
	if strings.Contains(last, "\nRUN ") {
		t.Error("something runs in the last stage, which is to work with any base")
	}
}
