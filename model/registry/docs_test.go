package registry

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestCodesAreDocumented looks in docs/models.md for every code of an [Error].
func TestCodesAreDocumented(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile("../../docs/models.md")
	must(t, err)
	source, err := os.ReadFile("error.go")
	must(t, err)
	codes := regexp.MustCompile(`(?m)^\t\w+ += "(\w+)"`).FindAllStringSubmatch(string(source), -1)
	if len(codes) < 15 {
		t.Fatalf("found %d codes in error.go; the pattern no longer fits", len(codes))
	}
	for _, code := range codes {
		if !strings.Contains(string(doc), "`"+code[1]+"`") {
			t.Errorf("docs/models.md does not explain %s", code[1])
		}
	}
}
