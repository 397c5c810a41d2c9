package gateway

import (
	"context"
	"net/http"
	"sync/atomic"
	"time"

	"foxhunt/messages"
)

// ready says why no capture should be published now; nil if it should. A worker that is not known to be absent gets the
// benefit of the doubt.
func (g *Gateway) ready(ctx context.Context) *problem {
	if !g.streams.Connected() {
		return newProblem(http.StatusServiceUnavailable, "not_connected", "the gateway has no connection to NATS at this moment").again(secondsUntilBetter)
	}
	if g.workers.look(ctx).state == absent {
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
// just came from a cache shows that there is one. Where NATS does not tell of the workers, nothing can be expected of it.
func (g *Gateway) health(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), lookTime)
	defer cancel()
	report := healthReport{Status: "healthy", Timestamp: messages.InstantOf(time.Now()), CacheAvailable: g.cacheAvailable()}
	p := g.ready(ctx)
	if g.streams.Connected() {
		k := g.workers.look(ctx)
		report.ModelLoaded = g.modelLoaded(k.state)
		if k.state == unknown {
			p = problemOf(k.err)
		}
	}
	status := http.StatusOK
	if p != nil {
		status = http.StatusServiceUnavailable
		report.Status, report.Code, report.Detail = "unhealthy", p.Code, p.Detail
	}
	writeJSON(w, typeJSON, status, report)
}

func (g *Gateway) modelLoaded(workers presence) *bool {
	switch {
	case workers == present, workers == busy && seen(&g.lastAnswer):
		return new(true)
	case workers == absent:
		return new(false)
	}
	return nil
}

// cacheAvailable is what the workers' cache says of itself where it can be asked. Where it cannot, a hit shows that it is
// there, and nothing shows that it is not.
func (g *Gateway) cacheAvailable() *bool {
	switch {
	case g.options.Cache != nil:
		return new(g.options.Cache())
	case seen(&g.lastHit):
		return new(true)
	}
	return nil
}

// seen says whether a time was stored within the last minutes.
func seen(at *atomic.Int64) bool {
	ns := at.Load()
	return ns > 0 && time.Since(time.Unix(0, ns)) < recently
}
