package gateway

import (
	"cmp"
	"fmt"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"
)

// Options say how a gateway serves.
type Options struct {
	Defaults Defaults
	Deadline time.Duration // for a request, batches included; default: DefaultDeadline
	InFlight int           // captures that may wait for their fixes at once, more are refused; default: DefaultInFlight
	Token    string        // that requests must bear; empty: none
	Cache    func() bool   // says whether the workers' cache is there; nil where nobody can
	Observer Observer      // may be nil
	Log      *slog.Logger  // default: slog.Default()
}

// Defaults of Options.
const (
	DefaultDeadline = 10 * time.Second
	DefaultInFlight = 256
)

// bodyBudget bounds the bytes of all requests' bodies that are in memory at once; what captures are made of them comes on
// top (docs/gateway.md). searches bounds how many searches for
// fixes run at once, each of which takes a consumer of the server for its time.
const (
	bodyBudget = 8 * MaxBodyBytes
	searches   = 4
)

// Gateway answers HTTP requests. It is safe for concurrent use.
type Gateway struct {
	options  Options
	streams  Streams
	waiters  *waiters
	captures *semaphore.Weighted // in flight
	bodies   *semaphore.Weighted // bytes
	searches *semaphore.Weighted
	workers  *workers
	stop     func()

	lastAnswer atomic.Int64 // when the last fix or dead letter was heard, ns since 1970; 0: never
	lastHit    atomic.Int64 // when the last fix from a cache was heard
}

// New makes a gateway that listens for fixes until Close.
func New(streams Streams, o Options) (*Gateway, error) {
	o.Deadline, o.InFlight = cmp.Or(o.Deadline, DefaultDeadline), cmp.Or(o.InFlight, DefaultInFlight)
	switch {
	case o.Deadline < 0:
		return nil, fmt.Errorf("the deadline is %v; want more than 0", o.Deadline)
	case o.InFlight < MaxBatch:
		return nil, fmt.Errorf("%d captures in flight; want at least %d, a whole batch", o.InFlight, MaxBatch)
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	g := &Gateway{
		options: o, streams: streams, waiters: newWaiters(), workers: &workers{streams: streams},
		captures: semaphore.NewWeighted(int64(o.InFlight)), bodies: semaphore.NewWeighted(bodyBudget),
		searches: semaphore.NewWeighted(searches),
	}
	var err error
	if g.stop, err = streams.Listen(g.hear); err != nil {
		return nil, err
	}
	return g, nil
}

// Close ends listening. Requests under way get no fix any more: end the server first.
func (g *Gateway) Close() { g.stop() }

func (g *Gateway) hear(m Message) {
	g.lastAnswer.Store(time.Now().UnixNano())
	g.waiters.deliver(m)
}

// Handler serves the API.
func (g *Gateway) Handler() http.Handler {
	mux := http.NewServeMux()
	g.route(mux, http.MethodPost, "/api/v1/inference/predict", g.predict)
	g.route(mux, http.MethodPost, "/api/v1/inference/predict/batch", g.predictBatch)
	g.route(mux, http.MethodGet, "/api/v1/inference/health", g.health)
	g.route(mux, http.MethodGet, "/api/v1/fixes/{capture_id}", g.fix)
	g.route(mux, http.MethodGet, "/openapi.json", openAPI)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { noPage().write(w) })
	return mux
}

func noPage() *problem {
	return newProblem(http.StatusNotFound, CodeNotFound, "there is no such page; /openapi.json lists all of them")
}
