package prometheus_test

import (
	"regexp"
	"strings"
)

// use is a metric as an expression uses it: by its name, and the labels that it is chosen by.
type use struct {
	metric string
	labels []string
}

var (
	quoted    = regexp.MustCompile(`"[^"]*"`)
	selector  = regexp.MustCompile(`([a-zA-Z_:][a-zA-Z0-9_:]*)\s*(\{[^}]*\})?`)
	matcher   = regexp.MustCompile(`(\w+)\s*(?:=~|!~|!=|=)`)
	grouping  = regexp.MustCompile(`\b(?:by|on|group_left|group_right|ignoring|without)\s*\(([^)]*)\)`)
	ours      = regexp.MustCompile(`^(foxhunt_|[a-z]+:foxhunt_|process_|go_)`)
	relabeled = regexp.MustCompile(`,\s*"(\w+)",\s*"[$]`) // by label_replace
)

// uses finds foxhunt's metrics in an expression.
func uses(expression string) (found []use) {
	for _, m := range selector.FindAllStringSubmatch(quoted.ReplaceAllString(expression, `""`), -1) {
		if !ours.MatchString(m[1]) {
			continue
		}
		u := use{metric: m[1]}
		for _, label := range matcher.FindAllStringSubmatch(m[2], -1) {
			u.labels = append(u.labels, label[1])
		}
		found = append(found, u)
	}
	return found
}

// groups finds the labels that an expression groups by, but for those it makes itself.
func groups(expression string) (labels []string) {
	made := make(map[string]bool)
	for _, m := range relabeled.FindAllStringSubmatch(expression, -1) {
		made[m[1]] = true
	}
	for _, m := range grouping.FindAllStringSubmatch(expression, -1) {
		for label := range strings.SplitSeq(m[1], ",") {
			if label = strings.TrimSpace(label); label != "" && !made[label] {
				labels = append(labels, label)
			}
		}
	}
	return labels
}
