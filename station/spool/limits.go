package spool

import (
	"os"
	"path/filepath"
	"time"
)

// drop removes what is over the limits once more bytes are there: what was set aside first, then the oldest. What is in flight
// stays, so that the spool may be larger than its limit by what is in flight. Under mu.
func (s *Spool) drop(now time.Time, more int64) {
	tooOld := now.Add(-s.options.MaxAge).UnixMilli()
	for len(s.waiting) > 0 && s.waiting[0].put < tooOld {
		s.dropOldest(&s.stats.TooOld, now)
	}
	excess := s.bytes + more - s.options.MaxBytes
	for ; excess > 0 && len(s.aside) > 0; s.aside = s.aside[1:] {
		excess -= s.aside[0].size
		s.forgetAside(s.aside[0])
	}
	for excess > 0 && len(s.waiting) > 0 {
		excess -= s.waiting[0].size
		s.dropOldest(&s.stats.NoRoom, now)
	}
}

// logPause is how often dropped captures are logged: while an outage lasts there may be one for every new capture.
const logPause = time.Minute

func (s *Spool) dropOldest(count *uint64, now time.Time) {
	e := s.waiting[0]
	s.waiting = s.waiting[1:]
	*count++
	err := s.discard(e.name(), e)
	if now.Sub(s.said) >= logPause {
		s.said = now
		s.options.Log.Warn("the spool is over its limits: its oldest captures are dropped", "sequence", e.sequence,
			"put", time.UnixMilli(e.put).UTC(), "too_old", s.stats.TooOld, "no_room", s.stats.NoRoom, "error", err)
	}
	s.change()
}

func (s *Spool) forgetAside(e entry) {
	name := filepath.Join(asideDir, e.name())
	if err := s.discard(name, e); err != nil {
		s.options.Log.Warn("a capture that was set aside cannot be removed", "error", err)
	}
	os.Remove(s.folder.join(name + reasonEnd))
}
