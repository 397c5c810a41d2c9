package gateway

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"foxhunt/messages"
)

// gapCheck is how often a request looks whether its answer may have passed unheard; lookBack is how long ago the fix of a
// capture that the stream had before may have come: longer than streams remember ids.
const (
	gapCheck = 500 * time.Millisecond
	lookBack = 15 * time.Minute
)

// statusClientGone is what access logs call an answer that nobody waits for any more; it is in the metrics alone.
const statusClientGone = 499

// locate publishes a capture and waits for what becomes of it.
func (g *Gateway) locate(ctx context.Context, q *question) (*messages.Fix, *problem) {
	answer, leave := g.waiters.join(fixID(q.subject, q.id))
	defer leave()
	gaps := g.streams.Gaps()
	duplicate, err := g.streams.PublishCapture(ctx, q.subject, q.id, q.data, q.event == "")
	q.data = nil // the stream has it
	q.release()
	if err != nil {
		return nil, g.unpublished(ctx, q, err)
	}
	if duplicate {
		q.duplicate = true
		q.from = q.from.Add(-lookBack)
		gaps-- // as if it had passed unheard: it may have
	}
	tick := time.NewTicker(gapCheck)
	defer tick.Stop()
	for {
		if now := g.streams.Gaps(); now != gaps && g.streams.Connected() {
			fix, p, done := g.search(ctx, q)
			if fix != nil || p != nil {
				return fix, p
			}
			if done {
				gaps = now
			}
		}
		select {
		case m := <-answer:
			return g.heard(m, q)
		case <-ctx.Done():
			return g.atLast(ctx, q, answer)
		case <-tick.C:
		}
	}
}

// atLast takes the answer if it came with the end of the time.
func (g *Gateway) atLast(ctx context.Context, q *question, answer <-chan Message) (*messages.Fix, *problem) {
	select {
	case m := <-answer:
		return g.heard(m, q)
	default:
		return nil, g.late(ctx, q)
	}
}

// unpublished is the problem of a capture that was perhaps not stored.
func (g *Gateway) unpublished(ctx context.Context, q *question, err error) *problem {
	p := problemOf(err)
	switch p.Status {
	case http.StatusInternalServerError:
		g.options.Log.Error("a capture could not be published", "error", err)
	case http.StatusGatewayTimeout: // its PubAck was lost: the capture may be there
		late := g.late(ctx, q)
		late.Detail = "NATS did not confirm in time that it has the capture; if it has, fix_url will have what becomes of it"
		return late
	}
	return p
}

// heard turns a message that just came into the answer that it is. One that was looked up says nothing of the cache now.
func (g *Gateway) heard(m Message, q *question) (*messages.Fix, *problem) {
	fix, p := g.understand(m, q)
	if fix != nil && fix.CacheHit {
		g.lastHit.Store(time.Now().UnixNano())
	}
	return fix, p
}

// understand turns a message into the answer that it is.
func (g *Gateway) understand(m Message, q *question) (*messages.Fix, *problem) {
	if isDead(m) {
		letter, err := messages.DecodeDeadLetter(nil, m.Header)
		if err != nil {
			return nil, g.puzzled("dead letter", err)
		}
		return nil, deadProblem(letter, q.form)
	}
	fix, err := messages.DecodeFix(header(m, messages.ContentTypeHeader), m.Data)
	if err != nil {
		return nil, g.puzzled("fix", err)
	}
	if !isOf(fix, q.id) {
		return nil, g.puzzled("fix", fmt.Errorf("it is another capture's"))
	}
	return fix, nil
}

// isOf says whether a fix is of the capture, or of the event that this met others in.
func isOf(fix *messages.Fix, id string) bool {
	return fix.CaptureID == id || slices.ContainsFunc(fix.Receivers, func(r messages.FixReceiver) bool { return r.CaptureID == id })
}

func (g *Gateway) puzzled(what string, err error) *problem {
	g.options.Log.Error("a "+what+" cannot be read", "error", err)
	return newProblem(http.StatusInternalServerError, CodeInternal, "the "+what+" that came cannot be read; the gateway's log says why")
}

// search asks the streams for a question's answer, unless others are searching: the answer may still be heard meanwhile.
// Neither a fix nor a problem is returned where there is none; done says whether the streams could tell.
func (g *Gateway) search(ctx context.Context, q *question) (fix *messages.Fix, p *problem, done bool) {
	if !g.searches.TryAcquire(1) {
		return nil, nil, false
	}
	defer g.searches.Release(1)
	since := q.from.Add(-skew)
	m, found, err := g.find(ctx, q.network, q.source, q.id, since)
	if q.duplicate && !found && err == nil {
		if m, found, err = g.find(ctx, "", "", q.id, since); found && !isAnswer(m, q) {
			return nil, newProblem(http.StatusConflict, CodeDuplicateID, "another network or source has a capture of this id, so that this one "+
				"was not stored; every capture needs an id of its own"), true
		}
	}
	if err != nil {
		g.options.Log.Debug("an answer that may have passed unheard could not be looked for", "error", err)
	}
	if err != nil || !found {
		return nil, nil, err == nil
	}
	fix, p = g.understand(m, q)
	return fix, p, true
}

// isAnswer says whether a fix or dead letter is of a capture of the question's subject.
func isAnswer(m Message, q *question) bool {
	fix, err := messages.FixSubject(q.subject)
	return err == nil && (m.Subject == fix || m.Subject == eventFixes(q.network) || m.Subject == messages.DeadSubject(q.subject))
}

// eventFixes is the subject of the fixes of a network's events.
func eventFixes(network string) string {
	return messages.FixPrefix + "." + network + "." + messages.EventSource
}

// find looks for what became of a capture: its fix, or its dead letter.
func (g *Gateway) find(ctx context.Context, network, source, id string, since time.Time) (Message, bool, error) {
	m, found, err := g.streams.FindFix(ctx, network, source, id, since)
	if found || err != nil {
		return m, found, err
	}
	return g.streams.FindDead(ctx, network, source, id, since)
}

// late is the problem of a capture whose answer did not come in time.
func (g *Gateway) late(ctx context.Context, q *question) *problem {
	status := http.StatusGatewayTimeout
	if !errors.Is(context.Cause(ctx), errDeadline) && ctx.Err() != nil {
		status = statusClientGone
	}
	p := newProblem(status, CodeTimeout, "no fix came within "+g.options.Deadline.String()+"; the capture is still processed, and fix_url will have what becomes of it").again(secondsUntilBetter)
	p.CaptureID, p.FixURL = q.id, q.fixURL()
	return p
}

// fixURL is where a capture's fix can be had later.
func (q *question) fixURL() string {
	query := url.Values{"network": {q.network}, "source": {q.source}}
	if _, ok := timeOf(q.id, time.Now()); !ok {
		query.Set("since", q.from.UTC().Truncate(time.Second).Format(time.RFC3339))
	}
	return "/api/v1/fixes/" + q.id + "?" + query.Encode()
}
