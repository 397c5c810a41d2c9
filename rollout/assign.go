package rollout

import (
	"crypto/sha256"
	"encoding/binary"
	"time"
)

// Challenged reports whether the challenger answers a capture: one that was stored while the split was on and whose session,
// or whose id if it has none, is of the split's share. stored is the capture's time in its stream, so that another delivery
// goes the same way, and all workers agree where their clocks do not.
func (p *Plan) Challenged(session, capture string, stored time.Time) bool {
	s := p.Challenger
	return s.assigns(stored) && place(s.ID, session, capture) < s.shareAt(stored)
}

// Experiment is the split's id for captures of either arm, those stored while it was on, and "" for all others.
func (p *Plan) Experiment(stored time.Time) string {
	if !p.Challenger.assigns(stored) {
		return ""
	}
	return p.Challenger.ID
}

// assigns reports whether the split has a word in who answers captures stored then. One that was stopped has none any more.
func (s *Split) assigns(stored time.Time) bool {
	return s != nil && s.Stopped == nil && !stored.Before(s.Since) && stored.Before(s.Until)
}

// Shadowed reports likewise whether the shadow answers a capture as well.
func (p *Plan) Shadowed(session, capture string, stored time.Time) bool {
	s := p.Shadow
	if s == nil || stored.Before(s.Since) || !s.Running(stored) {
		return false
	}
	return place(s.ID, session, capture) < s.Share
}

// shareAt is the share, in percent, that holds for captures stored then.
func (s *Split) shareAt(stored time.Time) float64 {
	for _, step := range s.Earlier {
		if stored.Before(step.Until) {
			return step.Share
		}
	}
	return s.Share
}

// place is where a session, or a capture of none, stands in an experiment: from 0 to just below 100, always the same. Who
// stands below the share is of it, so that a share that rises takes nobody out.
func place(experiment, session, capture string) float64 {
	kind, key := "s", session
	if session == "" {
		kind, key = "c", capture
	}
	sum := sha256.Sum256([]byte(experiment + "\x00" + kind + "\x00" + key))
	const digits = 53 // of a float64
	return float64(binary.BigEndian.Uint64(sum[:])>>(64-digits)) / (1 << digits) * 100
}
