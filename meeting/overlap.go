package meeting

import (
	"slices"
	"strings"
)

// usefulShare of the shortest capture must be common to all, so that one that only just touches the others does not leave
// them nothing to compare.
const usefulShare = 4

// overlap says which members are located together: the most that have a useful time in common; of several such sets the one
// with the longest.
func (e *Entry) overlap() []bool {
	var best []bool
	var count int
	var span int64
	for i := range e.Members {
		for j := range e.Members {
			from, to := e.Members[i].Start, e.Members[j].End
			set, n, shortest := e.holding(from, to)
			if to-from < shortest/usefulShare || n < count || n == count && to-from <= span {
				continue
			}
			best, count, span = set, n, to-from
		}
	}
	return best // each capture alone is such a set
}

// holding says which members heard all of the time between, how many, and how long the shortest of them is.
func (e *Entry) holding(from, to int64) (set []bool, n int, shortest int64) {
	set = make([]bool, len(e.Members))
	if to < from {
		return set, 0, 0
	}
	for k := range e.Members {
		m := &e.Members[k]
		if m.Start > from || m.End < to {
			continue
		}
		set[k] = true
		if length := m.End - m.Start; n == 0 || length < shortest {
			shortest = length
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
