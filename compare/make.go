package compare

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"foxhunt/messages"
)

// Report compares what has come. An arm without a fix is an error, *NoFixes.
func (c *Collector) Report() (*Report, error) {
	a, othersA := c.a.chosen(c.options.DigestA)
	b, othersB := c.b.chosen(c.options.DigestB)
	for _, side := range []struct {
		name string
		v    *version
	}{{c.options.A, a}, {c.options.B, b}} {
		if unasked := side.v.failures[notLoaded]; side.v.fixes == unasked {
			return nil, &NoFixes{Arm: side.name, Digest: side.v.model.Digest, unasked: unasked}
		}
	}
	r := &Report{
		From: c.first, To: c.last, Experiment: c.options.Experiment, Paired: c.options.paired(), DeadLetters: maps.Clone(c.letters),
		judged: map[string]*judgement{},
	}
	ofA, ofB := a.sample.kept, b.sample.kept
	if r.Paired {
		if ofA, ofB = common(ofA, ofB); len(ofA) == 0 {
			return nil, &NoFixes{Arm: c.options.B, Digest: b.model.Digest, common: true}
		}
	} else {
		r.Split = newSplit(a.sample, b.sample, c.options.Share)
	}
	r.A, r.B = newArmReport(c.options.A, a, ofA, othersA), newArmReport(c.options.B, b, ofB, othersB)
	r.Unit = "captures"
	if r.A.Sessions < r.A.Sampled || r.B.Sessions < r.B.Sampled {
		r.Unit = "sessions"
	}
	r.compare(ofA, ofB)
	r.warn(c, a, b)
	return r, nil
}

// NoFixes says that an arm has none.
type NoFixes struct {
	Arm    string
	Digest string // of the model that was asked for; "": of any
	common bool   // it has some, but of no capture that the other arm answered, too

	unasked int // captures that no worker had loaded it for
}

func (e *NoFixes) Error() string {
	switch {
	case e.common:
		return fmt.Sprintf("no_fixes: the %s has answered none of the captures that the other arm did in this time", e.Arm)
	case e.unasked > 0:
		return fmt.Sprintf("no_fixes: workers have not loaded the %s; %d captures that were to be its own the champion answered", e.Arm, e.unasked)
	case e.Digest != "":
		return fmt.Sprintf("no_fixes: no fix in this time is of the %s with digest %.12s", e.Arm, e.Digest)
	}
	return fmt.Sprintf("no_fixes: no fix in this time is of the %s", e.Arm)
}

// common is what two arms have of the captures that both have, without those that either failed on.
func common(a, b []observation) (inA, inB []observation) {
	byKey := make(map[uint64]*observation, len(a))
	for i := range a {
		byKey[a[i].key] = &a[i]
	}
	for i := range b {
		if o := byKey[b[i].key]; o != nil && !o.failed && !b[i].failed {
			inA, inB = append(inA, *o), append(inB, b[i])
		}
	}
	return inA, inB
}

func newArmReport(name string, v *version, of []observation, others []Version) Arm {
	sessions := make(map[uint64]struct{}, len(of))
	truths, squares := 0, 0.0
	for i := range of {
		sessions[of[i].cluster] = struct{}{}
		if o := &of[i]; o.known && !o.failed {
			truths++
			squares += o.err * o.err
		}
	}
	arm := Arm{Name: name, Model: v.model, Fixes: v.fixes, Cached: v.cached, Failures: v.failures, Sampled: len(of),
		Sessions: len(sessions), Truths: truths, Others: others}
	if truths > 0 {
		arm.ErrorRMS = number(math.Sqrt(squares / float64(truths)))
	}
	return arm
}

// compare compares the arms by every measure of which both have something.
func (r *Report) compare(ofA, ofB []observation) {
	var judged []*judgement
	var at []int // of judged, in r.Measures
	var ps []float64
	for _, m := range measures() {
		a, b := m.column(ofA), m.column(ofB)
		if len(a.x) == 0 || len(b.x) == 0 || m.cached && r.A.Cached+r.B.Cached == 0 {
			continue
		}
		j := &judgement{m, m.difference(a, b, r.Paired)}
		c := m.comparison(j)
		switch {
		case r.Paired && !m.paired:
			c.Change, c.Verdict = nil, NotJudged
		case !j.difference.enough():
			c.Verdict, c.Needed, c.AtLeast = Unknown, leastClusters, true
			r.judged[m.name] = j
		default:
			p := j.difference.p()
			c.P = number(p)
			low, high := j.difference.interval(1 - Alpha)
			c.Low, c.High = m.end(low), m.end(high)
			judged, at, ps = append(judged, j), append(at, len(r.Measures)), append(ps, p)
			r.judged[m.name] = j
		}
		r.Measures = append(r.Measures, c)
	}
	for i, corrected := range holm(ps) {
		c := &r.Measures[at[i]]
		c.PHolm = number(corrected)
		c.judge(&judged[i].measure, &judged[i].difference, corrected, len(ps))
	}
}

// comparison is the measure of both arms, not yet judged.
func (m *measure) comparison(j *judgement) Comparison {
	c := Comparison{Name: m.name, About: m.about, Unit: m.unit, Worth: m.worth, ChangeUnit: m.changeUnit(),
		A: m.figure(&j.difference.a), B: m.figure(&j.difference.b), Change: number(m.change(j.difference.value()))}
	return c
}

func (m *measure) figure(e *estimate) Figure {
	f := Figure{Value: number(m.shown(e.value)), Fixes: e.n, Sessions: e.clusters}
	if e.enough() {
		low, high := e.limits(1 - Alpha)
		f.Low, f.High = number(m.shown(low)), number(m.shown(high))
	}
	return f
}

// end is the end of an interval as a change; nil where the data set none, which a ratio would show as -100 %.
func (m *measure) end(x float64) *float64 {
	if math.IsInf(x, 0) {
		return nil
	}
	return number(m.change(x))
}

// number is x for JSON, which has no infinity.
func number(x float64) *float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return nil
	}
	return &x
}

// model names a model for people.
func modelText(m messages.Model) string {
	return fmt.Sprintf("%.64q version %.64q (%.12s)", m.Name, m.Version, m.Digest)
}

// total of what is counted by name.
func total(by map[string]int) (n int) {
	for _, one := range slices.Collect(maps.Values(by)) {
		n += one
	}
	return n
}
