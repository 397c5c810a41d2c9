package model

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync"

	ort "github.com/yalue/onnxruntime_go"

	"foxhunt/contract"
)

// MaxModelBytes bounds a model's file.
const MaxModelBytes = 512 << 20

// maxSidecarBytes bounds a contract's file.
const maxSidecarBytes = 1 << 20

// Options are what a model's source knows of a model beyond its bytes, and how it is to be loaded.
type Options struct {
	Name    string // "" for what the model says
	Version string // "" for what the model says
	Sidecar []byte // the contract, for a model that carries none

	Threads      int      // of one run; 0 for 1, as workers run many at once
	Provider     Provider // "" for CPU
	OptimizedDir string   // the user's own folder that keeps optimised models from start to start; "" for none
	Beside       bool     // another model serves: load at a low priority
}

// Model is a loaded model. Its methods may be called from several goroutines.
type Model struct {
	runtime  *Runtime
	session  *ort.DynamicAdvancedSession
	contract *contract.Contract
	info     Info
	inputs   []port
	outputs  []port

	mu      sync.Mutex
	runners int
	closed  bool
}

// port is one input or output that a run binds.
type port struct {
	name string
	kind contract.Kind // outputs only
	axes []axis
}

// LoadFile loads a model from its file. A model without a contract in its metadata may have it beside it, in
// PATH.contract.json or in a file named foxhunt.contract in the same folder. Errors are as for [Runtime.Load], or
// unreadable.
func (r *Runtime) LoadFile(path string, options Options) (*Model, error) {
	data, err := readFile(path, MaxModelBytes)
	if err != nil {
		return nil, err
	}
	beside := []string{path + ".contract.json", filepath.Join(filepath.Dir(path), contract.MetadataKey)}
	for _, sidecar := range beside {
		if options.Sidecar != nil {
			break
		}
		options.Sidecar, err = readFile(sidecar, maxSidecarBytes)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, err
		}
	}
	return r.Load(data, options)
}

func readFile(path string, limit int64) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, &Error{Unreadable, err.Error(), err}
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, limit+1))
	switch {
	case err != nil:
		return nil, &Error{Unreadable, err.Error(), err}
	case int64(len(data)) > limit:
		return nil, refuse(TooLarge, "%s is larger than %d MiB", path, limit>>20)
	}
	return data, nil
}

// Load checks a model's bytes and makes a session of them; data is not needed afterwards. The contract is the one in
// the model's metadata under [contract.MetadataKey], else the sidecar, else the plain one if the model has its shape.
// Close the model when done. Errors are of type [*Error].
func (r *Runtime) Load(data []byte, options Options) (*Model, error) {
	if err := options.validate(); err != nil {
		return nil, err
	}
	if len(data) > MaxModelBytes {
		return nil, refuse(TooLarge, "the model has %d bytes; at most %d are read", len(data), MaxModelBytes)
	}
	h, err := readHeader(data)
	if err != nil {
		return nil, err
	}
	if h.externalData {
		return nil, refuse(ExternalData, "the model keeps weights in other files; save it as one file")
	}
	c, err := h.contract(options.Sidecar)
	if err != nil {
		return nil, err
	}
	m := &Model{runtime: r, contract: c}
	if err := m.bindPorts(h); err != nil {
		return nil, err
	}
	digest := sha256.Sum256(data)
	m.info = h.info(options)
	m.info.Digest, m.info.Bytes, m.info.Contract, m.info.Runtime = hex.EncodeToString(digest[:]), len(data), c, r.Version()
	if err := m.open(data, options); err != nil {
		return nil, err
	}
	return m, nil
}

// open makes the session.
func (m *Model) open(data []byte, options Options) error {
	if err := m.runtime.retain(); err != nil {
		return err
	}
	var err error
	load := func() { m.session, err = m.newSession(data, options) }
	// Threads that the library starts inherit the priority for good, so it stays as it is where there are any.
	if options.Beside && options.Threads == 1 && options.Provider == CPU {
		Aside(load)
	} else {
		load()
	}
	if err == nil {
		return nil
	}
	m.runtime.release()
	trim()
	if refused := (*Error)(nil); errors.As(err, &refused) {
		return refused
	}
	return refuse(BadModel, "ONNX Runtime refuses the model: %s", firstLine(err))
}

// newSession makes a session with all graph optimisations, or of the model that they gave another time. The folder of
// those is a help only: whatever fails there is no error.
func (m *Model) newSession(data []byte, options Options) (*ort.DynamicAdvancedSession, error) {
	full := session{threads: options.Threads, provider: options.Provider, level: ort.GraphOptimizationLevelEnableAll}
	if options.OptimizedDir == "" || options.Provider != CPU {
		return full.open(data)
	}
	place := newOptimized(options.OptimizedDir, m.info.Digest, m.info.Runtime)
	if before, ok := place.read(); ok {
		done := full
		done.level = ort.GraphOptimizationLevelDisableAll
		if opened, err := done.open(before); err == nil {
			m.info.Optimized = true
			return opened, nil
		}
	}
	draft, err := place.draft()
	if err != nil {
		return full.open(data)
	}
	defer os.Remove(draft)
	saving := full
	saving.saveTo = draft
	opened, err := saving.open(data)
	if err != nil {
		return full.open(data) // it may be the disk; if it is the model, this says so
	}
	_ = place.keep(draft)
	return opened, nil
}

// Info describes the model.
func (m *Model) Info() Info { return m.info }

// Contract is what the model eats and gives. It is shared: do not change it.
func (m *Model) Contract() *contract.Contract { return m.contract }

// NewRunner makes a runner, for one goroutine. The model stays in memory until the last runner is closed.
func (m *Model) NewRunner() (*Runner, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil, refuse(Closed, "model %s is closed", m.info.Name)
	}
	m.runners++
	return &Runner{model: m}, nil
}

// Close lets the model go. Runners that are still open may go on; the last one to close frees the session.
func (m *Model) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil
	}
	m.closed = true
	return m.freeIfUnused()
}

// runnerClosed is called once by each runner.
func (m *Model) runnerClosed() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.runners--
	return m.freeIfUnused()
}

func (m *Model) freeIfUnused() error {
	if !m.closed || m.runners > 0 {
		return nil
	}
	defer m.runtime.release()
	defer trim()
	return m.session.Destroy()
}
