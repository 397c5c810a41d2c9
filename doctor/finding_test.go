package doctor

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestSortFindings(t *testing.T) {
	all := []Finding{{Code: "a", Severity: OK}, {Code: "b", Severity: Warning}, {Code: "c", Severity: Unknown}, {Code: "d", Severity: Error}, {Code: "e", Severity: Info}, {Code: "f", Severity: Warning}}
	sortFindings(all)
	order := ""
	for _, f := range all {
		order += f.Code
	}
	if order != "dbfcea" {
		t.Errorf("the order is %s", order)
	}
}

// The table in docs/doctor.md has a row for each rule, with its very words.
func TestDocs(t *testing.T) {
	text, err := os.ReadFile("../docs/doctor.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\|.*$").FindAllStringSubmatch(string(text), -1)
	if len(rows) != len(Rules()) {
		t.Errorf("the table has %d rows for %d rules", len(rows), len(Rules()))
	}
	for i, rule := range Rules() {
		want := fmt.Sprintf("| `%s` | %s | %s | %s |", rule.Code, rule.Asks, rule.Why, rule.Mend)
		if strings.Contains(rule.Asks+rule.Why+rule.Mend, "|") {
			t.Errorf("%s has a bar, which would break the table", rule.Code)
		}
		if i < len(rows) && rows[i][0] != want {
			t.Errorf("row %d of docs/doctor.md is\n%s\nwant\n%s", i+1, rows[i][0], want)
		}
	}
}

func TestRulesAreWhole(t *testing.T) {
	seen := map[string]bool{}
	for _, rule := range Rules() {
		if seen[rule.Code] || rule.Asks == "" || rule.Why == "" || rule.Mend == "" || ruleOf(rule.Code) != rule {
			t.Errorf("%+v", rule)
		}
		seen[rule.Code] = true
	}
	defer func() {
		if recover() == nil {
			t.Error("a code without a rule passed")
		}
	}()
	ruleOf("none")
}

func FuzzClean(f *testing.F) {
	f.Add("\x1b[2J\r\n\u202e\xff")
	f.Add(strings.Repeat("é", maxText))
	f.Fuzz(func(t *testing.T, s string) {
		got := clean(s)
		if !utf8.ValidString(got) || len(got) > maxText+len("...") && len(got) > len(s) {
			t.Errorf("%q became %q", s, got)
		}
		for _, r := range got {
			if !unicode.IsPrint(r) {
				t.Errorf("%q became %q", s, got)
			}
		}
	})
}

func FuzzParseVersion(f *testing.F) {
	f.Add("2.15.2")
	f.Add("v2.14.0-RC.1")
	f.Fuzz(func(t *testing.T, s string) {
		if v, ok := parseVersion(s); ok && (v[0] < 0 || v[1] < 0 || v[2] < 0) {
			t.Errorf("%q is %v", s, v)
		}
	})
}
