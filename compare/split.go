package compare

import (
	"fmt"
	"math"
)

// Split is how the sessions came to be shared between the arms.
type Split struct {
	Asked    float64  `json:"asked_percent,omitempty"` // that were to go to B; 0: not known
	Seen     float64  `json:"seen_percent"`            // that went
	Sessions int      `json:"sessions"`                // of which that is the share; captures without one count as one each
	InBoth   int      `json:"in_both"`                 // sessions of which both arms have captures
	P        *float64 `json:"p"`                       // of such a share by chance; null where it cannot be told
	Mismatch bool     `json:"mismatch"`                // it is not by chance
}

// mismatchP is below what the share seen is taken for another than the one asked for: small, as every look at a comparison
// makes this test, too.
const mismatchP = 0.001

// newSplit counts the sessions of both arms among captures of which both samples have all.
func newSplit(a, b *sample, asked float64) *Split {
	most := min(a.until(), b.until())
	inA, inB := a.sessions(most), b.sessions(most)
	s := &Split{Asked: asked, Sessions: len(inA) + len(inB)}
	for id := range inA {
		if _, both := inB[id]; both {
			s.InBoth++
		}
	}
	s.Sessions -= s.InBoth
	n, p := float64(s.Sessions), asked/100
	seen := float64(len(inB)) - float64(s.InBoth)/2
	s.Seen = 100 * seen / n
	if expected := n * min(p, 1-p); expected >= 5 {
		tail := normalTail((seen - n*p) / math.Sqrt(n*p*(1-p)))
		s.P, s.Mismatch = number(tail), tail < mismatchP
	}
	return s
}

// sessions are those of captures with keys up to most.
func (s *sample) sessions(most uint64) map[uint64]struct{} {
	ids := make(map[uint64]struct{})
	for i := range s.kept {
		if s.kept[i].key <= most {
			ids[s.kept[i].cluster] = struct{}{}
		}
	}
	return ids
}

// Codes of warnings. They do not change.
const (
	WarnNotRandom  = "not_random"  // who answered what was not settled by chance
	WarnMismatch   = "mismatch"    // the share seen is not the one asked for
	WarnInBoth     = "in_both"     // sessions changed arms
	WarnVersions   = "versions"    // an arm had several models
	WarnLeftOut    = "left_out"    // captures that the challenger failed on are in no figure but errors
	WarnUnasked    = "unasked"     // captures whose worker had not loaded the challenger
	WarnElsewhere  = "elsewhere"   // fixes of the arms that are of no or another experiment
	WarnSampled    = "sampled"     // the figures are of a sample
	WarnDuplicates = "duplicates"  // captures with several fixes
	WarnNoSessions = "no_sessions" // captures are taken to be independent
	WarnRunning    = "running"     // the experiment has not ended
	WarnSame       = "same_model"  // both arms are one model
)

func (r *Report) add(code string, fatal bool, format string, args ...any) {
	r.Warnings = append(r.Warnings, Warning{code, fmt.Sprintf(format, args...), fatal})
}

// Warn adds a warning that is the caller's to know.
func (r *Report) Warn(code, sentence string) { r.add(code, false, "%s", sentence) }

// warn says what speaks against the comparison.
func (r *Report) warn(c *Collector, a, b *version) {
	r.Warnings = []Warning{}
	if s := r.Split; s != nil {
		r.warnSplit(s)
	}
	if r.A.Model.Digest == r.B.Model.Digest {
		r.add(WarnSame, false, "both arms are the same model: what differs is chance")
	}
	for _, arm := range []*Arm{&r.A, &r.B} {
		for _, other := range arm.Others {
			r.add(WarnVersions, false,
				"the %s was more than one model in this time: %d fixes by %s are left out, as they are of another", arm.Name, other.Fixes, modelText(other.Model))
		}
	}
	if n := r.B.Failures[notLoaded]; n > 0 {
		r.add(WarnUnasked, false, "%d captures came to workers that had not loaded the %s, and are in no figure", n, r.B.Name)
	}
	if failed := total(r.B.Failures) - r.B.Failures[notLoaded] - r.B.Failures[suspect]; failed > 0 && !r.Paired {
		r.add(WarnLeftOut, false,
			"the %d captures that the %s failed on count in errors alone: the other figures are of those that it could answer, perhaps the easier ones", failed, r.B.Name)
	}
	if r.Paired {
		r.add(WarnLeftOut, false, "what a shadow fails on leaves no fix: its errors are in the workers' metrics, and the figures here are of the "+
			"%d captures that both answered; its time and its cache are its own, and not judged", r.B.Sampled)
	}
	if c.elsewhere > 0 {
		r.add(WarnElsewhere, false, "%d fixes of these arms are of no or another experiment than %.32q and are left out", c.elsewhere, r.Experiment)
	}
	if n := max(a.fixes, b.fixes); n > c.options.sample {
		r.add(WarnSampled, false, "the figures are of a sample of %d and %d of the fixes; the counts are of all", r.A.Sampled, r.B.Sampled)
	}
	if n := a.sample.again + b.sample.again; n > 0 {
		r.add(WarnDuplicates, false, "%d fixes were of captures that had one already; the first counts", n)
	}
	if r.Unit == "captures" {
		r.add(WarnNoSessions, false,
			"the captures have no sessions: each is taken for independent of the others, which makes the intervals too short where many are of one transmitter")
	}
}

func (r *Report) warnSplit(s *Split) {
	if r.Experiment == "" {
		r.add(WarnNotRandom, true, "no experiment shared these captures between the arms: what differs may be the captures and not the models")
	}
	if s.Mismatch {
		r.add(WarnMismatch, true,
			"%.1f %% of the %s went to the %s, and %.1f %% were asked for, which is not by chance (p %.2g): "+
				"captures were lost or kept from an arm, and those that remain cannot be compared",
			s.Seen, r.Unit, r.B.Name, s.Asked, *s.P)
	}
	if s.InBoth > 0 {
		r.add(WarnInBoth, false,
			"%d of %d %s have captures in both arms, as when a share is changed while they last: the arms are not independent of each other", s.InBoth, s.Sessions, r.Unit)
	}
}
