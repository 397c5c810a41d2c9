package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"foxhunt/model"
	"foxhunt/model/registry"
	"foxhunt/rollout"
)

// resolveTime is how long finding a model, and fetching it to know its digest, may take.
const resolveTime = 10 * time.Minute

// arm turns a reference into what the plan keeps: one that exists, as far as this machine can tell. A model of the object
// store is pinned to its version and digest unless moving says that newer versions are to be followed; others are with pin.
func (p *plans) arm(ctx context.Context, text string, pin, moving bool) (rollout.Arm, error) {
	ctx, cancel := context.WithTimeout(ctx, resolveTime)
	defer cancel()
	ref, err := registry.ParseRef(text)
	if err != nil {
		return rollout.Arm{}, err
	}
	if ref.Kind == registry.KindFile { // workers stand in other folders
		if ref.Name, err = filepath.Abs(ref.Name); err != nil {
			return rollout.Arm{}, err
		}
	}
	if ref.Kind == registry.KindNATS && p.conn == nil {
		if err := p.connect(ctx); err != nil {
			return rollout.Arm{}, err
		}
	}
	sources, err := p.sources()
	if err != nil {
		return rollout.Arm{}, err
	}
	pin = pin || ref.Kind == registry.KindNATS && !moving
	artifact, err := resolve(ctx, sources, ref)
	switch {
	case err == nil:
	case !pin && p.elsewhere(ref, err):
		p.log.Warn("the model cannot be looked up here; each worker looks for it where it runs", "model", ref.String(), "error", err)
		return rollout.Arm{Model: ref.String()}, nil
	default:
		return rollout.Arm{}, err
	}
	return p.looked(ctx, sources, artifact, pin)
}

// looked is the arm of a model that was found, once it is seen that it may serve.
func (p *plans) looked(ctx context.Context, sources registry.Sources, artifact registry.Artifact, pin bool) (rollout.Arm, error) {
	ref, digest := artifact.Ref, artifact.Digest
	if try := !p.unchecked && ref.Kind != registry.KindBuiltin; try || pin && digest == "" {
		stored, err := fetchOnce(ctx, sources, artifact)
		if err != nil {
			return rollout.Arm{}, err
		}
		defer stored.remove()
		if digest = stored.Digest; try {
			if err := p.try(ctx, ref, stored); err != nil {
				return rollout.Arm{}, err
			}
		}
	}
	if !pin {
		return rollout.Arm{Model: ref.String()}, nil
	}
	if ref.Kind != registry.KindFile && artifact.Version != "" {
		ref.Version, ref.Alias, ref.Stage = artifact.Version, "", ""
	}
	return rollout.Arm{Model: ref.String(), Digest: digest}, nil
}

// try checks a model as workers will: one that they would all refuse should not get into the plan. Where this machine cannot
// try it, that is said, and left to them.
func (p *plans) try(ctx context.Context, ref registry.Ref, stored *fetched) error {
	_, err := model.FindRuntime("")
	if err == nil {
		err = checkInChild(ctx, stored.Path, stored.Sidecar, childCheck{})
	}
	var refused *model.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &refused) && refused.Code != model.NoRuntime:
		return fmt.Errorf("%s: %w (workers would refuse it; --unchecked puts it into the plan all the same)", ref, err)
	}
	p.log.Warn("the model was not tried here; workers try it before it serves", "model", ref.String(), "error", err)
	return nil
}

// sources are where references are looked up.
func (p *plans) sources() (registry.Sources, error) {
	mlflow, err := p.mlflow.options()
	if err != nil {
		return nil, err
	}
	return modelSources(p.conn, p.topology, mlflow)
}

func resolve(ctx context.Context, sources registry.Sources, ref registry.Ref) (registry.Artifact, error) {
	source := sources[ref.Kind]
	if source == nil {
		return registry.Artifact{}, &registry.Error{Code: registry.NoSource, Reason: ref.String() + " needs an MLflow server: name it with --mlflow, or set MLFLOW_TRACKING_URI"}
	}
	return source.Resolve(ctx, ref)
}

// elsewhere reports whether a model that cannot be found here may well be where workers are: in files of theirs, or on an
// MLflow server that they are told of.
func (p *plans) elsewhere(ref registry.Ref, err error) bool {
	var e *registry.Error
	if p.file != "" || !errors.As(err, &e) {
		return false
	}
	return e.Code == registry.NoSource || ref.Kind == registry.KindFile && e.Code == registry.NoModel
}

// fetched is a model in a folder of its own.
type fetched struct {
	registry.Stored
	folder string
}

func (f *fetched) remove() { os.RemoveAll(f.folder) }

// fetchOnce brings a model as one file into a temporary folder; remove it.
func fetchOnce(ctx context.Context, sources registry.Sources, artifact registry.Artifact) (*fetched, error) {
	folder, err := os.MkdirTemp("", "foxhunt-model-")
	if err != nil {
		return nil, fmt.Errorf("no model can be fetched: %w", err)
	}
	f := &fetched{folder: folder}
	store, err := registry.NewStore(folder, sources)
	if err == nil {
		f.Stored, err = store.Get(ctx, artifact)
	}
	if err != nil {
		f.remove()
		return nil, err
	}
	return f, nil
}
