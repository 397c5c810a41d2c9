package serving

import (
	"context"
	"log/slog"
	"time"

	"foxhunt/model"
	"foxhunt/model/registry"
	"foxhunt/rollout"
)

// Model is a model in memory, ready to serve. Close lets it go; it stays for as long as something runs on it.
type Model interface {
	Info() model.Info
	Close() error
}

// Models finds models by their references, and brings them onto this machine.
type Models interface {
	Resolve(context.Context, registry.Ref) (registry.Artifact, error)
	Get(context.Context, registry.Artifact) (registry.Stored, error)
	// Kept is the artifact that a reference meant last on this machine, with a digest if one is given.
	Kept(r registry.Ref, digest string) (registry.Artifact, bool)
}

// Set is who serves from a moment on. Challenger and Shadow are nil where there is none; who challenges whom is the plan's to
// say then.
type Set struct {
	Champion, Challenger, Shadow Model
	Plan                         rollout.Plan // zero: none
}

// Options are what a manager needs. Plans, Check, Event and Observer may be nil.
type Options struct {
	Worker  string         // its name, in events and in the plan
	Default registry.Ref   // what serves where there is no plan
	Plans   *rollout.Store // nil: there is none, and Default serves
	Models  Models

	// Check tries a model where it can do no harm, before this process loads it.
	Check func(context.Context, registry.Stored) error
	// Load makes a model ready to serve, all of it: also what the first capture would have to wait for. beside says that
	// others serve meanwhile, and are to notice as little as possible.
	Load func(ctx context.Context, s registry.Stored, beside bool) (Model, error)
	// Serve switches to a set, at once and for every capture that comes from then on. The models of the set before are
	// closed after it has returned.
	Serve func(Set) error

	Poll time.Duration // how often references that may come to mean another model are looked at; default: DefaultPoll
	// Event tells the fleet; it tries again until ctx ends, however long NATS is away. What it could not tell by then is kept
	// for Run where Start ends.
	Event    func(ctx context.Context, e rollout.Event) error
	Observer Observer
	Log      *slog.Logger
}

// DefaultPoll is the default of Options.Poll.
const DefaultPoll = 5 * time.Second

// Observer is told what becomes of models, for the metrics. One goroutine at a time calls it.
type Observer interface {
	Loaded(took time.Duration)             // a model is in memory that was not
	Failed(code string)                    // one that is wanted could not be had
	Serving(post string, info *model.Info) // at a post from now on; nil: nobody
	Stopped()                              // this worker stopped a split for the fleet, as the challenger failed too often
	Plan(changed time.Time, followed bool) // when the plan that is known was made, zero for none, and whether all of it is so
}

// The posts of a plan, as fixes, metrics and events name them.
const (
	Champion   = "champion"
	Challenger = "challenger"
	Shadow     = "shadow"
)

// CodeCannotServe is the code of a model that the worker does not take.
const CodeCannotServe = "cannot_serve"

// Error is an error with a stable code and a sentence that helps.
type Error struct{ Code, Reason string }

func (e *Error) Error() string { return e.Code + ": " + e.Reason }
