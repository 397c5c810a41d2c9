package compare

import "math"

// Verdicts on a difference. They do not change.
const (
	Better    = "better"     // B is, and that is more than chance
	Worse     = "worse"      // B is, and that is more than chance
	Different = "different"  // more than chance, and neither side is the better one
	Same      = "same"       // with 95 % confidence there is no difference that is worth telling
	Unknown   = "unknown"    // not enough to tell
	NotJudged = "not_judged" // the figures do not mean the same in both arms
)

// Alpha is the chance, over all differences of a report, that any is called more than chance where there is none; the
// intervals shown have the level 1 - Alpha each.
const Alpha = 0.05

const power = 0.8 // with which the number that it would take would tell a difference that is worth it

// judge fills in what is to be said of a difference, from its corrected probability.
func (c *Comparison) judge(m *measure, d *difference, corrected float64, family int) {
	low, high := d.interval(1 - Alpha)
	worth := m.inner(m.worth)
	switch {
	case corrected <= Alpha && m.good == neither:
		c.Verdict = Different
	case corrected <= Alpha && (d.value() > 0) == (m.good == more):
		c.Verdict = Better
	case corrected <= Alpha:
		c.Verdict = Worse
	case low > -worth && high < worth:
		c.Verdict = Same
	default:
		c.Verdict = Unknown
		c.Needed, c.AtLeast = d.needed(worth, family)
		c.AtPower = power
	}
}

// needed is how many sessions in each arm it would take to tell a difference like this, with power, among as many
// others, from what their spread is here. Where even that cannot be told it is the least.
func (d *difference) needed(worth float64, family int) (sessions int, atLeast bool) {
	if !d.enough() {
		return leastClusters, true
	}
	z := normalQuantile(1 - Alpha/2/float64(family))
	target := worth / (z + normalQuantile(power))
	if d.paired {
		low, high := d.interval(1 - Alpha)
		se := (high - low) / 2 / normalQuantile(1-Alpha/2)
		return sessionsFor(se*se*float64(d.a.clusters), target), false
	}
	var variance float64 // of a single session's worth of both arms
	for _, e := range []*estimate{&d.a, &d.b} {
		low, high := e.limits(1 - Alpha)
		if math.IsInf(high-low, 0) {
			return max(d.a.leastSessions(z), d.b.leastSessions(z)), true
		}
		se := (high - low) / 2 / normalQuantile(1-Alpha/2)
		variance += se * se * float64(e.clusters)
	}
	return sessionsFor(variance, target), false
}

// sessionsFor is how many it takes for this standard error where one session has this variance.
func sessionsFor(variance, target float64) int {
	sessions := variance / (target * target)
	if !(sessions < math.MaxInt32) {
		return math.MaxInt32
	}
	return max(int(math.Ceil(sessions)), leastClusters)
}

// leastSessions is how many it takes for a quantile's interval to have ends.
func (e *estimate) leastSessions(z float64) int {
	return int(math.Ceil(z * z * e.odds * float64(e.clusters) / max(e.independent, 1)))
}
