package serving

import (
	"context"
	"fmt"
	"reflect"

	"foxhunt/rollout"
)

// readPlan gives the plan, zero where there is none, and its number. An error says that it is not known whether there is one:
// serving another model than the rest of the fleet would be worse than waiting.
func (m *Manager) readPlan(ctx context.Context) (rollout.Plan, int, error) {
	if plan, planned := m.planNow(); planned >= 0 {
		return plan, planned, nil
	}
	plan, instead, err := m.o.Plans.Followed(ctx)
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.known: // the watch was quicker
	case err != nil:
		t := troubleOf(err, m.now())
		if (m.noPlan == nil || m.noPlan.Code != t.Code) && ctx.Err() == nil {
			m.o.Log.Error("the plan of which model serves cannot be read; trying again", "code", t.Code, "reason", t.Reason)
		}
		m.noPlan = t
		return rollout.Plan{}, 0, err
	default:
		m.known, m.noPlan = true, nil
		m.plan = plan
		if instead != nil {
			m.noPlan = troubleOf(instead, m.now())
			m.o.Log.Error("there is no plan to follow; the last one before holds, as on the workers that run", "code", m.noPlan.Code,
				"reason", m.noPlan.Reason, "changed", plan.Changed.At)
		}
	}
	return m.plan, m.planned, nil
}

// planNow is the plan and its number, which is below 0 while it is not known whether there is one.
func (m *Manager) planNow() (rollout.Plan, int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.known {
		return rollout.Plan{}, -1
	}
	return m.plan, m.planned
}

// planIs hears of every plan. It ends whatever is being loaded, so that all that the plan changes is done at once: a split that
// is stopped must not wait for another post's download. What is wanted still is loaded anew after that.
func (m *Manager) planIs(plan rollout.Plan) {
	m.mu.Lock()
	if m.known && reflect.DeepEqual(plan, m.plan) { // it was read before, or Run watches what Start did
		mended := m.noPlan != nil
		m.noPlan, m.refused = nil, ""
		m.mu.Unlock()
		if mended {
			m.awake()
		}
		return
	}
	m.plan, m.known, m.noPlan, m.refused = plan, true, nil, ""
	m.planned++
	m.cancelLoad()
	m.mu.Unlock()
	m.awake()
}

// planRefused hears of a plan that this program cannot follow. The one before holds.
func (m *Manager) planRefused(err error) {
	t := troubleOf(err, m.now())
	m.mu.Lock()
	m.noPlan = t
	known := m.refused == t.Reason // Run watches anew what Start did
	m.refused = t.Reason
	m.mu.Unlock()
	if known {
		return
	}
	m.o.Log.Error("the plan of which model serves is refused; the one before holds", "code", t.Code, "reason", t.Reason)
	m.event(rollout.Event{Kind: rollout.EventRefused, Code: t.Code, Sentence: fmt.Sprintf("%s does not follow the plan: %s", m.o.Worker, t.Reason)})
	m.awake()
}

func (m *Manager) awake() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// cancelLoad ends what is being loaded; m.mu is held.
func (m *Manager) cancelLoad() {
	if m.cancel != nil {
		m.cancel()
	}
}

// overtaken reports whether there is another plan than that number, or a verdict of the guard's, to be followed first.
func (m *Manager) overtaken(planned int) bool {
	_, now := m.planNow()
	return now != planned || len(m.over) > 0
}

// begin is before a post is looked at: the context ends when a plan or a verdict comes, and at once if one has come already.
func (m *Manager) begin(ctx context.Context, w want) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	m.mu.Lock()
	m.loading, m.cancel = w, cancel
	m.mu.Unlock()
	if m.overtaken(m.seen) { // whoever overtakes from here on finds what to cancel
		cancel()
	}
	return ctx, func() {
		m.mu.Lock()
		m.loading, m.cancel = want{}, nil
		m.mu.Unlock()
		cancel()
	}
}
