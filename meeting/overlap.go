package meeting

import (
	"cmp"
	"slices"
	"strings"
)

// What one station sends may cost its own capture, and not the event of the others. So what all must have in common is measured
// against the median over an event's captures, which one alone cannot move far.
const (
	// sameFrequency is how far apart, in Hz, captures of one emission may say that they are tuned.
	sameFrequency = 1
	// usefulRate of the median rate is what a capture must have: all are brought to the lowest.
	usefulRate = 8
	// usefulShare of the median length must be common to all, so that one that is short, or only just touches the others, does
	// not leave them nothing to compare.
	usefulShare = 4
)

// fit says which members are located together, at most so many, and why each other is not: a code for each member, "" for those
// that are. Those without the useful rate or time are done without only where at least least are left.
func (e *Entry) fit(least, most int) []string {
	tuned := e.tuned()
	fast := e.fast(tuned)
	together := e.overlap(fast, lowerMedian(e.each(fast, (*Member).length)))
	if count(together) < least {
		fast, together = tuned, e.overlap(tuned, 0)
	}
	left, n := make([]string, len(e.Members)), 0
	for i := range e.Members {
		switch {
		case e.Members[i].Left != "":
			left[i] = e.Members[i].Left
		case !tuned[i]:
			left[i] = CodeFrequencyMismatch
		case !fast[i]:
			left[i] = CodeRateMismatch
		case !together[i]:
			left[i] = CodeNoOverlap
		case n == most:
			left[i] = CodeLate
		default:
			n++
		}
	}
	return left
}

// fitting is how many members would be located together.
func (e *Entry) fitting(least, most int) (n int) {
	for _, code := range e.fit(least, most) {
		if code == "" {
			n++
		}
	}
	return n
}

// tuned says which members are on the frequency that the most are on; of several such sets the first.
func (e *Entry) tuned() []bool {
	best := make([]bool, len(e.Members))
	for i := range e.Members {
		lowest, set := e.frequencyOf(i), make([]bool, len(e.Members))
		for k := range e.Members {
			f := e.frequencyOf(k)
			set[k] = e.Members[k].Left == "" && f >= lowest && f <= lowest+sameFrequency
		}
		if count(set) > count(best) {
			best = set
		}
	}
	return best
}

func (e *Entry) frequencyOf(i int) float64 { return cmp.Or(e.Members[i].Frequency, e.Frequency) }

// frequency is what most members are on.
func (e *Entry) frequency() float64 {
	return e.frequencyOf(max(0, slices.Index(e.tuned(), true)))
}

// fast says which of some members have a useful rate, as far as it is known.
func (e *Entry) fast(of []bool) []bool {
	median, set := lowerMedian(e.each(of, func(m *Member) int64 { return m.Rate })), slices.Clone(of)
	for i := range set {
		if rate := e.Members[i].Rate; rate > 0 && rate < median/usefulRate {
			set[i] = false
		}
	}
	return set
}

func (m *Member) length() int64 { return m.End - m.Start }

// each is what some members have of something.
func (e *Entry) each(of []bool, what func(*Member) int64) (values []int64) {
	for i := range e.Members {
		if of[i] {
			values = append(values, what(&e.Members[i]))
		}
	}
	return values
}

func lowerMedian(values []int64) int64 {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	return values[(len(values)-1)/2]
}

func count(set []bool) (n int) {
	for _, in := range set {
		if in {
			n++
		}
	}
	return n
}

// overlap says which of some members have a useful time in common: the most; of several such sets the one with the longest. Useful
// is a share of the median length, or, where that is 0, of the set's shortest.
func (e *Entry) overlap(of []bool, median int64) []bool {
	best := make([]bool, len(e.Members))
	var most int
	var span int64
	for i := range e.Members {
		for j := range e.Members {
			if !of[i] || !of[j] {
				continue
			}
			from, to := e.Members[i].Start, e.Members[j].End
			set, n, shortest := e.holding(of, from, to)
			if to-from < cmp.Or(median, shortest)/usefulShare || n < most || n == most && to-from <= span {
				continue
			}
			best, most, span = set, n, to-from
		}
	}
	return best
}

// holding says which of some members heard all of the time between, how many, and how long the shortest of them is.
func (e *Entry) holding(of []bool, from, to int64) (set []bool, n int, shortest int64) {
	set = make([]bool, len(e.Members))
	if to < from {
		return set, 0, 0
	}
	for k := range e.Members {
		m := &e.Members[k]
		if !of[k] || m.Start > from || m.End < to {
			continue
		}
		set[k] = true
		if n == 0 || m.length() < shortest {
			shortest = m.length()
		}
		n++
	}
	return set, n, shortest
}

// Chosen are the members that the fix rests on, in order of their stations' names.
func (e *Entry) Chosen() (chosen []Member) {
	for i := range e.Members {
		if e.Members[i].Left == "" {
			chosen = append(chosen, e.Members[i])
		}
	}
	slices.SortFunc(chosen, func(a, b Member) int { return strings.Compare(a.Station, b.Station) })
	return chosen
}
