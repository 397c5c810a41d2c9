package compare

import (
	"fmt"
	"io"
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
	Limit    float64  `json:"limit"`            // what the interval must stay on the better side of
	Short    *float64 `json:"short_by"`         // by how much it does not
	Needed   int      `json:"needed,omitempty"` // sessions in each arm that might tell, where these do not
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
		o.Needed = leastClusters
		o.Sentence = fmt.Sprintf("not enough to tell: at least %d %s an arm are needed, and there are %d and %d",
			leastClusters, r.Unit, j.difference.a.clusters, j.difference.b.clusters)
		return o
	}
	o.judge(j, level, r.Unit)
	return o
}

// judge holds the clause's limit against the worse end of the interval.
func (o *Outcome) judge(j *judgement, level float64, unit string) {
	m, d := &j.measure, &j.difference
	low, high := d.interval(level)
	limit := o.limit(m)
	worst := low
	if m.good == less {
		worst = high
	}
	o.Change, o.Low, o.High, o.Limit = number(m.change(d.value())), m.end(low), m.end(high), m.change(limit)
	o.Holds = (worst-limit)*float64(m.good) > 0
	o.Sentence = fmt.Sprintf("%s (%s to %s, %.3g %%); must stay %s %s", m.changeText(m.change(d.value())), m.changeText(m.change(low)), m.changeText(m.change(high)),
		100*level, side(m.good), m.changeText(o.Limit))
	switch {
	case o.Holds:
		return
	case math.IsInf(worst, 0):
		o.Needed = max(d.a.leastSessions(critical(level, math.Inf(1))), d.b.leastSessions(critical(level, math.Inf(1))))
		o.Sentence += fmt.Sprintf(", which so few cannot tell: at least %d %s an arm are needed", o.Needed, unit)
		return
	}
	short := math.Abs(m.change(worst) - o.Limit)
	o.Short = number(short)
	o.Sentence += ", and fails that by " + strings.TrimPrefix(m.changeText(short), "+")
	if within := (d.value() - limit) * float64(m.good); within > 0 { // more sessions may tell: the interval shrinks with their root
		more := math.Abs(worst-d.value()) / within
		o.Needed = int(min(math.Ceil(more*more*float64(d.b.clusters)), math.MaxInt32))
		o.Sentence += fmt.Sprintf("; %d %s an arm might tell", o.Needed, unit)
	}
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
	if margin := c.Margin * float64(m.good); c.Better && margin != 0 {
		return m.inner(margin)
	} else if margin != 0 {
		return m.inner(-margin)
	}
	return 0
}

func side(good direction) string {
	if good == less {
		return "below"
	}
	return "above"
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

// Write writes the decision for people.
func (d *Decision) Write(out io.Writer) {
	verdict := "does not hold"
	if d.Holds {
		verdict = "holds"
	}
	fmt.Fprintf(out, "\nrule: %s: it %s; intervals of %.3g %%, so that all together have %.3g %%\n", d.Rule, verdict, 100*d.Level, 100*(1-Alpha))
	for _, o := range d.Clauses {
		mark := "no"
		if o.Holds {
			mark = "ok"
		}
		fmt.Fprintf(out, "  %s  %s: %s\n", mark, o.Measure, o.Sentence)
	}
	for _, sentence := range d.Refused {
		fmt.Fprintf(out, "  no  %s\n", sentence)
	}
}
