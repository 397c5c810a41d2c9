package rollout_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestDocumentation looks in docs/models.md for every code of an error and every kind of an event.
func TestDocumentation(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile("../docs/models.md")
	must(t, err)
	for file, pattern := range map[string]string{"errors.go": `Code\w+\s+= "(\w+)"`, "event.go": `Event\w+\s+= "(\w+)"`} {
		source, err := os.ReadFile(file)
		must(t, err)
		names := regexp.MustCompile(pattern).FindAllStringSubmatch(string(source), -1)
		if len(names) < 10 {
			t.Fatalf("found %d names in %s; the pattern no longer fits", len(names), file)
		}
		for _, name := range names {
			if !strings.Contains(string(doc), "`"+name[1]+"`") {
				t.Errorf("docs/models.md does not explain %s", name[1])
			}
		}
	}
}
