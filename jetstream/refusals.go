package jetstream

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// refusals hands a permission violation, which NATS reports apart from the request that caused it, to who waits for the
// answer to that request and would wait until its time-out. The zero value is ready.
type refusals struct {
	mu      sync.Mutex
	waiting map[*waiter]struct{}
	deaf    *Error // set while no answer can come, because the server refused the subscription to answers
	losses  uint64 // how often the connection was lost
	told    string // the last subject of whose refusal somebody was told, and when
	toldAt  time.Time
}

type waiter struct {
	mine    func(subject string) bool
	end     func(refused error)
	answers bool   // waits for answers, too
	once    bool   // waits for one answer, over the connection that its question went over
	losses  uint64 // of the connection, when it began to wait
}

// errLost says that no answer comes any more, because the connection was lost and made anew meanwhile. What became of the
// request is not known.
var errLost = errors.New("the connection was lost before the answer came")

// heed makes a call with a context that ends, as soon as the server says that its permissions do not allow one of the
// subjects that are mine, or answers at all. The error says so then.
func (r *refusals) heed(ctx context.Context, mine func(subject string) bool, call func(context.Context) error) error {
	return r.await(ctx, &waiter{mine: mine, answers: true}, call)
}

// exchange is heed for a call that asks once and waits for one answer. It ends also when the connection is back that was lost
// after the call began: the answer went to the one before. Its error is errLost then, and who may ask again can do so at once.
func (r *refusals) exchange(ctx context.Context, mine func(subject string) bool, call func(context.Context) error) error {
	return r.await(ctx, &waiter{mine: mine, answers: true, once: true}, call)
}

func (r *refusals) await(ctx context.Context, w *waiter, call func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	w.end = cancel
	r.add(w)
	defer r.remove(w)
	err := call(ctx)
	var refused *Error
	if err != nil && errors.As(context.Cause(ctx), &refused) {
		return refused
	}
	return err
}

// notice returns a channel that hears when subject, or answers at all, are refused, and a function that ends that.
func (r *refusals) notice(subject string) (refused <-chan struct{}, end func()) {
	ch := make(chan struct{}, 1)
	w := &waiter{mine: func(s string) bool { return s == subject }, answers: true, end: func(error) {
		select {
		case ch <- struct{}{}:
		default:
		}
	}}
	r.add(w)
	return ch, func() { r.remove(w) }
}

func (r *refusals) add(w *waiter) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.waiting == nil {
		r.waiting = map[*waiter]struct{}{}
	}
	r.waiting[w] = struct{}{}
	w.losses = r.losses
	if r.deaf != nil && w.answers {
		w.end(r.deaf)
	}
}

func (r *refusals) remove(w *waiter) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.waiting, w)
}

// disconnected hears that the connection was lost. What is asked from here on nats.go keeps, and sends when it is back.
func (r *refusals) disconnected() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.losses++
}

// reconnected forgets what was refused: nats.go has subscribed anew, perhaps with more rights. Who waits for an answer over the
// connection that was lost waits in vain.
func (r *refusals) reconnected() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.deaf = nil
	for w := range r.waiting {
		if w.once && w.losses < r.losses {
			w.end(fail(CodeNotConnected, errLost, "%v", errLost))
		}
	}
}

var violation = regexp.MustCompile(`Permissions Violation for (Publish|Subscription) to "([^"]+)"`)

// report tells all who wait for what err says is refused, and says whether there was any, also a moment ago: of several requests
// under way each is refused, and the first refusal ends all who wait. inbox is the prefix of the subjects that answers come to.
func (r *refusals) report(err error, inbox string) bool {
	m := violation.FindStringSubmatch(err.Error())
	if m == nil {
		return false
	}
	subject, told := m[2], false
	refused := fail(CodeRefused, err, "the server's permissions do not allow %s; ask its operator for the right to it", subject)
	r.mu.Lock()
	defer r.mu.Unlock()
	deaf := m[1] == "Subscription" && strings.HasPrefix(subject, inbox+".")
	if deaf {
		refused = deafTo(inbox, err)
		r.deaf = refused
	}
	for w := range r.waiting {
		if deaf && w.answers || w.mine(subject) {
			w.end(refused)
			told = true
		}
	}
	if told {
		r.told, r.toldAt = subject, time.Now()
	}
	return told || subject == r.told && time.Since(r.toldAt) < answerTime
}

// heed makes a call about streams that the server may refuse; see [refusals.heed].
func (c *Conn) heed(ctx context.Context, call func(context.Context) error, streams ...string) error {
	return c.refusals.heed(ctx, func(subject string) bool {
		return slices.ContainsFunc(streams, func(stream string) bool { return isAbout(subject, stream) })
	}, call)
}

// isAbout reports whether subject is one of the API's for stream, or a key of the bucket that the stream is.
func isAbout(subject, stream string) bool {
	if bucket, is := strings.CutPrefix(stream, bucketStream); is && strings.HasPrefix(subject, "$KV."+bucket+".") {
		return true
	}
	return strings.HasPrefix(subject, "$JS.") && slices.Contains(strings.Split(subject, "."), stream)
}

// bucketStream is what the name of the stream behind a key-value bucket begins with.
const bucketStream = "KV_"
