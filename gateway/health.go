package gateway

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"foxhunt/messages"
)

// workers knows whether some worker is there: asked of the server at most once a second, however many requests come.
type workers struct {
	streams Streams

	mu    sync.Mutex
	asked time.Time
	state presence
}

// presence is what is known of the workers.
type presence int

const (
	unknown presence = iota // the server did not tell
	absent                  // nobody asks for captures, and nobody has any
	busy                    // nobody asks for captures just now, but some are with workers, who may have died with them
	present                 // somebody asks for captures
)

// Between two pulls of an idle worker there is a moment in which it seems absent: then it is asked for again after
// secondLook. What is known is good for stillTrue.
const (
	secondLook = 100 * time.Millisecond
	stillTrue  = time.Second
)

func (w *workers) look(ctx context.Context) presence {
	w.mu.Lock()
	defer w.mu.Unlock()
	if time.Since(w.asked) < stillTrue {
		return w.state
	}
	w.state = w.ask(ctx)
	if w.state == absent {
		select {
		case <-time.After(secondLook):
			w.state = w.ask(ctx)
		case <-ctx.Done():
			return unknown
		}
	}
	w.asked = time.Now()
	return w.state
}

func (w *workers) ask(ctx context.Context) presence {
	open, inFlight, err := w.streams.Pulls(ctx)
	switch {
	case err != nil:
		return unknown
	case open > 0:
		return present
	case inFlight > 0:
		return busy
	}
	return absent
}

// ready says why no capture should be published now; nil if it should. A worker that is not known to be absent gets the
// benefit of the doubt.
func (g *Gateway) ready(ctx context.Context) *problem {
	if !g.streams.Connected() {
		return newProblem(http.StatusServiceUnavailable, "not_connected", "the gateway has no connection to NATS at this moment").again(secondsUntilBetter)
	}
	if g.workers.look(ctx) == absent {
		return newProblem(http.StatusServiceUnavailable, CodeNoWorker, "no worker pulls captures; start foxhunt worker").again(secondsUntilBetter)
	}
	return nil
}

// recently is how long ago something must have been seen for it to be taken for still so.
const recently = 5 * time.Minute

// healthReport says how things are. What is not known is null.
type healthReport struct {
	Status         string           `json:"status"` // healthy, unhealthy
	ModelLoaded    *bool            `json:"model_loaded"`
	CacheAvailable *bool            `json:"cache_available"`
	Timestamp      messages.Instant `json:"timestamp"`
	Code           string           `json:"code,omitempty"` // why it is unhealthy
	Detail         string           `json:"detail,omitempty"`
}

// health tells what can be known without a capture: workers pull once their model is loaded and checked, and a fix that
// came from a cache shows that there is one.
func (g *Gateway) health(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	report := healthReport{Status: "healthy", Timestamp: messages.InstantOf(time.Now())}
	status := http.StatusOK
	if p := g.ready(ctx); p != nil {
		report.Status, report.Code, report.Detail = "unhealthy", p.Code, p.Detail
		status = p.Status
	}
	if g.streams.Connected() {
		report.ModelLoaded = g.modelLoaded(ctx)
	}
	if seen(&g.lastHit) {
		yes := true
		report.CacheAvailable = &yes
	}
	writeJSON(w, typeJSON, status, report)
}

func (g *Gateway) modelLoaded(ctx context.Context) *bool {
	loaded := false
	switch g.workers.look(ctx) {
	case present:
		loaded = true
	case absent:
	case busy:
		if loaded = seen(&g.lastAnswer); !loaded {
			return nil
		}
	default:
		return nil
	}
	return &loaded
}

// seen says whether a time was stored within the last minutes.
func seen(at *atomic.Int64) bool {
	ns := at.Load()
	return ns > 0 && time.Since(time.Unix(0, ns)) < recently
}
