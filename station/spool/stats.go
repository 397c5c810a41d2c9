package spool

import (
	"slices"
	"time"
)

// Stats is what a spool holds and what became of captures since it was opened.
type Stats struct {
	Waiting  int       `json:"waiting"`
	InFlight int       `json:"in_flight"` // sent, and not confirmed yet
	Bytes    int64     `json:"bytes"`     // on the disk, with those set aside
	MaxBytes int64     `json:"max_bytes"`
	Oldest   time.Time `json:"oldest,omitzero"` // when the oldest that waits or is in flight was put; zero: there is none
	Aside    int       `json:"aside"`           // captures set aside
	Sequence uint64    `json:"sequence"`        // the highest number that a capture has

	Put       uint64 `json:"put"`
	Sent      uint64 `json:"sent"`      // and confirmed
	Failed    uint64 `json:"failed"`    // attempts to send
	TooOld    uint64 `json:"too_old"`   // dropped for their age
	NoRoom    uint64 `json:"no_room"`   // dropped for want of room
	Unwritten uint64 `json:"unwritten"` // lost, as the disk did not take them
	Unfit     uint64 `json:"unfit"`     // lost, as nobody takes such a capture; they have no number
	Refused   uint64 `json:"refused"`   // set aside, as the server never takes them
	Damaged   uint64 `json:"damaged"`   // set aside, as their files are not what was written, or gone

	LastError string        `json:"last_error,omitempty"` // why the last attempt failed; empty once one succeeded
	RetryAt   time.Time     `json:"retry_at,omitzero"`    // when the pause after a failure ends
	P50       time.Duration `json:"puback_p50_ns"`        // from sending to the PubAck, of the last 256
	P95       time.Duration `json:"puback_p95_ns"`
}

// Stats is how things are now.
func (s *Spool) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.stats
	st.Waiting, st.InFlight, st.Aside = len(s.waiting), len(s.inFlight), len(s.aside)
	st.Bytes, st.MaxBytes, st.Sequence = s.bytes, s.options.MaxBytes, s.last
	st.Oldest, st.RetryAt = s.oldest(), s.pace.until
	st.P50, st.P95 = s.took.quantiles()
	return st
}

// oldest is under mu.
func (s *Spool) oldest() time.Time {
	first := entry{}
	if len(s.waiting) > 0 {
		first = s.waiting[0]
	}
	for _, e := range s.inFlight {
		if first.sequence == 0 || e.sequence < first.sequence {
			first = e
		}
	}
	if first.sequence == 0 {
		return time.Time{}
	}
	return time.UnixMilli(first.put).UTC()
}

// latencies are the last of them.
type latencies struct {
	ring [256]time.Duration
	n    int // ever added
}

func (l *latencies) add(d time.Duration) {
	l.ring[l.n%len(l.ring)] = d
	l.n++
}

// quantiles are 0 where nothing was added.
func (l *latencies) quantiles() (p50, p95 time.Duration) {
	n := min(l.n, len(l.ring))
	if n == 0 {
		return 0, 0
	}
	sorted := slices.Sorted(slices.Values(l.ring[:n]))
	return sorted[(n-1)/2], sorted[(n-1)*95/100]
}
