package doctor

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// Severity is how much a finding matters.
type Severity string

// Severities, the least first.
const (
	OK      Severity = "ok"
	Info    Severity = "info"    // worth knowing
	Unknown Severity = "unknown" // it could not be looked at
	Warning Severity = "warning" // it works, but not as it should, or not for long
	Error   Severity = "error"   // captures are lost, refused or not located, or will be
)

// rank orders severities, the worst highest.
func (s Severity) rank() int { return slices.Index([]Severity{OK, Info, Unknown, Warning, Error}, s) }

// Finding is what one rule says of the deployment.
type Finding struct {
	Code     string   `json:"code"`
	Severity Severity `json:"severity"`
	Seen     string   `json:"seen"` // in one line, with figures; printable
	Why      string   `json:"why"`  // it matters
	Mend     string   `json:"mend"` // a command or a line of a configuration; empty when there is nothing to mend
}

// Bad says whether the finding is a warning or an error.
func (f Finding) Bad() bool { return f.Severity == Warning || f.Severity == Error }

// finding is what the rule of that code says: the text is the rule's own unless one is given with mend.
func finding(code string, severity Severity, format string, args ...any) Finding {
	rule := ruleOf(code)
	f := Finding{Code: code, Severity: severity, Seen: clean(fmt.Sprintf(format, args...)), Why: rule.Why}
	if severity != OK {
		f.Mend = rule.Mend
	}
	return f
}

// mend gives the finding another remedy than its rule's, with the names that it is about.
func (f Finding) mend(format string, args ...any) Finding {
	f.Mend = clean(fmt.Sprintf(format, args...))
	return f
}

// unknown is the finding that a rule's facts could not be had.
func unknown(code string, err error, format string, args ...any) Finding {
	return finding(code, Unknown, "not seen: %v", err).mend(format, args...)
}

// maxText bounds a text of a finding, in bytes.
const maxText = 600

// clean makes a text fit for a line of a terminal, whatever a server, a file or a stranger put into it.
func clean(s string) string {
	s = strings.ToValidUTF8(s, "?")
	if len(s) > maxText {
		s = strings.ToValidUTF8(s[:maxText], "") + "..."
	}
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) { // controls, line breaks, and what changes the direction of the text
			return ' '
		}
		return r
	}, s)
}

// sortFindings puts the worst first; findings of one severity stay in the order of the rules.
func sortFindings(all []Finding) {
	slices.SortStableFunc(all, func(a, b Finding) int { return cmp.Compare(b.Severity.rank(), a.Severity.rank()) })
}

// some lists up to six names in a line, and how many more there are.
func some(names []string) string {
	const shown = 6
	if len(names) <= shown {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:shown], ", "), len(names)-shown)
}
