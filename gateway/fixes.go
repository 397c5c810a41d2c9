package gateway

import (
	"context"
	"net/http"
	"time"

	"foxhunt/messages"
)

// kept is how long fixes are kept, unless the operator says otherwise.
const kept = 24 * time.Hour

// searchTime bounds how long one look for a fix may take.
const searchTime = 10 * time.Second

// fix answers with what became of a capture: its fix, or the problem that its dead letter tells of.
func (g *Gateway) fix(w http.ResponseWriter, r *http.Request) {
	q, since, p := g.readSearch(r)
	if p != nil {
		p.write(w)
		return
	}
	ctx, cancel := context.WithTimeoutCause(r.Context(), searchTime, errDeadline)
	defer cancel()
	if g.searches.Acquire(ctx, 1) != nil {
		newProblem(http.StatusTooManyRequests, CodeTooManyRequests, "other searches took all of the time; try again").again(1).write(w)
		return
	}
	defer g.searches.Release(1)
	m, found, err := g.find(ctx, q.network, q.source, q.id, since)
	switch {
	case err != nil:
		problemOf(err).write(w)
		return
	case !found:
		newProblem(http.StatusNotFound, CodeFixNotFound, "since "+since.UTC().Format(time.RFC3339)+" there is neither a fix nor a dead letter of "+
			"this capture; if it was accepted, it still waits for a worker").again(secondsUntilBetter).write(w)
		return
	}
	fix, p := g.understand(m, q)
	if p != nil {
		p.write(w)
		return
	}
	writeJSON(w, typeJSON, http.StatusOK, newPrediction(fix))
}

// readSearch reads which capture's fix is asked for, and since when it may be there: the time in its id, where it has one.
func (g *Gateway) readSearch(r *http.Request) (q *question, since time.Time, p *problem) {
	query, p := parameters(r, "network", "source", "since")
	if p != nil {
		return nil, time.Time{}, p
	}
	q = &question{id: r.PathValue("capture_id"), network: query["network"], source: query["source"]}
	if err := messages.ValidateToken("capture_id", q.id); err != nil || len(q.id) < messages.MinIDLength {
		return nil, time.Time{}, newProblem(http.StatusBadRequest, messages.CodeBadID, "capture_id has other than 22 to 64 of A-Z a-z 0-9 _ -")
	}
	now := time.Now()
	since = now.Add(-kept)
	if made, ok := timeOf(q.id, now); ok {
		since, q.form = made.Add(-skew), inJSON
	}
	if text := query["since"]; text != "" {
		t, err := time.Parse(time.RFC3339Nano, text)
		if err != nil || t.Year() < 1970 || t.Year() > 2200 {
			return nil, time.Time{}, badParameter("since", "a time as of RFC 3339, such as 2026-03-01T12:00:00Z")
		}
		since = t.Add(-skew)
	}
	return q, since, nil
}
