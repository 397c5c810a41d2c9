package serving

import (
	"foxhunt/model"
	"foxhunt/rollout"
)

// served is what the worker is to be told, and what it was told last.
type served struct {
	plan    rollout.Plan
	planned int
	told    seats
	toldBy  int // the plan
}

// seats are who serves at the posts.
type seats [len(names)]*loaded

func (m *Manager) seats() (s seats) {
	for i, name := range names {
		s[i] = m.posts[name].serves
	}
	return s
}

// serve tells the worker who serves, if that has changed, or the plan has. Before there is a champion there is nothing to tell.
func (m *Manager) serve() error {
	now, last := m.seats(), &m.served
	if now[0] == nil || now == last.told && last.toldBy == last.planned {
		return nil
	}
	set := Set{Plan: last.plan}
	set.Champion = now[0].model
	if now[1] != nil {
		set.Challenger = now[1].model
	}
	if now[2] != nil {
		set.Shadow = now[2].model
	}
	if err := m.o.Serve(set); err != nil {
		return err
	}
	m.watchSplit(&last.plan)
	for i, name := range names {
		if now[i] == last.told[i] {
			continue
		}
		var info *model.Info
		if now[i] != nil {
			i := now[i].model.Info()
			info = &i
		}
		m.observe(func(o Observer) { o.Serving(name, info) })
	}
	last.told, last.toldBy = now, last.planned
	return nil
}

// observePlan tells the metrics whether all is as the plan wants it.
func (m *Manager) observePlan(plan *rollout.Plan) {
	m.observe(func(o Observer) { o.Plan(plan.Changed.At, m.follows()) })
}

// follows reports whether all that is wanted serves, as far as it is known.
func (m *Manager) follows() bool {
	for _, p := range m.posts {
		if !p.follows {
			return false
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.known && m.noPlan == nil
}
