package serving

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"foxhunt/model"
	"foxhunt/model/registry"
	"foxhunt/rollout"
)

// patience is how long anything that must happen may take on a busy machine.
const patience = 30 * time.Second

// entry is a plan's entry in memory, which may be away.
type entry struct {
	mu       sync.Mutex
	value    []byte
	held     [][]byte
	revision uint64
	away     error
	mute     error // what is put is stored, and this is all that is heard of it
	changed  chan struct{}
}

func newEntry() *entry { return &entry{changed: make(chan struct{})} }

func (e *entry) Get(context.Context) ([]byte, uint64, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.value, e.revision, e.away
}

func (e *entry) Put(_ context.Context, value []byte, revision uint64) (uint64, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case e.away != nil:
		return 0, e.away
	case revision != e.revision:
		return 0, rollout.ErrConflict
	}
	e.value, e.revision, e.held = value, e.revision+1, append(e.held, value)
	close(e.changed)
	e.changed = make(chan struct{})
	return e.revision, e.mute
}

func (e *entry) setAway(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.away = err
}

func (e *entry) Watch(ctx context.Context, handle func([]byte)) error {
	var last uint64
	for {
		e.mu.Lock()
		value, revision, changed, away := e.value, e.revision, e.changed, e.away
		e.mu.Unlock()
		if revision != last && away == nil {
			last = revision
			handle(value)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// fakeModel is a model that says what it is and whether it was closed.
type fakeModel struct {
	info model.Info
	b    *bench
}

func (m *fakeModel) Info() model.Info { return m.info }

func (m *fakeModel) Close() error {
	m.b.mu.Lock()
	defer m.b.mu.Unlock()
	m.b.closed = append(m.b.closed, m.info.Digest)
	return nil
}

// bench is a manager and all that is around it.
type bench struct {
	m     *Manager
	plans *rollout.Store
	entry *entry

	mu       sync.Mutex
	sources  map[string]registry.Artifact // what references mean; the digest is the model's
	troubles map[string]error             // resolving a reference
	bad      map[string]error             // loading a digest
	kept     []registry.Artifact          // on the disk
	asked    int                          // for what references mean
	checked  []string
	loads    []string
	beside   []bool
	closed   []string
	sets     []Set
	failures []string // codes
	seats    map[string]string
	follows  bool
	stops    int
	events   []rollout.Event
	deaf     chan struct{} // events wait for its end, or for their own
	hold     chan struct{} // loads wait for it, or for their end
	holding  chan struct{} // one waits
	refuses  error         // of the worker
}

func (b *bench) Resolve(ctx context.Context, r registry.Ref) (registry.Artifact, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asked++
	if err := b.troubles[r.String()]; err != nil {
		return registry.Artifact{}, err
	}
	a, found := b.sources[r.String()]
	if !found {
		return registry.Artifact{}, &registry.Error{Code: registry.NoModel, Reason: "there is no " + r.String()}
	}
	a.Ref, a.Tag = r, a.Name+a.Version+a.Digest
	return a, nil
}

func (b *bench) Get(_ context.Context, a registry.Artifact) (registry.Stored, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	digest := b.sources[a.Ref.String()].Digest
	if a.Digest != "" && a.Digest != digest {
		return registry.Stored{}, &registry.Error{Code: registry.DigestMismatch, Reason: "another model"}
	}
	b.kept = append(b.kept, a)
	return registry.Stored{Artifact: a, Digest: digest}, nil
}

func (b *bench) Kept(r registry.Ref, digest string) (registry.Artifact, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, a := range slices.Backward(b.kept) {
		if a.Ref == r && (digest == "" || digest == a.Digest) {
			return a, true
		}
	}
	return registry.Artifact{}, false
}

func (b *bench) check(_ context.Context, s registry.Stored) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.checked = append(b.checked, s.Digest)
	return b.bad[s.Digest]
}

func (b *bench) load(ctx context.Context, s registry.Stored, beside bool) (Model, error) {
	b.mu.Lock()
	hold, holding := b.hold, b.holding
	b.mu.Unlock()
	if hold != nil {
		holding <- struct{}{}
		select {
		case <-hold:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.loads, b.beside = append(b.loads, s.Digest), append(b.beside, beside)
	return &fakeModel{model.Info{Name: cmp.Or(s.Name, "model"), Version: s.Version, Digest: s.Digest}, b}, nil
}

func (b *bench) serve(s Set) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.refuses != nil {
		return b.refuses
	}
	b.sets = append(b.sets, s)
	return nil
}

func (b *bench) Loaded(time.Duration) {}

func (b *bench) Failed(code string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failures = append(b.failures, code)
}

func (b *bench) Serving(post string, info *model.Info) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.seats, post)
	if info != nil {
		b.seats[post] = info.Digest
	}
}

func (b *bench) Stopped() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stops++
}

func (b *bench) Plan(_ time.Time, follows bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.follows = follows
}

// newBench makes a manager whose default model is grid, whose digest is "grid"; change may alter its options.
func newBench(t *testing.T, change func(*bench, *Options)) *bench {
	t.Helper()
	b := &bench{entry: newEntry(), troubles: map[string]error{}, bad: map[string]error{}, seats: map[string]string{},
		sources: map[string]registry.Artifact{"grid": {Name: "grid", Digest: "grid"}}}
	b.plans = rollout.NewStore(b.entry)
	o := Options{
		Worker: "w", Default: registry.Ref{Kind: registry.KindBuiltin, Name: "grid"}, Plans: rollout.NewStore(b.entry), Models: b,
		Check: b.check, Load: b.load, Serve: b.serve, Poll: 5 * time.Millisecond, Observer: b, Log: slog.New(slog.DiscardHandler),
		Event: func(ctx context.Context, e rollout.Event) error {
			b.mu.Lock()
			deaf := b.deaf
			b.mu.Unlock()
			if deaf != nil {
				select {
				case <-deaf:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			b.mu.Lock()
			defer b.mu.Unlock()
			b.events = append(b.events, e)
			return nil
		},
	}
	if change != nil {
		change(b, &o)
	}
	b.m = New(o)
	return b
}

// run starts the manager and follows the plan until the test ends.
func (b *bench) run(t *testing.T) *bench {
	t.Helper()
	if err := b.m.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- b.m.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		b.m.Close()
		b.mu.Lock()
		defer b.mu.Unlock()
		if len(b.closed) != len(b.loads) {
			t.Errorf("loaded %v, closed %v", b.loads, b.closed)
		}
	})
	return b
}

// with reads or changes what the manager's goroutine changes and reads.
func (b *bench) with(f func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f()
}

// until waits for a condition.
func (b *bench) until(t *testing.T, what string, done func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		ok := false
		b.with(func() { ok = done() })
		if ok {
			return
		}
		if time.Now().After(deadline) {
			b.with(func() {
				t.Fatalf("%s: not within %v; seats %v, failures %v, events %v", what, patience, b.seats, b.failures, b.events)
			})
		}
		time.Sleep(time.Millisecond)
	}
}

// serves waits until a model of that digest serves at a post; "" is nobody.
func (b *bench) serves(t *testing.T, post, digest string) {
	t.Helper()
	b.until(t, digest+" as "+post, func() bool { return b.seats[post] == digest })
}

// update changes the plan as an operator does.
func (b *bench) update(t *testing.T, change func(p *rollout.Plan, c rollout.Change) error) rollout.Plan {
	t.Helper()
	plan, err := b.plans.Update(t.Context(), func(p *rollout.Plan) error { return change(p, rollout.NewChange(time.Now(), "operator", "")) })
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

func (b *bench) promote(t *testing.T, arm rollout.Arm) {
	t.Helper()
	b.update(t, func(p *rollout.Plan, c rollout.Change) error { return p.Promote(arm, c) })
}

// has makes a reference mean a model, whose digest is d repeated.
func (b *bench) has(ref, version, d string) rollout.Arm {
	digest := strings.Repeat(d, 64)
	b.with(func() { b.sources[ref] = registry.Artifact{Name: "fox", Version: version, Digest: digest} })
	return rollout.Arm{Model: ref, Digest: digest}
}

// told counts the events of a kind.
func (b *bench) told(kind string) (n int) {
	for _, e := range b.events {
		if e.Kind == kind {
			n++
		}
	}
	return n
}

func (e *entry) setMute(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.mute = err
}

func (e *entry) History(context.Context) ([][]byte, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	latest := slices.Clone(e.held)
	slices.Reverse(latest)
	return latest, nil
}
