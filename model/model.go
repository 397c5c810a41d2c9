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

// Options are what a model's source knows of a model beyond its bytes.
type Options struct {
	Name    string // "" for what the model says
	Version string // "" for what the model says
	Sidecar []byte // the contract, for a model that carries none
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
	if err := m.open(data); err != nil {
		return nil, err
	}
	return m, nil
}

// open makes the session: all graph optimisations, and one thread a run, because workers run many at once.
func (m *Model) open(data []byte) error {
	if err := m.runtime.retain(); err != nil {
		return err
	}
	session, err := newSession(data)
	if err != nil {
		m.runtime.release()
		return refuse(BadModel, "ONNX Runtime refuses the model: %v", err)
	}
	m.session = session
	return nil
}

func newSession(data []byte) (*ort.DynamicAdvancedSession, error) {
	options, err := ort.NewSessionOptions()
	if err != nil {
		return nil, err
	}
	defer options.Destroy()
	err = errors.Join(
		options.SetGraphOptimizationLevel(ort.GraphOptimizationLevelEnableAll),
		options.SetExecutionMode(ort.ExecutionModeSequential),
		options.SetIntraOpNumThreads(1),
		options.SetInterOpNumThreads(1),
		options.SetLogSeverityLevel(ort.LoggingLevelFatal),
	)
	if err != nil {
		return nil, err
	}
	// Runs bind inputs and outputs by name, so the session needs no names of its own.
	return ort.NewDynamicAdvancedSessionWithONNXData(data, nil, nil, options)
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
	return m.session.Destroy()
}
