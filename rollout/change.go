package rollout

import (
	"cmp"
	"crypto/rand"
	"strings"
	"time"
)

// Promote makes arm the champion from now on; the one before is remembered. A split ends if arm is its challenger, and so
// does a shadow that is arm; while a split of another model runs nothing is promoted.
func (p *Plan) Promote(arm Arm, c Change) error {
	if p.V == 0 {
		p.V = Version
	} else if arm.Same(p.Champion) && arm.Model == p.Champion.Model {
		return fail(CodeAlreadyChampion, "%s is champion since %s", p.Champion, p.Champion.Since.UTC().Format(time.RFC3339))
	}
	if s := p.Challenger; s.Running(c.At) && !s.Same(arm) {
		return fail(CodeSplitRunning, "a split with %s runs until %s; promote that, or stop the split first", s.Arm, s.Until.UTC().Format(time.RFC3339))
	}
	if p.Champion.Model != "" {
		p.Previous = append([]Arm{p.Champion}, p.Previous...)
		p.Previous = p.Previous[:min(len(p.Previous), MostPrevious)]
	}
	arm.Since = c.At
	p.Champion, p.Challenger, p.Changed = arm, nil, c
	if p.Shadow != nil && p.Shadow.Same(arm) {
		p.Shadow = nil
	}
	return p.Validate()
}

// Rollback makes the latest champion before that differs from this one champion again. It always may: a running split is stopped.
func (p *Plan) Rollback(c Change) error {
	if p.V == 0 {
		return fail(CodeNoChampion, "nothing was promoted yet, so there is nothing to take back")
	}
	for i, arm := range p.Previous {
		if arm.Same(p.Champion) {
			continue
		}
		if p.Challenger.Running(c.At) {
			p.stopSplit(&Stop{c.At, c.By, "the champion was rolled back"})
		}
		if p.Shadow != nil && p.Shadow.Same(arm) {
			p.Shadow = nil
		}
		arm.Since = c.At
		p.Champion, p.Previous, p.Changed = arm, p.Previous[i+1:], c
		return p.Validate()
	}
	return fail(CodeNoPrevious, "no champion before %s is known; promote another model", p.Champion)
}

// SplitOptions say how a challenger is tried.
type SplitOptions struct {
	Share        float64       // percent, 1 to 99
	Since        time.Time     // when it begins: late enough for every worker to have loaded it
	For          time.Duration // how long
	MaxErrorRate float64       // 0 to 1; 0: no bound
}

// StartSplit gives a share of the captures to a challenger. If the same challenger is being tried already its share changes,
// from o.Since on, and the experiment goes on: who was of a smaller share stays of the larger one.
func (p *Plan) StartSplit(arm Arm, o SplitOptions, c Change) error {
	if p.V == 0 {
		return fail(CodeNoChampion, "nothing was promoted yet: promote what serves now, then try another beside it")
	}
	if arm.Same(p.Champion) {
		return fail(CodeAlreadyChampion, "%s is champion; it cannot challenge itself", p.Champion)
	}
	next := &Split{Arm: arm, ID: newID(), Share: o.Share, Until: o.Since.Add(o.For), MaxErrorRate: o.MaxErrorRate}
	next.Since = o.Since
	if s := p.Challenger; s.Running(c.At) {
		if !s.Same(arm) {
			return fail(CodeSplitRunning, "a split with %s runs until %s; stop it first", s.Arm, s.Until.UTC().Format(time.RFC3339))
		}
		next.Arm, next.ID, next.Earlier = s.Arm, s.ID, s.stepsUntil(o.Since)
	}
	p.Challenger, p.Changed = next, c
	return p.Validate()
}

// stepsUntil are the shares so far, where another begins at since. A share that would have begun later than that never does.
func (s *Split) stepsUntil(since time.Time) (steps []Step) {
	if !since.After(s.Since) {
		return nil
	}
	for _, step := range append(s.Earlier[:len(s.Earlier):len(s.Earlier)], Step{s.Share, since}) {
		if !step.Until.Before(since) {
			return append(steps, Step{step.Share, since})[max(0, len(steps)+1-mostEarlier):]
		}
		steps = append(steps, step)
	}
	return steps
}

// StartShadow has a share of the captures, in percent, answered by arm as well, from since on. span 0 is until it is stopped.
func (p *Plan) StartShadow(arm Arm, share float64, since time.Time, span time.Duration, c Change) error {
	if p.V == 0 {
		return fail(CodeNoChampion, "nothing was promoted yet: promote what serves now, then try another beside it")
	}
	if arm.Same(p.Champion) {
		return fail(CodeAlreadyChampion, "%s is champion; it needs no shadow of itself", p.Champion)
	}
	next := &Shadow{Arm: arm, ID: newID(), Share: share}
	if s := p.Shadow; s.Running(c.At) && s.Same(arm) {
		next.ID = s.ID
	}
	if next.Since = since; span != 0 {
		next.Until = since.Add(span)
	}
	p.Shadow, p.Changed = next, c
	return p.Validate()
}

// StopSplit ends the running split at once and for good, for a reason.
func (p *Plan) StopSplit(reason string, c Change) error {
	if !p.Challenger.Running(c.At) {
		return fail(CodeNoSplit, "no split runs")
	}
	p.stopSplit(&Stop{c.At, c.By, text(reason, mostText)})
	p.Changed = c
	return p.Validate()
}

// stopSplit leaves the split itself alone: copies of the plan share it.
func (p *Plan) stopSplit(stop *Stop) {
	stopped := *p.Challenger
	stopped.Stopped = stop
	p.Challenger = &stopped
}

// StopShadow takes the shadow away.
func (p *Plan) StopShadow(c Change) error {
	if p.Shadow == nil {
		return fail(CodeNoShadow, "no model runs as a shadow")
	}
	p.Shadow, p.Changed = nil, c
	return p.Validate()
}

// NewChange is a change by somebody at a time, with a note made fit for a plan.
func NewChange(at time.Time, by, note string) Change {
	return Change{At: at.UTC().Truncate(time.Millisecond), By: cmp.Or(text(by, mostName), "somebody"), Note: text(note, mostText)}
}

// text makes any text printable and short enough.
func text(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		if printable(string(r), 4) {
			return r
		}
		return ' '
	}, strings.ToValidUTF8(s, "?"))
	for len(s) > most {
		s = strings.ToValidUTF8(s[:most], "")
	}
	return strings.TrimSpace(s)
}

// newID names an experiment: nobody chooses who is of its share.
func newID() string { return strings.ToLower(rand.Text()[:12]) }
