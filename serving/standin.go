package serving

import (
	"context"
)

// standIn has one of the champions before serve in the place of one that is refused, in their order; the last is the
// default model, with which a fleet begins. A source that is away is waited for: the workers that run serve its model.
func (m *Manager) standIn(ctx context.Context, p *post) {
	plan, planned := m.planNow()
	if m.stoodIn == planned {
		return
	}
	candidates := make([]want, 0, len(plan.Previous)+1)
	for _, arm := range plan.Previous {
		candidates = append(candidates, wantOf(arm))
	}
	candidates = append(candidates, want{ref: m.o.Default.String()})
	for _, w := range candidates {
		if w == p.wanted {
			continue
		}
		err := m.tryStandIn(ctx, p, w)
		if err == nil || ctx.Err() != nil {
			return
		}
		t := troubleOf(err, m.now())
		m.o.Log.Error("a model that served before cannot stand in", "model", w.ref, "code", t.Code, "reason", t.Reason)
		if t.Passing {
			p.due = m.now().Add(pause(p.fails))
			p.fails++
			return
		}
	}
	m.stoodIn = planned
	m.o.Log.Error("no model serves: the plan's champion is refused, and so are all before it; promote another")
}

func (m *Manager) tryStandIn(ctx context.Context, p *post, w want) error {
	ctx, done := m.begin(ctx, p.wanted)
	defer done()
	artifact, err := m.resolve(ctx, w)
	if err != nil {
		return err
	}
	l, err := m.obtain(ctx, artifact)
	if err != nil {
		return err
	}
	before := *p
	p.serves, p.artifact, p.ref, p.since, p.follows = l, artifact, w.ref, m.now(), false
	if err := m.serve(); err != nil {
		*p = before
		return err
	}
	m.o.Log.Error("ANOTHER MODEL THAN THE PLAN'S CHAMPION SERVES: one that served before it", "model", w.ref, "wanted", p.wanted.ref, "reason", p.trouble.Reason)
	return nil
}
