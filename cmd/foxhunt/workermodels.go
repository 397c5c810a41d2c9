package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"

	"foxhunt/metrics"
	"foxhunt/model"
	"foxhunt/model/golden"
	"foxhunt/model/grid"
	"foxhunt/model/registry"
	"foxhunt/rollout"
	"foxhunt/serving"
	"foxhunt/worker"
)

// workerModels is what the manager of a worker's models needs of the other rooms.
type workerModels struct {
	*modelStore
	options *modelOptions
	runtime *model.Runtime
	publish func(ctx context.Context, kind string, body []byte) error // an event
	worker  *worker.Worker
	log     *slog.Logger
	kills   map[string]int // by a model's digest: its checks that were killed, in a row
}

// newManager makes the manager of a worker's models; nothing happens yet.
func (p *workerProcess) newManager(runtime *model.Runtime) error {
	o := &p.options.models
	sources, err := o.mlflow.options()
	if err != nil {
		return err
	}
	from, err := modelSources(p.conn, p.topology, sources)
	if err != nil {
		return err
	}
	w := &workerModels{
		modelStore: &modelStore{folder: o.folder, sources: from}, options: o, runtime: runtime, publish: p.conn.PublishEvent, worker: p.worker, log: p.log,
		kills: map[string]int{},
	}
	p.models = serving.New(serving.Options{
		Worker: p.options.Name, Default: o.ref, Plans: o.plans(p.conn, p.topology), Models: w,
		Check: w.check, Load: w.load, Serve: w.serve, Poll: o.poll, Event: w.event,
		Observer: modelMetrics{metrics.NewModel(p.http.registry)}, Log: p.log,
	})
	return nil
}

// check tries a model in a process of its own. The one that is built in is tried by the tests.
func (w *workerModels) check(ctx context.Context, s registry.Stored) error {
	if s.Ref.Kind == registry.KindBuiltin {
		return nil
	}
	err := checkInChild(ctx, s.Path, s.Sidecar, childCheck{loading: w.options.loading, runtime: w.runtime.Path()})
	return w.judgeKills(s.Digest, err)
}

// mostKills is after how many of its checks in a row were killed a model is refused: it may be what fills the memory.
const mostKills = 3

func (w *workerModels) judgeKills(digest string, err error) error {
	if !errors.Is(err, errKilled) {
		if verdict := (*model.Error)(nil); err == nil || errors.As(err, &verdict) {
			delete(w.kills, digest)
		}
		return err
	}
	if w.kills[digest]++; w.kills[digest] < mostKills {
		return err
	}
	delete(w.kills, digest) // whoever reloads has it tried again
	return &model.Error{Code: codeModelCrashed, Reason: fmt.Sprintf("%v, %d times in a row", err, mostKills)}
}

// load makes a model ready. Beside another it is done at a low priority, and what is done once is done before captures come.
func (w *workerModels) load(ctx context.Context, s registry.Stored, beside bool) (serving.Model, error) {
	o := w.options.loading.options()
	o.Name, o.Version, o.Sidecar, o.Beside = s.Name, s.Version, s.Sidecar, beside
	data := grid.File()
	if s.Ref.Kind != registry.KindBuiltin {
		var err error
		if data, err = os.ReadFile(s.Path); err != nil {
			return nil, err
		}
	}
	m, err := w.runtime.Load(data, o)
	if err != nil {
		return nil, err
	}
	if beside {
		err = golden.WarmUp(ctx, m)
	}
	if err != nil {
		_ = m.Close() // it has served nobody
		return nil, err
	}
	return m, nil
}

// serve switches the worker to a set of models.
func (w *workerModels) serve(s serving.Set) error {
	next := worker.Serving{
		Champion: predictorOf(s.Champion), Challenger: predictorOf(s.Challenger), Shadow: predictorOf(s.Shadow),
	}
	plan := s.Plan
	next.Experiment = plan.Experiment
	if plan.Challenger != nil {
		next.Challenged = plan.Challenged
	}
	if plan.Shadow != nil {
		next.Shadowed = plan.Shadowed
	}
	return w.worker.Serve(next)
}

func predictorOf(m serving.Model) worker.Predictor {
	if m == nil {
		return nil
	}
	return predictor{m.(*model.Model)}
}

// event tells the fleet of an event, as long as it takes.
func (w *workerModels) event(ctx context.Context, e rollout.Event) error {
	body, err := json.Marshal(e)
	if err != nil {
		return err
	}
	return w.publish(ctx, e.Kind, body)
}

// modelStore is the registry's store, which is opened when a model that is not built in is asked for: a worker with none
// needs no folder.
type modelStore struct {
	folder  string
	sources registry.Sources

	mu    sync.Mutex
	store *registry.Store
}

func (s *modelStore) open() (*registry.Store, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.store == nil {
		store, err := registry.NewStore(s.folder, s.sources)
		if err != nil {
			return nil, err
		}
		s.store = store
	}
	return s.store, nil
}

func (s *modelStore) Resolve(ctx context.Context, r registry.Ref) (registry.Artifact, error) {
	if r.Kind == registry.KindBuiltin {
		return s.sources[r.Kind].Resolve(ctx, r)
	}
	store, err := s.open()
	if err != nil {
		return registry.Artifact{}, err
	}
	return store.Resolve(ctx, r)
}

func (s *modelStore) Get(ctx context.Context, a registry.Artifact) (registry.Stored, error) {
	if a.Ref.Kind == registry.KindBuiltin {
		return builtIn(a)
	}
	store, err := s.open()
	if err != nil {
		return registry.Stored{}, err
	}
	return store.Get(ctx, a)
}

// builtIn gives the model that is built in without a file of its own.
func builtIn(a registry.Artifact) (registry.Stored, error) {
	sum := sha256.Sum256(grid.File())
	s := registry.Stored{Artifact: a, Digest: hex.EncodeToString(sum[:])}
	if a.Digest != "" && a.Digest != s.Digest {
		return s, &registry.Error{Code: registry.DigestMismatch, Reason: fmt.Sprintf(
			"the model %s that is built in has the SHA-256 %s, not %s: another release of foxhunt has that", a.Name, s.Digest, a.Digest)}
	}
	return s, nil
}

func (s *modelStore) Kept(r registry.Ref, digest string) (registry.Artifact, bool) {
	if r.Kind == registry.KindBuiltin {
		return registry.Artifact{}, false // its source is here
	}
	store, err := s.open()
	if err != nil {
		return registry.Artifact{}, false
	}
	return store.Kept(r, digest)
}

// modelMetrics tells the metrics what the manager does.
type modelMetrics struct{ *metrics.Model }

func (m modelMetrics) Serving(post string, info *model.Info) {
	if info == nil {
		m.Model.Serving(post, nil)
		return
	}
	m.Model.Serving(post, &metrics.ServedModel{
		Name: info.Name, Version: info.Version, Digest: info.Digest, Bytes: info.Bytes, Accuracy: statedAccuracy(*info)})
}
