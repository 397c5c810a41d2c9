package compare

import (
	"fmt"
	"math"
	"strings"
)

// Decision is what a rule makes of a report.
type Decision struct {
	Rule    string    `json:"rule"`
	Holds   bool      `json:"holds"`
	Level   float64   `json:"level"` // of each clause's interval, so that that of all together is 1 - Alpha
	Clauses []Outcome `json:"clauses"`
	Refused []string  `json:"refused,omitempty"` // why nothing may rest on the comparison at all
}

// Outcome is what became of a clause. Change, Low, High, Limit and Short are in percent, points or themselves as the measure has it.
type Outcome struct {
	Clause
	Text     string   `json:"text"`
	Holds    bool     `json:"holds"`
	Change   *float64 `json:"change"`
	Low      *float64 `json:"low"` // of the corrected interval; null where the data set no end
	High     *float64 `json:"high"`
	Limit    float64  `json:"limit"`    // what the interval must stay on the better side of
	Short    *float64 `json:"short_by"` // by how much it does not
	Sentence string   `json:"sentence"`
}

// Decide holds a rule against the report, once: the intervals are corrected for the number of clauses and not for looking
// again.
func (r *Report) Decide(rule Rule) Decision {
	d := Decision{Rule: rule.String(), Level: 1 - Alpha/float64(max(len(rule.Clauses), 1)), Holds: len(rule.Clauses) > 0}
	for _, w := range r.Warnings {
		if w.Fatal {
			d.Holds, d.Refused = false, append(d.Refused, w.Sentence)
		}
	}
	for _, c := range rule.Clauses {
		o := r.outcome(c, d.Level)
		d.Clauses = append(d.Clauses, o)
		d.Holds = d.Holds && o.Holds
	}
	return d
}

func (r *Report) outcome(c Clause, level float64) Outcome {
	o := Outcome{Clause: c, Text: c.String()}
	j := r.judged[c.Measure]
	switch {
	case j == nil && r.has(c.Measure):
		o.Sentence = "the figures of the two arms do not mean the same, and are not judged"
		return o
	case j == nil:
		o.Sentence = "no fix of one arm or of either has this figure"
		return o
	case !j.difference.enough():
		o.Sentence = fmt.Sprintf("not enough to tell: at least %d %s an arm are needed, and there are %d and %d", leastClusters, r.Unit, j.difference.a.clusters, j.difference.b.clusters)
		return o
	}
	m := &j.measure
	low, high := j.difference.interval(level)
	o.Change, o.Low, o.High = number(m.change(j.difference.value())), number(m.change(low)), number(m.change(high))
	limit := c.limit(m)
	o.Limit = m.change(limit)
	worst := low // the interval's worse end
	if m.good == less {
		worst = high
	}
	switch {
	case (worst-limit)*float64(m.good) > 0:
		o.Holds = true
		o.Sentence = fmt.Sprintf("%s; must stay %s %s", m.interval(o.Change, low, high, level), side(m.good), m.changeText(o.Limit))
	case math.IsInf(worst, 0):
		o.Sentence = fmt.Sprintf("not enough to tell: %s; must stay %s %s", m.interval(o.Change, low, high, level), side(m.good), m.changeText(o.Limit))
	default:
		o.Short = number(math.Abs(m.change(worst) - o.Limit))
		o.Sentence = fmt.Sprintf("%s; must stay %s %s, and fails that by %s", m.interval(o.Change, low, high, level), side(m.good), m.changeText(o.Limit),
			strings.TrimPrefix(m.changeText(*o.Short), "+"))
	}
	return o
}

func (r *Report) has(name string) bool {
	for i := range r.Measures {
		if r.Measures[i].Name == name {
			return true
		}
	}
	return false
}

// limit is what the difference must stay on the better side of, as estimates have it.
func (c *Clause) limit(m *measure) float64 {
	margin := c.Margin * float64(m.good) // a better one, in the direction that is better
	if !c.Better {
		margin = -margin
	}
	return m.inner(margin)
}

func side(good direction) string {
	if good == less {
		return "below"
	}
	return "above"
}

// interval is a change with its interval for people.
func (m *measure) interval(change *float64, low, high, level float64) string {
	text := "unlimited"
	if change != nil {
		text = m.changeText(*change)
	}
	return fmt.Sprintf("%s (%s to %s, %.3g %%)", text, m.changeText(m.change(low)), m.changeText(m.change(high)), 100*level)
}

// changeText is a change with its unit for people.
func (m *measure) changeText(x float64) string {
	switch {
	case math.IsInf(x, 1):
		return "any more"
	case m.kind == ratio && x <= -100 || math.IsInf(x, -1):
		return "any less"
	}
	switch m.changeUnit() {
	case "%":
		return fmt.Sprintf("%+.1f %%", x)
	case "points":
		return fmt.Sprintf("%+.2f points", x)
	}
	return fmt.Sprintf("%+.3f", x)
}
