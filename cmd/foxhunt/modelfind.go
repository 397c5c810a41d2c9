package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/spf13/pflag"

	"foxhunt/model/grid"
	"foxhunt/model/registry"
)

// modelFinder is what commands need that look at any model, wherever it comes from.
type modelFinder struct{ plans }

func (f *modelFinder) register(flags *pflag.FlagSet) {
	f.nats.register(flags)
	f.names.registerPrefix(flags)
	f.mlflow.register(flags)
}

// find gives the path of a model's file, or the name of the built-in one; a file is taken as it is. A model from elsewhere is in a temporary folder until
// done is called, beside its contract if it has one apart.
func (f *modelFinder) find(ctx context.Context, text string, warnings io.Writer) (path string, sidecar []byte, done func(), err error) {
	if info, err := os.Stat(text); err == nil && info.Mode().IsRegular() {
		return text, nil, func() {}, nil
	}
	ref, err := registry.ParseRef(text)
	switch {
	case err != nil:
		return "", nil, nil, err
	case ref.Kind == registry.KindBuiltin:
		return grid.Name, nil, func() {}, nil
	}
	if f.topology, err = f.names.topology(); err != nil {
		return "", nil, nil, err
	}
	f.log = slog.New(slog.NewTextHandler(warnings, nil))
	if ref.Kind == registry.KindNATS {
		if err := f.connect(ctx); err != nil {
			return "", nil, nil, err
		}
		defer f.close()
	}
	sources, err := f.sources()
	if err != nil {
		return "", nil, nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, resolveTime)
	defer cancel()
	artifact, err := resolve(ctx, sources, ref)
	if err != nil {
		return "", nil, nil, err
	}
	model, err := fetchOnce(ctx, sources, artifact)
	if err != nil {
		return "", nil, nil, fmt.Errorf("%s: %w", ref, err)
	}
	return model.Path, model.Sidecar, model.remove, nil
}
