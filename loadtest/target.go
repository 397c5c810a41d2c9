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

// Target is a running deployment. Its methods are called from many goroutines.
type Target interface {
	// Locate sends a capture and waits until ctx ends for what becomes of it. An error is a *Failure.
	Locate(ctx context.Context, r Request) (Answer, error)
	// Late says whether a capture whose answer did not come in time has one by now: a fix or a dead letter.
	Late(ctx context.Context, id string) (bool, error)
	// Lag is how many captures wait for workers; known is false where the target cannot tell.
	Lag(ctx context.Context) (captures int, known bool)
	// Doubled counts captures that got more than one fix, or a fix and a dead letter; known as with Lag.
	Doubled() (captures int, known bool)
}
