package serving

import (
	"time"

	"foxhunt/model/registry"
	"foxhunt/rollout"
)

// want is who is wanted at a post: a reference, and the digest that it must have, if the plan says one. The zero want is
// nobody.
type want struct {
	ref    string
	digest string
}

func wantOf(a rollout.Arm) want { return want{a.Model, a.Digest} }

// post is one post of the plan: who is wanted there, and who serves.
type post struct {
	name   string
	wanted want

	serves   *loaded           // nil: nobody
	artifact registry.Artifact // what serves, as its source tells it
	ref      string            // by which it was wanted
	since    time.Time

	follows bool   // what serves is what is wanted, as far as is known
	refused string // tag of the artifact that was refused
	trouble *Trouble
	fails   int       // in a row, for reasons that may pass
	due     time.Time // when to look again
}

// never is when a reference that cannot change is looked at again.
var never = time.Unix(1<<40, 0)

// want says who is wanted from now on. The champion before stays until another serves; at the other posts nobody serves
// who is not wanted.
func (p *post) want(w want) {
	if w == p.wanted {
		return
	}
	p.wanted = w
	p.again()
	p.follows = w == want{}
	if p.name != Champion {
		p.serves = nil
	}
}

// again has the post look at its reference anew, and try what was refused once more.
func (p *post) again() {
	p.refused, p.trouble, p.fails, p.due = "", nil, 0, time.Time{}
}

// wanted is who is wanted where, by a plan at a moment, and when that changes by itself.
func wanted(plan *rollout.Plan, fallback want, stopped string, now time.Time) (wants map[string]want, until time.Time) {
	wants, until = map[string]want{Champion: fallback}, never
	if plan.V == 0 {
		return wants, until
	}
	wants[Champion] = wantOf(plan.Champion)
	if s := plan.Challenger; s != nil && s.Stopped == nil && s.ID != stopped && now.Before(s.Until.Add(grace)) {
		wants[Challenger] = wantOf(s.Arm)
		until = s.Until.Add(grace)
	}
	if s := plan.Shadow; s.Running(now) {
		wants[Shadow] = wantOf(s.Arm)
		if !s.Until.IsZero() && s.Until.Before(until) {
			until = s.Until
		}
	}
	return wants, until
}

// grace is how long a challenger stays after its split has ended, for captures that were stored before and are delivered late.
const grace = 10 * time.Minute
