package model

import (
	"errors"
	"slices"

	ort "github.com/yalue/onnxruntime_go"
)

// Provider says what computes a model's runs.
type Provider string

// The providers of [Options].
const (
	CPU  Provider = "cpu" // the default
	CUDA Provider = "cuda"
)

// maxThreads bounds a run's threads: a slip of the keyboard must not start thousands.
const maxThreads = 256

// validate refuses options that no session can have, and fills in the defaults.
func (o *Options) validate() error {
	if o.Threads == 0 {
		o.Threads = 1
	}
	if o.Provider == "" {
		o.Provider = CPU
	}
	switch {
	case o.Threads < 1 || o.Threads > maxThreads:
		return refuse(BadOptions, "threads are %d; want 1 to %d", o.Threads, maxThreads)
	case !slices.Contains([]Provider{CPU, CUDA}, o.Provider):
		return refuse(BadOptions, "there is no provider %q; want %s or %s", o.Provider, CPU, CUDA)
	}
	return nil
}

// session is what a session is made with, beside the model's bytes.
type session struct {
	threads  int
	provider Provider
	level    ort.GraphOptimizationLevel
	saveTo   string // where the library writes the optimised model; "" for nowhere
}

// open makes the session.
func (s session) open(data []byte) (*ort.DynamicAdvancedSession, error) {
	options, err := ort.NewSessionOptions()
	if err != nil {
		return nil, err
	}
	defer options.Destroy()
	err = errors.Join(
		options.SetGraphOptimizationLevel(s.level),
		options.SetExecutionMode(ort.ExecutionModeSequential),
		options.SetIntraOpNumThreads(s.threads),
		options.SetInterOpNumThreads(1),
		options.SetLogSeverityLevel(ort.LoggingLevelFatal),
	)
	if err == nil && s.saveTo != "" {
		err = options.SetOptimizedModelFilePath(s.saveTo)
	}
	if err == nil && s.provider == CUDA {
		err = appendCUDA(options)
	}
	if err != nil {
		return nil, err
	}
	// Runs bind inputs and outputs by name, so the session needs no names of its own.
	return ort.NewDynamicAdvancedSessionWithONNXData(data, nil, nil, options)
}

// appendCUDA has the session run on the first CUDA device whatever it can. The library's list of the providers it was
// built with is not in the Go binding; it says no by refusing to append one, which also covers a provider that is
// built in and does not find its own libraries or a device.
func appendCUDA(options *ort.SessionOptions) error {
	cuda, err := ort.NewCUDAProviderOptions()
	if err != nil {
		return noCUDA(err)
	}
	defer cuda.Destroy()
	if err := options.AppendExecutionProviderCUDA(cuda); err != nil {
		return noCUDA(err)
	}
	return nil
}

func noCUDA(err error) error {
	return &Error{NoProvider, "this ONNX Runtime does not run on CUDA: " + firstLine(err) + "; name a GPU build of the library with " +
		"--onnxruntime PATH, with CUDA and cuDNN of its release installed, or choose the provider cpu", err}
}
