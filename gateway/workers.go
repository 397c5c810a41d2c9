package gateway

import (
	"context"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"
)

// workers knows whether some worker is there: asked of the server at most once a second, however many requests come.
type workers struct {
	streams Streams
	known   atomic.Pointer[knowledge] // nil: nobody asked yet
	asking  singleflight.Group
}

// knowledge is what the server said of the workers, and when; err says why it is unknown.
type knowledge struct {
	state presence
	err   error
	at    time.Time
}

// presence is what is known of the workers.
type presence int

const (
	unknown presence = iota // the server did not tell
	absent                  // nobody asks for captures, and nobody works on any
	busy                    // nobody asks for captures just now, but some are with workers, who may have died with them
	present                 // somebody asks for captures
)

// Between two pulls of an idle worker there is a moment in which it seems absent: then it is asked for again after
// secondLook. What is known is good for stillTrue. The server has lookTime to answer.
const (
	secondLook = 100 * time.Millisecond
	stillTrue  = time.Second
	lookTime   = 2 * time.Second
)

// look says what is known of the workers. Requests that ask at the same time share an answer, and each waits for it no
// longer than it wants to.
func (w *workers) look(ctx context.Context) knowledge {
	if k := w.known.Load(); k != nil && time.Since(k.at) < stillTrue {
		return *k
	}
	asked := w.asking.DoChan("", func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookTime)
		defer cancel()
		k := w.ask(ctx)
		w.known.Store(&k)
		return k, nil
	})
	select {
	case answer := <-asked:
		return answer.Val.(knowledge)
	case <-ctx.Done():
		return knowledge{err: &Failure{failureTimeout, "NATS did not say in time whether workers are there"}}
	}
}

// ask asks the server, a second time before workers are said to be absent.
func (w *workers) ask(ctx context.Context) knowledge {
	k := w.askOnce(ctx)
	if k.state != absent {
		return k
	}
	select {
	case <-time.After(secondLook):
	case <-ctx.Done():
	}
	return w.askOnce(ctx)
}

func (w *workers) askOnce(ctx context.Context) knowledge {
	open, inFlight, err := w.streams.Pulls(ctx)
	k := knowledge{state: absent, err: err, at: time.Now()}
	switch {
	case err != nil:
		k.state = unknown
	case open > 0:
		k.state = present
	case inFlight > 0:
		k.state = busy
	}
	return k
}
