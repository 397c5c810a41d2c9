package compare

import "math"

// kind is how two arms are held against each other in a measure.
type kind int

const (
	ratio  kind = iota // of geometric means or quantiles, in percent
	points             // of shares, in percentage points
	plain              // the difference itself
)

// direction says which side of a difference is the better one.
type direction int

const (
	neither direction = 0
	less    direction = -1
	more    direction = +1
)

// measure is one figure by which arms are compared.
type measure struct {
	name  string // stable: rules and JSON have it
	unit  string
	kind  kind
	good  direction
	worth float64 // the difference that is worth telling, in percent, points or itself; a rule's margin where it names none
	about string

	value    func(*observation) (x float64, ok bool)
	estimate func(column) estimate
	paired   bool // whether it means anything between a shadow and the arm it follows
	ofB      bool // only B can have it: A has none, and that is certain
	cached   bool // it is another's where no fix came from the cache
}

// The shares of truths that an ellipse's outline encloses are 1 - exp(-d²/2): chi-square with 2 degrees of freedom.
var (
	inside68 = -2 * math.Log(1-0.68)
	inside95 = -2 * math.Log(1-0.95)
)

// farD2 is a truth 5 standard deviations off, which of right ellipses 4 in a million are.
const farD2 = 25

// measures are all that arms are compared by, in the order of the table.
func measures() []measure {
	ms := []measure{
		{name: "errors", unit: "%", kind: points, good: less, worth: 1, ofB: true, about: "captures on which the challenger failed, and the champion answered",
			value: func(o *observation) (float64, bool) { return one(o.failed), !o.unasked }, estimate: shareOf},
		{name: "cache_hits", unit: "%", kind: points, good: neither, worth: 5, about: "answers that came from the cache",
			value: func(o *observation) (float64, bool) { return one(o.cached), !o.failed }, estimate: shareOf},
	}
	ms = append(ms, latencies("latency", "time to the fix, of those that were computed", func(o *observation) bool { return !o.failed && !o.cached })...)
	for _, m := range latencies("latency_all", "time to the fix, from the cache or computed", func(o *observation) bool { return !o.failed }) {
		m.cached = true
		ms = append(ms, m)
	}
	return append(append(ms, ellipses()...), truths()...)
}

func latencies(name, about string, of func(*observation) bool) (ms []measure) {
	value := func(o *observation) (float64, bool) { return math.Log(max(o.latency, leastLatency)), of(o) }
	for _, q := range []struct {
		suffix string
		p      float64
	}{{"_p50", 0.5}, {"_p95", 0.95}, {"_p99", 0.99}} {
		ms = append(ms, measure{name: name + q.suffix, unit: "ms", kind: ratio, good: less, worth: 10, about: about,
			value: value, estimate: quantile(q.p)})
	}
	return ms
}

func ellipses() []measure {
	return []measure{
		{name: "area_m2", unit: "m²", kind: ratio, good: less, worth: 10, about: "geometric mean of the 95 % ellipses' areas", paired: true,
			value: func(o *observation) (float64, bool) {
				return math.Log(o.area), !o.failed && o.area > 0 && o.area <= math.MaxFloat64
			}, estimate: meanOf},
		{name: "confidence", kind: plain, good: neither, worth: 0.05, about: "mean", paired: true,
			value: func(o *observation) (float64, bool) { return o.confidence, !o.failed }, estimate: meanOf},
	}
}

// truths are the measures of fixes whose truth is known.
func truths() []measure {
	distance := func(o *observation) (float64, bool) { return math.Log(max(o.err, leastError)), o.known && !o.failed }
	within := func(most float64) func(o *observation) (float64, bool) {
		return func(o *observation) (float64, bool) { return one(o.d2 <= most), o.known && !o.failed }
	}
	return []measure{
		{name: "error_m", unit: "m", kind: ratio, good: less, worth: 10, about: "geometric mean of the distances to the truth", value: distance, estimate: meanOf, paired: true},
		{name: "error_p50", unit: "m", kind: ratio, good: less, worth: 10, about: "median of them", value: distance, estimate: quantile(0.5), paired: true},
		{name: "error_p90", unit: "m", kind: ratio, good: less, worth: 10, about: "of ten, nine are nearer", value: distance, estimate: quantile(0.9), paired: true},
		{name: "inside_68", unit: "%", kind: points, good: more, worth: 5, about: "truths inside the 68 % ellipse", value: within(inside68), estimate: shareOf, paired: true},
		{name: "inside_95", unit: "%", kind: points, good: more, worth: 2, about: "truths inside the 95 % ellipse", value: within(inside95), estimate: shareOf, paired: true},
		{name: "far", unit: "%", kind: points, good: less, worth: 1, about: "truths with d² > 25", paired: true,
			value: func(o *observation) (float64, bool) { return one(o.d2 > farD2), o.known && !o.failed }, estimate: shareOf},
	}
}

// What is less has no logarithm that means anything.
const (
	leastLatency = 1e-3 // ms
	leastError   = 1e-2 // m
)

func quantile(p float64) func(column) estimate {
	return func(c column) estimate { return quantileOf(c, p) }
}

func one(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

// column is the measure of these fixes.
func (m *measure) column(of []observation) (c column) {
	for i := range of {
		if x, ok := m.value(&of[i]); ok {
			c.x = append(c.x, x)
			c.cluster = append(c.cluster, of[i].cluster)
		}
	}
	return c
}

// difference is that of two arms' fixes.
func (m *measure) difference(a, b column, paired bool) difference {
	of := m.estimate(a)
	if m.ofB {
		of.exact, of.limits = true, func(float64) (float64, float64) { return of.value, of.value }
	}
	return newDifference(of, m.estimate(b), paired)
}

// shown is an estimate as people know it: ratios are computed of logarithms, and shares are shown in percent.
func (m *measure) shown(x float64) float64 {
	switch m.kind {
	case ratio:
		return math.Exp(x)
	case points:
		return 100 * x
	}
	return x
}

// change is a difference as people know it: in percent of A's, in points, or itself.
func (m *measure) change(d float64) float64 {
	switch m.kind {
	case ratio:
		return 100 * math.Expm1(d)
	case points:
		return 100 * d
	}
	return d
}

// inner is a change as estimates have it, the inverse of change; in the direction given where that matters: 10 % more is
// undone by as much less, on the scale of logarithms.
func (m *measure) inner(change float64) float64 {
	switch m.kind {
	case ratio:
		return math.Log1p(change / 100)
	case points:
		return change / 100
	}
	return change
}

// changeUnit is that of change.
func (m *measure) changeUnit() string {
	switch m.kind {
	case ratio:
		return "%"
	case points:
		return "points"
	}
	return ""
}
