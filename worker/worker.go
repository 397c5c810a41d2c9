package worker

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"foxhunt/contract"
	"foxhunt/features"
	"foxhunt/messages"
)

// Options are a worker's settings; see [DefaultOptions] for their defaults.
type Options struct {
	Name       string        // says in dead letters which worker it was
	Lanes      int           // captures in hand at once
	BatchSize  int           // captures that may share a run of the model
	BatchDelay time.Duration // how long a capture waits for others of its shape
	Runners    int           // goroutines that run the model
	Confidence float64       // of the published ellipses
	GeoJSON    bool          // put the ellipse's polygon into the fix
	FixFormat  string        // content type of the fixes
	Grace      time.Duration // how long a stop waits for what is in hand
	Attempts   int           // a capture that fails at this delivery, or a later one, is a dead letter
	Bundles    []string      // sources that may speak for several stations, such as dcf.dcf77, demo.*, *.*
	Budget     features.Budget
	Log        *slog.Logger
	Observer   Observer

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
	contract   *contract.Contract
	identity   messages.Model
	bundles    bundles
	extractors chan *features.Extractor // one a processor: preprocessing is bounded by them
	batcher    *batcher
	runners    []Runner
	inHand     inHand

	computations computations

	alone sync.RWMutex // held for writing by a capture that must run alone
}

// New makes a worker; nothing runs before [Worker.Run]. cache may be nil. Close frees it.
func New(publisher Publisher, cache Cache, model Predictor, options Options) (*Worker, error) {
	if err := options.Validate(); err != nil {
		return nil, fmt.Errorf("worker: %w", err)
	}
	bundles, _ := parseBundles(options.Bundles) // Validate has read them
	w := &Worker{options: options, publisher: publisher, cache: cache, contract: model.Contract(), identity: model.Identity(), bundles: bundles}
	size := options.BatchSize
	if most := model.MaxBatch(); most > 0 {
		size = min(size, most)
	}
	w.batcher = newBatcher(size, options.BatchDelay, options.Observer, options.Log)
	if err := w.prepare(model); err != nil {
		w.Close()
		return nil, fmt.Errorf("worker: %w", err)
	}
	return w, nil
}

// prepare makes what is shared by the lanes: extractors and the model's runners.
func (w *Worker) prepare(model Predictor) error {
	processors := runtime.GOMAXPROCS(0)
	w.extractors = make(chan *features.Extractor, processors)
	for range processors {
		extractor, err := features.New(w.contract, w.options.Budget)
		if err != nil {
			return err
		}
		w.extractors <- extractor
	}
	for range w.options.Runners {
		runner, err := model.NewRunner()
		if err != nil {
			return err
		}
		w.runners = append(w.runners, runner)
	}
	return nil
}

// Close frees the model's runners. Run must have returned.
func (w *Worker) Close() {
	for _, runner := range w.runners {
		if err := runner.Close(); err != nil {
			w.options.Log.Warn("a model's runner could not be freed", "error", err)
		}
	}
}

// Run serves captures until ctx ends, then finishes what was fetched and what is in hand (for at most Options.Grace),
// and returns nil. The order of a stop is: no more pulling, finish, publish, acknowledge. A source that ends by itself is
// an error.
func (w *Worker) Run(ctx context.Context, source Source) error {
	working, finish := graceful(ctx, w.options.Grace)
	defer finish()
	defer context.AfterFunc(ctx, source.Stop)()
	batching, stopBatching := context.WithCancel(context.Background())

	attempts := w.options.Attempts
	if most := source.MaxDeliver(); most > 0 {
		attempts = min(attempts, most) // at the last delivery there is no handing back
	}
	var helpers sync.WaitGroup
	var lanes errgroup.Group
	helpers.Go(func() { w.batcher.run(batching, w.runners) })
	helpers.Go(func() { w.inHand.extend(batching, source.AckWait(), w.options.Log) })
	for range w.options.Lanes {
		lanes.Go(func() error { return w.newLane(attempts).serve(working, source) })
	}
	ended := lanes.Wait()
	stopBatching()
	helpers.Wait()
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
