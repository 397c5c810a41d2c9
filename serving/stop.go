package serving

import (
	"context"
	"errors"
	"fmt"
	"time"

	"foxhunt/rollout"
)

// stopping is a split that this worker has found to fail too often. It is over here at once; the plan may take a while.
type stopping struct {
	verdict
	meant *rollout.Stop // what was to be written into the plan; an answer may have been lost
	done  bool          // the plan says so, too
	fails int
	due   time.Time
}

// Challenged counts what became of a capture of the challenger's. The worker tells of each; it may do so at any time.
func (m *Manager) Challenged(failed bool, _ string) {
	v, stop := m.guard.add(failed)
	if !stop {
		return
	}
	select {
	case <-m.over: // of a split before
	default:
	}
	select {
	case m.over <- v:
	default:
	}
	m.mu.Lock()
	m.cancelLoad()
	m.mu.Unlock()
	m.awake()
}

// watchSplit has the guard look at the plan's split, with the challenger that serves.
func (m *Manager) watchSplit(plan *rollout.Plan) {
	model := ""
	if l := m.posts[Challenger].serves; l != nil {
		model = l.key.digest
	}
	if s := plan.Challenger; s.Running(m.now()) && (m.stop == nil || m.stop.split != s.ID) {
		m.guard.watch(s.ID, model, s.MaxErrorRate)
	} else {
		m.guard.watch("", "", 0)
	}
}

// stopInPlan stops a split for the fleet that the guard found to fail; here it is over already.
func (m *Manager) stopInPlan(ctx context.Context) {
	s := m.stop
	if s == nil || s.done || s.due.After(m.now()) {
		return
	}
	if err := m.stopSplit(ctx, s); err != nil {
		m.o.Log.Warn("a split is over here, and cannot be stopped in the plan yet; trying again", "experiment", s.split, "error", err)
		s.due = m.now().Add(pause(s.fails))
		s.fails++
		return
	}
	s.done, s.due = true, never
}

// errStopped says that others were quicker.
var errStopped = errors.New("serving: the split does not run any more")

// stopSplit ends the split for the whole fleet, which the event tells once: only one worker's change is taken. It may have been
// taken by an attempt before, whose answer did not come.
func (m *Manager) stopSplit(ctx context.Context, s *stopping) error {
	v := s.verdict
	reason := fmt.Sprintf("%d of its latest %d captures on %s failed; the bound is %.3g %%", v.failed, v.captures, m.o.Worker, 100*v.limit)
	var stopped rollout.Split
	_, err := m.o.Plans.Update(ctx, func(p *rollout.Plan) error {
		now := m.now()
		if p.Challenger == nil || p.Challenger.ID != v.split {
			return errStopped
		}
		stopped = *p.Challenger
		if !stopped.Running(now) {
			return errStopped
		}
		err := p.StopSplit(reason, rollout.NewChange(now, m.o.Worker, "too many errors"))
		s.meant = p.Challenger.Stopped
		return err
	})
	if errors.Is(err, errStopped) && !s.wrote(&stopped) {
		return nil
	}
	if err != nil && !errors.Is(err, errStopped) {
		return err
	}
	m.o.Log.Error("the split is stopped: the challenger fails too often", "experiment", v.split, "model", stopped.Model, "reason", reason)
	m.observe(func(o Observer) { o.Stopped() })
	m.event(rollout.Event{Kind: rollout.EventStopped, Model: stopped.Model, Digest: stopped.Digest, Code: "error_rate",
		Sentence: fmt.Sprintf("the split %s with %s is stopped for good: %s", v.split, stopped.Model, reason)})
	return nil
}

// wrote reports whether a split was stopped by an attempt before.
func (s *stopping) wrote(split *rollout.Split) bool {
	return split.ID == s.split && split.Stopped != nil && s.meant != nil && split.Stopped.By == s.meant.By && split.Stopped.Reason == s.meant.Reason
}
