package model

import (
	"sync"

	ort "github.com/yalue/onnxruntime_go"
)

// Runtime is the process's ONNX Runtime environment. The library allows one a process: main starts it and stops it.
// Its methods may be called from several goroutines.
type Runtime struct {
	path, version string

	mu      sync.Mutex
	models  int // loaded and not yet freed
	stopped bool
}

// Start loads the ONNX Runtime library at path. It must not run beside another Start or Stop. Errors are of type
// [*Error]: already_started, or bad_runtime when the library does not load or is older than the API asked of it.
func Start(path string) (*Runtime, error) {
	if ort.IsInitialized() {
		return nil, refuse(AlreadyStarted, "ONNX Runtime is started; a process has one")
	}
	ort.SetSharedLibraryPath(path)
	// Errors come back from the calls themselves; left alone, the library also writes each of them to stderr.
	if err := ort.InitializeEnvironment(ort.WithLogLevelFatal()); err != nil {
		return nil, refuse(BadRuntime, "%s does not serve as ONNX Runtime %s or later: %v", path, RuntimeVersion, err)
	}
	return &Runtime{path: path, version: ort.GetVersion()}, nil
}

// Path is where the library was loaded from.
func (r *Runtime) Path() string { return r.path }

// Version is the library's own version, such as 1.24.1.
func (r *Runtime) Version() string { return r.version }

// Stop unloads the library. Close every model and its runners first: while one is left, Stop does nothing but return
// an error of code in_use.
func (r *Runtime) Stop() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.stopped:
		return nil
	case r.models > 0:
		return refuse(InUse, "%d models are still loaded; close them and their runners first", r.models)
	}
	r.stopped = true
	if err := ort.DestroyEnvironment(); err != nil {
		return refuse(BadRuntime, "stopping ONNX Runtime: %v", err)
	}
	return nil
}

// retain counts a model in, or refuses when the runtime is stopped.
func (r *Runtime) retain() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopped {
		return refuse(Closed, "the runtime is stopped")
	}
	r.models++
	return nil
}

func (r *Runtime) release() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.models--
}
