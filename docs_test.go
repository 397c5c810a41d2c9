package foxhunt_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestRefusalsAreDocumented looks in docs/messages.md for every code that a capture can be refused with.
func TestRefusalsAreDocumented(t *testing.T) {
	doc, err := os.ReadFile("docs/messages.md")
	if err != nil {
		t.Fatal(err)
	}
	var source []byte
	for _, path := range []string{"messages/refusal.go", "worker/origin.go", "worker/suspect.go", "worker/earlier.go"} {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		source = append(source, text...)
	}
	codes := regexp.MustCompile(`Code\w+\s+= "(\w+)"`).FindAllStringSubmatch(string(source), -1)
	if len(codes) < 20 {
		t.Fatalf("found %d codes in messages/refusal.go; the pattern no longer fits", len(codes))
	}
	notOfCaptures := "bad_content_type bad_dead_letter bad_truth"
	for _, code := range codes {
		if !strings.Contains(string(doc), "`"+code[1]+"`") && !strings.Contains(notOfCaptures, code[1]) {
			t.Errorf("docs/messages.md does not explain %s", code[1])
		}
	}
}

// TestHeadersAreDocumented looks in docs/messages.md for every header of a dead letter and of a replay.
func TestHeadersAreDocumented(t *testing.T) {
	doc, err := os.ReadFile("docs/messages.md")
	if err != nil {
		t.Fatal(err)
	}
	for path, least := range map[string]int{"messages/deadletter.go": 9, "messages/replay.go": 4} {
		source, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		headers := regexp.MustCompile(`= "(Foxhunt-[A-Za-z-]*[a-z-])"`).FindAllStringSubmatch(string(source), -1)
		if len(headers) < least {
			t.Fatalf("found %d headers in %s; the pattern no longer fits", len(headers), path)
		}
		for _, header := range headers {
			if !strings.Contains(string(doc), "`"+header[1]) {
				t.Errorf("docs/messages.md does not explain %s", header[1])
			}
		}
	}
}
