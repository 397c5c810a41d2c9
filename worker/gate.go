package worker

import (
	"context"
	"sync"
)

// gate lets the shadow pass where that leaves a processor idle.
type gate struct {
	mu    sync.Mutex
	most  int           // lanes at work beside which the shadow may begin
	busy  int           // lanes at work
	quiet chan struct{} // closed when busy has come down to most; nil while nobody waits
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
	if g.busy--; g.busy <= g.most && g.quiet != nil {
		close(g.quiet)
		g.quiet = nil
	}
}

// wait returns when so few lanes are at work, or ctx has ended.
func (g *gate) wait(ctx context.Context) error {
	for {
		quiet := g.closed()
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

// closed gives what is closed when it is worth looking again; nil when the gate is open.
func (g *gate) closed() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.busy <= g.most {
		return nil
	}
	if g.quiet == nil {
		g.quiet = make(chan struct{})
	}
	return g.quiet
}
