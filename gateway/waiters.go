package gateway

import (
	"slices"
	"strings"
	"sync"

	"foxhunt/messages"
)

// msgIDHeader is NATS's header for a message's id.
const msgIDHeader = "Nats-Msg-Id"

// waiters are the requests that wait for an answer, by the id that their fix will have. How many there are is bounded by
// the requests in flight.
type waiters struct {
	mu    sync.Mutex
	byFix map[string][]chan Message
}

func newWaiters() *waiters { return &waiters{byFix: map[string][]chan Message{}} }

// fixID is the Nats-Msg-Id of the fix of a capture, as workers make it.
func fixID(captureSubject, captureID string) string {
	subject, err := messages.FixSubject(captureSubject)
	if err != nil {
		return ""
	}
	return subject + "/" + captureID
}

// join returns a channel that gets the first answer to the capture, and a function that ends the wait.
func (w *waiters) join(fix string) (<-chan Message, func()) {
	answer := make(chan Message, 1)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.byFix[fix] = append(w.byFix[fix], answer)
	return answer, func() { w.leave(fix, answer) }
}

func (w *waiters) leave(fix string, answer chan Message) {
	w.mu.Lock()
	defer w.mu.Unlock()
	rest := slices.DeleteFunc(w.byFix[fix], func(c chan Message) bool { return c == answer })
	if len(rest) == 0 {
		delete(w.byFix, fix)
		return
	}
	w.byFix[fix] = rest
}

// deliver hands a fix or a dead letter to those who wait for it.
func (w *waiters) deliver(m Message) {
	ids := []string{answered(m)}
	if len(m.Header[messages.CapturesHeader]) > 0 {
		ids = w.answeredEvent(m)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, id := range ids {
		for _, answer := range w.byFix[id] {
			select {
			case answer <- m:
			default: // it has one
			}
		}
	}
}

// answeredEvent is answered for the captures that met in the event whose fix m is.
func (w *waiters) answeredEvent(m Message) (ids []string) {
	w.mu.Lock()
	nobody := len(w.byFix) == 0
	w.mu.Unlock()
	network, isEvent := strings.CutSuffix(strings.TrimPrefix(m.Subject, messages.FixPrefix+"."), "."+messages.EventSource)
	if nobody || !isEvent {
		return nil
	}
	fix, err := messages.DecodeFix(header(m, messages.ContentTypeHeader), m.Data)
	if err != nil {
		return nil
	}
	for _, r := range fix.Receivers {
		ids = append(ids, messages.FixPrefix+"."+network+"."+r.Station+"/"+r.CaptureID)
	}
	return ids
}

// answered is the id of the fix that m is, or that it stands for; empty where m is not what its subject says.
func answered(m Message) string {
	if isDead(m) {
		capture := strings.TrimPrefix(m.Subject, messages.DeadPrefix+".")
		return fixID(capture, header(m, messages.DeadHeaderPrefix+msgIDHeader))
	}
	if id := header(m, msgIDHeader); strings.HasPrefix(id, m.Subject+"/") {
		return id
	}
	return ""
}

func isDead(m Message) bool { return strings.HasPrefix(m.Subject, messages.DeadPrefix+".") }

func header(m Message, name string) string {
	if values := m.Header[name]; len(values) > 0 {
		return values[0]
	}
	return ""
}
