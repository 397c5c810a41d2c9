package receiver

import (
	"math"
	"time"
)

// What is believed of a sample clock before it has been watched.
const (
	priorRate = 50e-6                // standard deviation of a cheap oscillator, in parts
	wander    = 2e-6                 // by which one changes while it is not watched
	priorLate = 5 * time.Millisecond // scatter of the earliest arrivals, until a few of them have been seen
)

const (
	pointTime  = time.Second // the earliest arrival of each such time is kept
	mostPoints = 300         // five minutes: long enough for the rate, short enough for an oscillator that warms up
)

// point is an arrival: after so many samples, by how much later than the nominal rate says. Both in ns.
type point struct{ samples, late float64 }

// timeline says when samples were taken from when they arrived. What lies between only delays, so the samples' line lies below
// all arrivals and touches the earliest of them. It is the lower edge of their convex hull at the middle of the time watched,
// which is the line below all of them with the least sum of distances (Moon, Skelly and Towsley, "Estimation and removal of
// clock skew from network delay measurements", 1999).
//
// Arrivals are kept by the monotonic clock and become UTC by what the system's clock says last, so that a clock that is set
// while the program runs takes all times with it.
type timeline struct {
	period float64 // ns a sample, nominal
	prior  float64 // what the rate is taken for until it is measured: 1 + prior times the nominal period
	trust  float64 // standard deviation of prior

	offset int64 // from the monotonic clock to UTC, ns since the Unix epoch

	points  []point // one each pointTime, the last still growing
	from    float64 // where the last began, ns by the sample count
	line    struct{ start, slope float64 }
	scatter float64 // ns, of the points about the line
}

func newTimeline(rate float64) *timeline {
	return &timeline{period: 1e9 / rate, trust: priorRate, scatter: float64(priorLate)}
}

// restart forgets the arrivals, as after a gap, but not the rate.
func (t *timeline) restart() {
	if t.points != nil {
		t.prior, t.trust = t.line.slope, math.Hypot(t.rateSigma(), wander)
	}
	t.points = nil
	t.scatter = float64(priorLate)
}

// arrived notes that the last of n samples of this run came, at a time of the monotonic clock, when the system's said utc (ns
// since the Unix epoch). It returns by how much that is later than the line, as known before: negative where it is earlier. What is
// not on time says nothing of the sample clock: it waited on the way, or samples were lost.
func (t *timeline) arrived(n int64, since time.Duration, utc int64) (late time.Duration) {
	t.offset = utc - int64(since)
	p := point{samples: float64(n) * t.period}
	p.late = float64(since) - p.samples
	if len(t.points) == 0 {
		t.points, t.from = append(t.points, p), p.samples
		t.fit()
		return 0
	}
	if late = time.Duration(p.late - t.at(p.samples)); late <= t.onTime() {
		t.keep(p)
	}
	return late
}

// keep keeps the earliest arrival of each pointTime. The line is fitted anew when one begins, and moved at once by what is
// below it.
func (t *timeline) keep(p point) {
	last := &t.points[len(t.points)-1]
	switch {
	case p.samples-t.from >= float64(pointTime):
		t.points = append(t.points, p)
		if len(t.points) > mostPoints {
			t.points = append(t.points[:0], t.points[1:]...)
		}
		t.from = p.samples
		t.fit()
		return
	case p.late-t.line.slope*p.samples < last.late-t.line.slope*last.samples:
		*last = p
	}
	if below := p.late - t.at(p.samples); below < 0 {
		t.line.start += below
	}
}

// fit finds the line below all points. Its slope is weighed against what was known of the rate before, by what either may be
// wrong.
func (t *timeline) fit() {
	slope := t.prior
	if a, b, ok := lowerEdge(t.points); ok {
		measured := (b.late - a.late) / (b.samples - a.samples)
		own := t.measureSigma()
		weight := t.trust * t.trust / (t.trust*t.trust + own*own)
		slope += weight * (measured - t.prior)
	}
	start := math.Inf(1)
	for _, p := range t.points {
		start = min(start, p.late-slope*p.samples)
	}
	t.line.start, t.line.slope = start, slope
	t.scatter = t.spread()
}

// at is the line: by how much later than the nominal rate says.
func (t *timeline) at(samples float64) float64 { return t.line.start + t.line.slope*samples }

// onTime is how much later than the line an arrival may be that shows that nothing was lost before it: ten times the scatter of the
// earliest arrivals, as far as that makes sense. A loss of less is not seen, but widens the scatter.
func (t *timeline) onTime() time.Duration {
	const least, most = 5 * time.Millisecond, 20 * time.Millisecond
	return min(max(time.Duration(10*t.scatter), least), most)
}

// spread is the scatter of the points above the line, the last one aside, which is not at its earliest yet.
func (t *timeline) spread() float64 {
	const few = 4
	if len(t.points) <= few {
		return float64(priorLate)
	}
	sum := 0.0
	for _, p := range t.points[:len(t.points)-1] {
		d := p.late - t.at(p.samples)
		sum += d * d
	}
	return math.Sqrt(sum / float64(len(t.points)-1))
}

// measureSigma is what the measured slope may be wrong by: the scatter over the time watched.
func (t *timeline) measureSigma() float64 {
	watched := t.points[len(t.points)-1].samples - t.points[0].samples
	return t.scatter / max(watched, 1)
}

// rateSigma is the standard deviation of the rate, in parts.
func (t *timeline) rateSigma() float64 {
	own := t.measureSigma()
	return t.trust * own / math.Hypot(t.trust, own)
}

// rate is the samples' true rate, Hz.
func (t *timeline) rate() float64 { return 1e9 / (t.period * (1 + t.line.slope)) }

// time is when sample n of this run was taken, ns since the Unix epoch, as far as arrivals tell.
func (t *timeline) time(n int64) int64 {
	samples := float64(n) * t.period
	return t.offset + int64(math.Round(samples+t.at(samples)))
}

// lowerEdge is the edge of the points' lower convex hull over the middle of their samples; ok is false where there is none.
func lowerEdge(points []point) (a, b point, ok bool) {
	var hull []point
	for _, p := range points {
		for len(hull) >= 2 && !isBelow(hull[len(hull)-2], hull[len(hull)-1], p) {
			hull = hull[:len(hull)-1]
		}
		hull = append(hull, p)
	}
	middle := 0.0
	for _, p := range points {
		middle += p.samples / float64(len(points))
	}
	for i := range len(hull) - 1 {
		if hull[i+1].samples >= middle && hull[i+1].samples > hull[i].samples {
			return hull[i], hull[i+1], true
		}
	}
	return a, b, false
}

// isBelow reports whether b lies below the line from a to c.
func isBelow(a, b, c point) bool {
	return (b.late-a.late)*(c.samples-a.samples) < (c.late-a.late)*(b.samples-a.samples)
}
