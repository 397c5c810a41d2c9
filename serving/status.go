package serving

import (
	"context"
	"time"

	"foxhunt/model"
	"foxhunt/model/registry"
	"foxhunt/rollout"
)

// Status is how things stand at one moment.
type Status struct {
	Posts    []PostStatus
	Plan     *rollout.Plan // nil: none, or not known
	Trouble  *Trouble      // why the plan is not known, or a newer one is not followed; nil: nothing is wrong
	Followed bool          // all that is wanted serves
	Loading  string        // reference of the model that is being looked at or loaded, "" for none
}

// PostStatus is one post that somebody is wanted at, or serves at.
type PostStatus struct {
	Post     string
	Wanted   string // reference
	Ref      string // by which what serves was wanted; "": nobody serves
	Artifact registry.Artifact
	Info     model.Info
	Loaded   time.Time // when it came into memory
	Since    time.Time // when it began to serve at this post
	Trouble  *Trouble  // why the wanted one does not serve, or cannot be looked at; nil: nothing is wrong
}

// Status tells how things stand. Before Start has returned there may be no champion.
func (m *Manager) Status() Status {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.status
	s.Trouble, s.Loading = m.noPlan, m.loading.ref
	return s
}

// Waiting says why no champion serves yet; "" where nothing is known to be wrong.
func (m *Manager) Waiting() string {
	s := m.Status()
	if s.Trouble != nil {
		return "the plan of which model serves: " + s.Trouble.Reason
	}
	for _, p := range s.Posts {
		if p.Post == Champion && p.Trouble != nil {
			return p.Wanted + ": " + p.Trouble.Reason
		}
	}
	if s.Loading != "" {
		return s.Loading + " is being loaded"
	}
	return ""
}

// publish makes the state of the posts visible to Status.
func (m *Manager) publish() {
	s := Status{Followed: m.follows()}
	for _, name := range names {
		p := m.posts[name]
		if (p.wanted == want{}) && p.serves == nil {
			continue
		}
		told := PostStatus{Post: name, Wanted: p.wanted.ref, Trouble: p.trouble}
		if p.serves != nil {
			told.Ref, told.Artifact, told.Info, told.Loaded, told.Since = p.ref, p.artifact, p.serves.model.Info(), p.serves.at, p.since
		}
		s.Posts = append(s.Posts, told)
	}
	if plan, planned := m.planNow(); planned >= 0 && plan.V != 0 {
		s.Plan = &plan
	}
	m.mu.Lock()
	m.status = s
	m.mu.Unlock()
}

// Report is what a reload did, post by post.
type Report struct {
	Posts []Reloaded `json:"posts"`
	Plan  *Trouble   `json:"plan_trouble,omitempty"` // why the plan is not followed
}

// Outcomes of a reload at a post.
const (
	Unchanged = "unchanged" // it serves what is wanted, as before
	Switched  = "switched"  // another model serves
	Refused   = "refused"   // what is wanted is refused; what served goes on
	Waits     = "waiting"   // it cannot be had just now; what served goes on
)

// Reloaded is what a reload did at one post.
type Reloaded struct {
	Post    string   `json:"post"`
	Model   string   `json:"model"` // the reference that is wanted
	Name    string   `json:"name"`
	Version string   `json:"version"`
	Digest  string   `json:"digest"` // of what serves now; "": nobody
	Outcome string   `json:"outcome"`
	Trouble *Trouble `json:"trouble,omitempty"`
}

// Failed reports whether something is not as it is wanted.
func (r *Report) Failed() bool {
	for _, p := range r.Posts {
		if p.Outcome == Refused || p.Outcome == Waits {
			return true
		}
	}
	return r.Plan != nil
}

// Reload looks at every reference anew, what was refused included, and says what came of it.
func (m *Manager) Reload(ctx context.Context) (Report, error) {
	answer := make(chan Report, 1)
	select {
	case m.asked <- answer:
	case <-ctx.Done():
		return Report{}, ctx.Err()
	}
	select {
	case r := <-answer:
		return r, nil
	case <-ctx.Done():
		return Report{}, ctx.Err()
	}
}

func (m *Manager) report(before seats) (r Report) {
	for i, name := range names {
		p := m.posts[name]
		if (p.wanted == want{}) {
			continue
		}
		told := Reloaded{Post: name, Model: p.wanted.ref, Outcome: Unchanged, Trouble: p.trouble}
		if p.serves != nil {
			info := p.serves.model.Info()
			told.Name, told.Version, told.Digest = info.Name, info.Version, info.Digest
		}
		switch {
		case p.trouble != nil && p.trouble.Passing:
			told.Outcome = Waits
		case p.trouble != nil:
			told.Outcome = Refused
		case p.serves != before[i]:
			told.Outcome = Switched
		}
		r.Posts = append(r.Posts, told)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	r.Plan = m.noPlan
	return r
}
