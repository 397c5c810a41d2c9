package serving

import (
	"context"
	"crypto/sha256"
	"time"

	"foxhunt/model/registry"
)

// loaded is a model in memory.
type loaded struct {
	key   key
	model Model
	at    time.Time
}

// key tells models apart that answer differently, or call themselves otherwise.
type key struct {
	digest, name, version string
	sidecar               [sha256.Size]byte
}

func keyOf(s registry.Stored) key {
	return key{s.Digest, s.Name, s.Version, sha256.Sum256(s.Sidecar)}
}

// How long each step towards a model may take: without an end a source that hangs would keep a manager from everything else.
const (
	resolveTime = 30 * time.Second
	fetchTime   = 15 * time.Minute
)

// resolve asks what a reference means now. Of a digest that the plan says, nothing else is taken.
func (m *Manager) resolve(ctx context.Context, w want) (registry.Artifact, error) {
	ref, err := registry.ParseRef(w.ref)
	if err != nil {
		return registry.Artifact{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, resolveTime)
	defer cancel()
	artifact, err := m.o.Models.Resolve(ctx, ref)
	if w.digest != "" {
		artifact.Digest = w.digest
	}
	return artifact, err
}

// obtain brings an artifact into memory, unless it is there.
func (m *Manager) obtain(ctx context.Context, artifact registry.Artifact) (*loaded, error) {
	stored, err := m.fetch(ctx, artifact)
	if err != nil {
		return nil, err
	}
	k := keyOf(stored)
	if l := m.models[k]; l != nil {
		return l, nil
	}
	began := m.now()
	beside := m.posts[Champion].serves != nil
	if m.o.Check != nil {
		if err := m.o.Check(ctx, stored); err != nil {
			return nil, err
		}
	}
	model, err := m.o.Load(ctx, stored, beside)
	if err != nil {
		return nil, err
	}
	l := &loaded{k, model, m.now()}
	m.models[k] = l
	m.observe(func(o Observer) { o.Loaded(l.at.Sub(began)) })
	return l, nil
}

func (m *Manager) fetch(ctx context.Context, artifact registry.Artifact) (registry.Stored, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTime)
	defer cancel()
	return m.o.Models.Get(ctx, artifact)
}

// free closes the models that nobody serves any more. Those are kept on the disk alone: going back to one takes as long as
// loading it.
func (m *Manager) free() {
	for k, l := range m.models {
		if m.holds(l) {
			continue
		}
		delete(m.models, k)
		if err := l.model.Close(); err != nil {
			m.o.Log.Warn("a model could not be freed", "name", k.name, "version", k.version, "error", err)
		}
	}
}

func (m *Manager) holds(l *loaded) bool {
	for _, p := range m.posts {
		if p.serves == l {
			return true
		}
	}
	return false
}
