package worker

import (
	"context"
	"sync"
	"time"
)

// gate lets the shadow compute where that leaves a processor idle, and beside no suspect: a shadow that kills the worker then
// would make that one look guilty. The shadow waits for as long as it takes, a suspect for a moment, and all others never.
type gate struct {
	mu       sync.Mutex
	most     int           // lanes at work beside which the shadow may begin
	busy     int           // lanes at work
	suspects int           // at work, or about to be
	shadow   chan struct{} // closed when the shadow has computed; nil while it does not
	quiet    chan struct{} // closed when the gate has opened; nil while nobody waits
}

// enter and leave tell when a lane begins to compute, and has ended.
func (g *gate) enter() {
	g.mu.Lock()
	g.busy++
	g.mu.Unlock()
}

func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.busy--
	g.tell()
}

// enterSuspect shuts the gate until leaveSuspect, and waits until the shadow has computed, though no longer than
// shadowPatience: a shadow may hang.
func (g *gate) enterSuspect(ctx context.Context) {
	g.mu.Lock()
	g.suspects++
	shadow := g.shadow
	g.mu.Unlock()
	if shadow == nil {
		return
	}
	select {
	case <-shadow:
	case <-time.After(shadowPatience):
	case <-ctx.Done():
	}
}

func (g *gate) leaveSuspect() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.suspects--
	g.tell()
}

// tell wakes the shadow, if the gate is open. mu is held.
func (g *gate) tell() {
	if g.open() && g.quiet != nil {
		close(g.quiet)
		g.quiet = nil
	}
}

func (g *gate) open() bool { return g.busy <= g.most && g.suspects == 0 }

// pass returns when the shadow may compute, which it then does until passed, or when ctx has ended.
func (g *gate) pass(ctx context.Context) error {
	for {
		quiet := g.tryPass()
		if quiet == nil {
			return nil
		}
		select {
		case <-quiet:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// tryPass gives what is closed when it is worth trying again; nil when the shadow has passed.
func (g *gate) tryPass() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.open() {
		g.shadow = make(chan struct{})
		return nil
	}
	if g.quiet == nil {
		g.quiet = make(chan struct{})
	}
	return g.quiet
}

func (g *gate) passed() {
	g.mu.Lock()
	defer g.mu.Unlock()
	close(g.shadow)
	g.shadow = nil
}
