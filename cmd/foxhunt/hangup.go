package main

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// hangups calls a function on each SIGHUP until it is stopped.
type hangups struct {
	cancel context.CancelFunc
	ended  sync.WaitGroup
}

// onHangup has SIGHUP mean what it means to servers: look at everything anew. A process whose terminal has gone is told to
// stop instead, as nobody sees it any more.
func onHangup(handle func(context.Context)) *hangups {
	ctx, cancel := context.WithCancel(context.Background())
	h := &hangups{cancel: cancel}
	had := hasTerminal()
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGHUP)
	h.ended.Go(func() {
		defer signal.Stop(signals)
		for {
			select {
			case <-ctx.Done():
				return
			case <-signals:
			}
			if had && !hasTerminal() {
				_ = syscall.Kill(os.Getpid(), syscall.SIGTERM) // as main waits for it
				return
			}
			handle(ctx)
		}
	})
	return h
}

// hasTerminal reports whether the process has a terminal that controls it.
func hasTerminal() bool {
	terminal, err := os.Open("/dev/tty")
	if err != nil {
		return false
	}
	terminal.Close()
	return true
}

func (h *hangups) stop() {
	h.cancel()
	h.ended.Wait()
}
