package serving

import (
	"context"
	"fmt"

	"foxhunt/model/registry"
	"foxhunt/rollout"
)

// follow looks at a post if that is due: what its reference means now, and whether that serves.
func (m *Manager) follow(ctx context.Context, p *post) {
	if (p.wanted == want{}) || p.due.After(m.now()) {
		return
	}
	ctx, done := m.begin(ctx, p.wanted)
	defer done()
	if ctx.Err() != nil {
		return
	}
	artifact, err := m.means(ctx, p)
	switch {
	case err != nil && m.serveKept(ctx, p, err):
	case err != nil:
		m.fail(ctx, p, "", err)
	case p.follows && artifact.Tag == p.artifact.Tag:
		p.trouble, p.fails = nil, 0
		p.artifact = artifact
		p.due = m.nextLook(p)
	case p.refused != "" && artifact.Tag == p.refused:
		p.due = m.nextLook(p)
	default:
		m.take(ctx, p, artifact)
	}
}

// means is what a post's reference means now. A pinned model that is on the disk is not asked for: no answer of its source's
// could change which it is.
func (m *Manager) means(ctx context.Context, p *post) (registry.Artifact, error) {
	if p.wanted.digest != "" && !p.follows {
		if ref, err := registry.ParseRef(p.wanted.ref); err == nil {
			if artifact, kept := m.o.Models.Kept(ref, p.wanted.digest); kept {
				artifact.Digest = p.wanted.digest
				return artifact, nil
			}
		}
	}
	return m.resolve(ctx, p.wanted)
}

// serveKept has the champion that is on the disk serve where its source is away or does not give it, and nobody serves yet:
// what the reference meant last, as on the workers that run. That may be outdated, so it does not pass for following the plan.
func (m *Manager) serveKept(ctx context.Context, p *post, err error) bool {
	ref, bad := registry.ParseRef(p.wanted.ref)
	if bad != nil || p.wanted.digest != "" || p.name != Champion || p.serves != nil {
		return false
	}
	artifact, kept := m.o.Models.Kept(ref, "")
	if !kept {
		return false
	}
	l, bad := m.obtain(ctx, artifact)
	if bad != nil {
		return false
	}
	m.o.Log.Warn("the model's source does not say what it is now; serving what is on the disk", "post", p.name, "model", p.wanted.ref,
		"digest", short(l.key.digest), "reason", err)
	m.seat(ctx, p, artifact, l)
	if p.serves == l {
		p.follows = false
		m.fail(ctx, p, "", err)
	}
	return true
}

// take has an artifact serve at a post.
func (m *Manager) take(ctx context.Context, p *post, artifact registry.Artifact) {
	l, err := m.obtain(ctx, artifact)
	if err != nil {
		m.fail(ctx, p, artifact.Tag, err)
		return
	}
	m.seat(ctx, p, artifact, l)
}

// seat switches to a set with a model at a post. If that fails the set before stays.
func (m *Manager) seat(ctx context.Context, p *post, artifact registry.Artifact, l *loaded) {
	before := *p
	p.serves, p.artifact, p.ref, p.since = l, artifact, p.wanted.ref, m.now()
	p.follows, p.trouble, p.refused, p.fails, p.due = true, nil, "", 0, m.nextLook(p)
	if before.serves == l && before.ref == p.ref {
		p.since = before.since
		return // another name for the same
	}
	if err := m.serve(); err != nil {
		*p = before
		m.fail(ctx, p, artifact.Tag, &Error{CodeCannotServe, err.Error()})
		return
	}
	m.tellSeated(p, before.serves != nil && before.ref == p.ref)
}

// tellSeated says who serves at a post now, in the log and to the fleet.
func (m *Manager) tellSeated(p *post, again bool) {
	info := p.serves.model.Info()
	m.o.Log.Info("a model serves", "post", p.name, "model", p.ref, "name", info.Name, "version", info.Version, "digest", short(info.Digest))
	kind, what := rollout.EventLoaded, "serves"
	if again {
		kind, what = rollout.EventReloaded, "has become another model, and serves"
	}
	m.event(rollout.Event{Kind: kind, Model: p.ref, Digest: info.Digest,
		Sentence: fmt.Sprintf("%s, version %s of %s, %s as the %s of %s", p.ref, info.Version, info.Name, what, p.name, m.o.Worker)})
}

// fail remembers why a post has not who is wanted. What may pass is tried again soon, and what a source says at each poll, as
// somebody may mend it there; a model that is refused is not tried again. Both are told to the fleet, once for each model.
func (m *Manager) fail(ctx context.Context, p *post, tag string, err error) {
	if ctx.Err() != nil {
		return // overtaken, not failed
	}
	t := troubleOf(err, m.now())
	said := p.trouble != nil && p.trouble.Code == t.Code
	if said {
		t.Since = p.trouble.Since
	}
	p.trouble = t
	args := []any{"post", p.name, "model", p.wanted.ref, "code", t.Code, "reason", t.Reason}
	if tag != "" {
		p.follows = false // it is known to mean another model now
	}
	if t.Passing {
		p.due = m.now().Add(pause(p.fails))
		p.fails++
		m.observe(func(o Observer) { o.Failed(t.Code) })
		if !said {
			m.o.Log.Warn("a model cannot be had just now; trying again", args...)
		}
		return
	}
	p.follows, p.fails, p.refused = false, 0, tag
	if p.due = m.nextLook(p); isSources(err) {
		p.refused, p.due = "", m.nextPoll()
	}
	told := p.name + "\x00" + p.wanted.ref + "\x00" + p.wanted.digest + "\x00" + tag + "\x00" + t.Code
	if m.told[told] {
		return
	}
	if len(m.told) > 1000 {
		clear(m.told)
	}
	m.observe(func(o Observer) { o.Failed(t.Code) })
	m.o.Log.Error("a model is refused; what serves stays", args...)
	m.told[told] = m.event(rollout.Event{Kind: rollout.EventRefused, Model: p.wanted.ref, Digest: p.wanted.digest, Code: t.Code,
		Sentence: fmt.Sprintf("%s is refused as the %s of %s: %s", p.wanted.ref, p.name, m.o.Worker, t.Reason)})
}

func short(digest string) string { return digest[:min(12, len(digest))] }
