package status

import (
	"cmp"
	"slices"
	"sync"
)

// mostRecent is how many captures are shown.
const mostRecent = 20

// Recent is the captures with the highest numbers. It is safe for concurrent use.
type Recent struct {
	mu       sync.Mutex
	captures []Capture // the highest number first
}

// Note takes up a capture that was spooled, or what became of it. The two may come in any order.
func (r *Recent) Note(c Capture) {
	r.mu.Lock()
	defer r.mu.Unlock()
	i, known := slices.BinarySearchFunc(r.captures, c.Sequence, func(c Capture, n uint64) int { return cmp.Compare(n, c.Sequence) })
	switch {
	case !known:
		r.captures = slices.Insert(r.captures, i, c)
	case c.Sent:
		r.captures[i] = c
	}
	r.captures = r.captures[:min(len(r.captures), mostRecent)]
}

// List is the captures, the highest number first.
func (r *Recent) List() []Capture {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.captures)
}
