package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"foxhunt/features"
	"foxhunt/meeting"
	"foxhunt/messages"
)

// Options are a worker's settings; see [DefaultOptions] for their defaults.
type Options struct {
	Name       string        // says in dead letters which worker it was
	Lanes      int           // captures in hand at once
	BatchSize  int           // captures that may share a run of the model
	BatchDelay time.Duration // how long a capture waits for others of its shape
	Runners    int           // runs of models at once, the shadow's not counted
	Confidence float64       // of the published ellipses
	GeoJSON    bool          // put the ellipse's polygon into the fix
	FixFormat  string        // content type of the fixes
	Grace      time.Duration // how long a stop waits for what is in hand
	Attempts   int           // a capture that fails at this delivery, or a later one, is a dead letter
	Bundles    []string      // sources that may speak for several stations, such as dcf.dcf77, demo.*, *.*
	Budget     features.Budget
	Log        *slog.Logger
	Observer   Observer
	Tracer     Tracer         // nil: captures are not followed
	Table      *meeting.Table // where captures of one receiver meet; nil: each is located alone, or refused

	// Challenged is told of each capture that the challenger was to answer: whether it failed at what the champion then
	// answered, and the failure's code. What both failed at is the capture's fault, and not told. Several goroutines call it.
	Challenged func(failed bool, code string)

	// Stuck is called when the computing for one capture, publishing not counted, has taken longer than TooLong. Nothing
	// can stop a computation that hangs: the process should end, so that its captures go to others.
	Stuck   func(subject string, sequence uint64)
	TooLong time.Duration
}

// DefaultOptions holds every default in one place.
func DefaultOptions() Options {
	processors := runtime.GOMAXPROCS(0)
	return Options{
		Name:       "worker",
		Lanes:      8 * processors,
		BatchSize:  8,
		BatchDelay: time.Millisecond,
		Runners:    processors,
		Confidence: 0.95,
		FixFormat:  messages.ContentTypeJSON,
		Grace:      20 * time.Second,
		Attempts:   12,
		Log:        slog.Default(),
		Stuck:      func(string, uint64) {},
		Challenged: func(bool, string) {},
		TooLong:    5 * time.Minute, // the dearest capture known takes some seconds
	}
}

// Validate says the first option that makes no sense.
func (o *Options) Validate() error {
	switch {
	case o.Lanes < 1 || o.BatchSize < 1 || o.Runners < 1:
		return fmt.Errorf("lanes, batch size and runners are %d, %d, %d; want at least 1 each", o.Lanes, o.BatchSize, o.Runners)
	case o.BatchDelay < 0:
		return fmt.Errorf("batch delay is %v; want 0 or more", o.BatchDelay)
	case o.Attempts < 1:
		return fmt.Errorf("attempts are %d; want at least 1", o.Attempts)
	case !(o.Confidence > 0 && o.Confidence < 1):
		return fmt.Errorf("confidence is %v; want a value between 0 and 1", o.Confidence)
	case o.FixFormat != messages.ContentTypeJSON && o.FixFormat != messages.ContentTypeMsgpack:
		return fmt.Errorf("fix format is %q; want %s or %s", o.FixFormat, messages.ContentTypeJSON, messages.ContentTypeMsgpack)
	}
	if _, err := parseBundles(o.Bundles); err != nil {
		return err
	}
	return o.Budget.Validate()
}

// Worker serves captures from a source until it is told to stop. Any number of workers may share a stream.
type Worker struct {
	options    Options
	publisher  Publisher
	cache      Cache // nil: none
	bundles    bundles
	extractors *extractors
	companions *semaphore.Weighted // bytes of captures fetched for events
	runs       chan struct{}       // of models at once
	inHand     inHand
	shadows    *shadowQueue
	gate       gate

	serving sync.Mutex // held by Serve and Close
	closed  bool       // under serving
	closing sync.WaitGroup

	mu  sync.Mutex
	now *set // what serves; nil before Serve and after Close

	computations computations

	alone sync.RWMutex // held for writing by a capture that must run alone
}

// New makes a worker; [Worker.Serve] gives it models, and nothing runs before [Worker.Run]. cache may be nil. Close frees it.
func New(publisher Publisher, cache Cache, options Options) (*Worker, error) {
	if err := options.Validate(); err != nil {
		return nil, fmt.Errorf("worker: %w", err)
	}
	bundles, _ := parseBundles(options.Bundles) // Validate has read them
	return &Worker{
		options: options, publisher: publisher, cache: cache, bundles: bundles,
		extractors: newExtractors(runtime.GOMAXPROCS(0), options.Budget),
		companions: semaphore.NewWeighted(mostCompanionBytes),
		runs:       make(chan struct{}, options.Runners),
		shadows:    newShadowQueue(),
		gate:       gate{most: max(0, runtime.GOMAXPROCS(0)-2)},
	}, nil
}

// Close frees the models' runners. Run must have returned.
func (w *Worker) Close() {
	w.serving.Lock()
	defer w.serving.Unlock()
	if !w.closed {
		w.closed = true
		w.change(nil)
	}
	w.closing.Wait()
}

// Run serves captures until ctx ends, then finishes what was fetched and what is in hand (for at most Options.Grace),
// and returns nil. The order of a stop is: no more pulling, finish, publish, acknowledge. A source that ends by itself is
// an error. Serve must have been called.
func (w *Worker) Run(ctx context.Context, source Source) error {
	if w.Arms() == nil {
		return errors.New("worker: there is no model to serve")
	}
	working, finish := graceful(ctx, w.options.Grace)
	defer finish()
	defer context.AfterFunc(ctx, source.Stop)()
	extending, stopExtending := context.WithCancel(context.Background())

	attempts := w.options.Attempts
	if most := source.MaxDeliver(); most > 0 {
		attempts = min(attempts, most) // at the last delivery there is no handing back
	}
	var helpers sync.WaitGroup
	var lanes errgroup.Group
	helpers.Go(func() { w.inHand.extend(extending, source.AckWait(), w.options.Log) })
	waitForShadow := w.startShadow(ctx)
	for range w.options.Lanes {
		lanes.Go(func() error { return w.newLane(attempts).serve(working, source) })
	}
	ended := lanes.Wait()
	stopExtending()
	helpers.Wait()
	waitForShadow()
	if ctx.Err() == nil {
		return fmt.Errorf("worker: the source of captures ended: %w", ended)
	}
	return nil
}

// graceful gives a context that ends the grace period after ctx does.
func graceful(ctx context.Context, grace time.Duration) (context.Context, context.CancelFunc) {
	working, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		timer := time.AfterFunc(grace, cancel)
		context.AfterFunc(working, func() { timer.Stop() })
	})
	return working, func() { stop(); cancel() }
}
