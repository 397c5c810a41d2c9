package loadtest

import (
	"context"
	"strings"
	"sync"
	"time"

	"foxhunt/jetstream"
)

// Ledger accounts for every capture sent: Answered + Refused + Late + Unanswered = Sent.
type Ledger struct {
	Sent       int  `json:"sent"`
	Answered   int  `json:"answered"`         // with a fix in time
	Refused    int  `json:"refused"`          // not taken, or a dead letter, in time
	Late       int  `json:"late"`             // a fix or a dead letter was found after the request had ended without either
	Unanswered int  `json:"unanswered"`       // nothing was found by the end
	Waiting    *int `json:"still_waiting"`    // of the unanswered, so many at most still wait for a worker; null: not known
	Doubled    *int `json:"doubled_captures"` // captures with more than one answer; null: not known
}

// unsure reports whether a capture may have been stored although its request ended with this code. All other codes say that
// it was not taken, or what became of it.
func unsure(code string) bool {
	switch code {
	case CodeTimeout, codeNoAnswer, codeBadAnswer, codeWrongFix, "internal", jetstream.CodeNotConnected, jetstream.CodeServer:
		return true
	}
	return strings.HasPrefix(code, codeHTTP)
}

// settle closes the ledger: captures whose requests ended without an answer are looked for, for as long again as a request may
// take.
func (r *run) settle(ctx context.Context, f *Findings) {
	seeking, cancel := context.WithTimeout(ctx, r.Timeout)
	defer cancel()
	open := r.recorder.unanswered
	left := r.seek(seeking, open)
	l := &f.Ledger
	l.Sent, l.Answered, l.Late, l.Unanswered = f.Requests, f.Successes, len(open)-len(left), len(left)
	l.Refused = l.Sent - l.Answered - len(open)
	if n, known := r.target.Doubled(); known {
		l.Doubled = &n
	}
	if lag, known := r.target.Lag(ctx); known {
		waiting := min(lag, l.Unanswered)
		f.LagAfter, l.Waiting = &lag, &waiting
	}
}

// seek asks for all captures in turn, again and again, until each has an answer or ctx ends; it gives those without.
func (r *run) seek(ctx context.Context, ids []string) []string {
	for {
		if ids = r.missing(ctx, ids); len(ids) == 0 || !sleep(ctx, 200*time.Millisecond) {
			return ids
		}
	}
}

// missing asks for each capture once, four at a time: a gateway searches for no more.
func (r *run) missing(ctx context.Context, ids []string) (left []string) {
	found := make([]bool, len(ids))
	places := make(chan struct{}, 4)
	var asking sync.WaitGroup
	for i, id := range ids {
		places <- struct{}{}
		asking.Go(func() {
			found[i] = r.target.Late(ctx, id)
			<-places
		})
	}
	asking.Wait()
	for i, id := range ids {
		if !found[i] {
			left = append(left, id)
		}
	}
	return left
}
