package compare

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Rule says when a challenger is good enough: all of its clauses must hold.
//
//	rule   = clause *( "," clause )
//	clause = measure ( "better" [ "by" margin ] | "not worse" [ "than" margin ] )
//	margin = number [ "%" | "points" ]
//
// Better is that the whole interval of the difference is on the better side, by more than the margin, which is 0 where none is
// given. Not worse is that the whole interval is on the better side of the margin, which is the measure's own where none is
// given: 10 % where figures are divided, 1 to 5 points where shares are subtracted (see [Measures]).
type Rule struct{ Clauses []Clause }

// Clause is what a rule asks of one measure.
type Clause struct {
	Measure string  `json:"measure"`
	Better  bool    `json:"better"` // else not worse
	Margin  float64 `json:"margin"` // percent or points, as the measure has it
}

// Bounds of a rule from outside.
const (
	mostRule    = 1000 // bytes
	mostClauses = 8
)

// ParseRule reads a rule. The error says what is wrong with it.
func ParseRule(text string) (Rule, error) {
	if len(text) > mostRule {
		return Rule{}, fmt.Errorf("the rule has %d bytes; want at most %d", len(text), mostRule)
	}
	var r Rule
	seen := map[string]bool{}
	for part := range strings.SplitSeq(text, ",") {
		c, err := parseClause(strings.Fields(part))
		if err != nil {
			return Rule{}, err
		}
		if seen[c.Measure] {
			return Rule{}, fmt.Errorf("%s is in two clauses; want one", c.Measure)
		}
		seen[c.Measure] = true
		r.Clauses = append(r.Clauses, c)
	}
	if len(r.Clauses) > mostClauses {
		return Rule{}, fmt.Errorf("the rule has %d clauses; want at most %d: each makes all of them harder to hold", len(r.Clauses), mostClauses)
	}
	return r, nil
}

const clauseForm = "want for example error_m better, latency_p95 not worse than 10%, or errors not worse than 0.5 points"

func parseClause(words []string) (Clause, error) {
	if len(words) == 0 {
		return Clause{}, errors.New("a clause is empty; " + clauseForm)
	}
	m, err := findMeasure(words[0])
	if err != nil {
		return Clause{}, err
	}
	c := Clause{Measure: m.name}
	rest, link := words[1:], ""
	switch {
	case len(rest) > 0 && rest[0] == "better":
		c.Better, rest, link = true, rest[1:], "by"
	case len(rest) > 1 && rest[0] == "not" && rest[1] == "worse":
		c.Margin, rest, link = m.worth, rest[2:], "than"
	default:
		return Clause{}, fmt.Errorf("%.80q says neither better nor not worse; %s", strings.Join(words, " "), clauseForm)
	}
	if len(rest) == 0 {
		return c, nil
	}
	if rest[0] != link {
		return Clause{}, fmt.Errorf("%.40q stands where only %q may; %s", rest[0], link, clauseForm)
	}
	c.Margin, err = m.parseMargin(strings.Join(rest[1:], " "))
	return c, err
}

// parseMargin reads a number with the measure's unit, or without.
func (m *measure) parseMargin(text string) (float64, error) {
	unit := m.changeUnit()
	digits := text
	if unit != "" {
		digits = strings.TrimSpace(strings.TrimSuffix(text, unit))
	}
	margin, err := strconv.ParseFloat(digits, 64)
	if err != nil || !(margin >= 0 && margin <= 100) {
		return 0, fmt.Errorf("the margin of %s is %.40q; want a number from 0 to 100%s", m.name, text, map[string]string{
			"%": " and %", "points": " and points, percentage points", "": ""}[unit])
	}
	return margin, nil
}

// Measures are the names that a rule may use.
func Measures() (names []string) {
	for _, m := range measures() {
		if m.good != neither {
			names = append(names, m.name)
		}
	}
	return names
}

func findMeasure(name string) (measure, error) {
	for _, m := range measures() {
		if m.name == name && m.good != neither {
			return m, nil
		}
	}
	return measure{}, fmt.Errorf("%.40q is no measure that can be better or worse; want one of %s", name, strings.Join(Measures(), ", "))
}

// String is the clause as ParseRule reads it.
func (c Clause) String() string {
	m, err := findMeasure(c.Measure)
	if err != nil {
		return c.Measure
	}
	margin := strconv.FormatFloat(c.Margin, 'g', -1, 64)
	if unit := m.changeUnit(); unit == "points" {
		margin += " points"
	} else {
		margin += unit
	}
	if c.Better {
		return c.Measure + " better by " + margin
	}
	return c.Measure + " not worse than " + margin
}

// String is the rule as ParseRule reads it.
func (r Rule) String() string {
	parts := make([]string, len(r.Clauses))
	for i, c := range r.Clauses {
		parts[i] = c.String()
	}
	return strings.Join(parts, ", ")
}
