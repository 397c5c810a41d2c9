package loadtest

import "context"

// Request is one capture to be located.
type Request struct {
	ID      string // of the capture; random
	Capture []byte // msgpack
}

// Answer is what is counted of a fix.
type Answer struct {
	CacheHit bool
	Model    string // name and version
}

// Failure is why a request got no fix; Code is stable, as those of dead letters and of the gateway's problems.
type Failure struct{ Code, Reason string }

func (f *Failure) Error() string { return f.Code + ": " + f.Reason }

// CodeTimeout is the code of a request whose answer did not come in time.
const CodeTimeout = "timeout"

// Codes of our own.
const (
	codeUnreachable = "unreachable" // no connection, so that nothing was sent
	codeNoAnswer    = "no_answer"   // the connection broke after that
	codeBadAnswer   = "bad_answer"
	codeWrongFix    = "wrong_fix"
	codeHTTP        = "http_" // and the status, without a problem's code
	codeDuplicateID = "duplicate_id"
)

// Target is a running deployment. Its methods are called from many goroutines.
type Target interface {
	// Begin begins a run: captures of those before no longer count.
	Begin()
	// Locate sends a capture and waits until ctx ends for what becomes of it. An error is a *Failure.
	Locate(ctx context.Context, r Request) (Answer, error)
	// Late reports whether a fix or a dead letter can be found by now of a capture whose request ended without.
	Late(ctx context.Context, id string) bool
	// Lag is how many captures wait for workers; known is false where the target cannot tell.
	Lag(ctx context.Context) (captures int, known bool)
	// Doubled counts captures that got more than one fix, or a fix and a dead letter; known as with Lag.
	Doubled() (captures int, known bool)
}
