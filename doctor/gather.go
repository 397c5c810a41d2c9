package doctor

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"foxhunt/cache"
	"foxhunt/jetstream"
	"foxhunt/model"
)

// Options say where to look.
type Options struct {
	NATS     jetstream.Options
	Topology jetstream.Topology  // as it should be
	Monitors []string            // base URLs of NATS servers' monitoring ports
	Redis    *cache.RedisOptions // nil: none
	Runtime  string              // ONNX Runtime's library; empty: looked for
	Load     func(*model.Runtime) (*model.Model, error)
	DataDir  string        // JetStream's folder, if it is on this machine
	Look     time.Duration // how long to watch captures flow
}

// Gather looks at everything o names until ctx ends, and writes nowhere. What fails says so in its fact. What the
// operating system does not let go of, such as a disk that hangs, is left behind: its goroutine ends when that call does.
func Gather(ctx context.Context, o Options) *Facts {
	f := &Facts{Topology: o.Topology}
	var all sync.WaitGroup
	all.Go(func() { gatherNATS(ctx, o, f) })
	all.Go(func() { f.Redis = gatherRedis(ctx, o.Redis) })
	all.Go(func() { f.Runtime = within(ctx, func() (Runtime, error) { return gatherRuntime(o) }) })
	all.Go(func() { f.Machine = gatherMachine(ctx, o.DataDir) })
	all.Wait()
	return f
}

var errNoAnswer = errors.New("no answer in time")

// within makes a call that cannot be told to stop, and waits for it no longer than ctx lives.
func within[T any](ctx context.Context, call func() (T, error)) Fact[T] {
	answer := make(chan Fact[T], 1)
	go func() {
		value, err := call()
		answer <- Fact[T]{value, err}
	}()
	select {
	case fact := <-answer:
		return fact
	case <-ctx.Done():
		return Fact[T]{Err: fmt.Errorf("%w: %w", errNoAnswer, context.Cause(ctx))}
	}
}

// fact makes a fact of a call's results.
func fact[T any](value T, err error) Fact[T] { return Fact[T]{value, err} }

func gatherRedis(ctx context.Context, o *cache.RedisOptions) Fact[cache.RedisState] {
	if o == nil {
		return Fact[cache.RedisState]{Err: notAsked("no Redis was named")}
	}
	return fact(cache.InspectRedis(ctx, *o))
}

// gatherRuntime loads the library and the model, as a worker would, and lets go of both.
func gatherRuntime(o Options) (Runtime, error) {
	path, err := model.FindRuntime(o.Runtime)
	if err != nil && o.Runtime == "" {
		return Runtime{}, notAsked(err.Error())
	}
	if err != nil {
		return Runtime{}, err
	}
	runtime, err := model.Start(path)
	if err != nil {
		return Runtime{}, err
	}
	seen := Runtime{Path: runtime.Path(), Version: runtime.Version()}
	seen.Model.Value, seen.Model.Err = loadModel(o, runtime)
	return seen, runtime.Stop()
}

func loadModel(o Options, runtime *model.Runtime) (string, error) {
	if o.Load == nil {
		return "", errors.New("no model was named")
	}
	m, err := o.Load(runtime)
	if err != nil {
		return "", err
	}
	info := m.Info()
	return fmt.Sprintf("model %s, version %s", info.Name, info.Version), m.Close()
}
