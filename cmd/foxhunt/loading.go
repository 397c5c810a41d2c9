package main

import (
	"os"
	"path/filepath"

	"github.com/spf13/pflag"

	"foxhunt/model"
	"foxhunt/model/grid"
)

// loading says how models are loaded.
type loading struct {
	threads  int
	provider string
	cache    string
}

func (l *loading) register(flags *pflag.FlagSet) {
	flags.IntVar(&l.threads, "model-threads", 1, "threads of one run of the model; many captures run at once, so one is fastest for most")
	flags.StringVar(&l.provider, "model-provider", string(model.CPU), "what computes the model: cpu, or cuda where the ONNX Runtime library has it")
	flags.StringVar(&l.cache, "model-cache", modelCache(), `folder that keeps optimised models from start to start; "" for none`)
}

func (l *loading) options() model.Options {
	return model.Options{Threads: l.threads, Provider: model.Provider(l.provider), OptimizedDir: l.cache}
}

// modelCache is the user's own folder for optimised models, or "" where the system names none.
func modelCache() string {
	folder, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(folder, "foxhunt", "models")
}

// loadModel loads a model as [loadModelWith] does, on one thread and with the user's folder of optimised models.
func loadModel(runtime *model.Runtime, name string) (*model.Model, error) {
	return loadModelWith(runtime, name, model.Options{OptimizedDir: modelCache()})
}

// loadModelWith loads the built-in model by its name, any other as a file.
func loadModelWith(runtime *model.Runtime, name string, options model.Options) (*model.Model, error) {
	if name == grid.Name {
		return runtime.Load(grid.File(), options)
	}
	return runtime.LoadFile(name, options)
}
