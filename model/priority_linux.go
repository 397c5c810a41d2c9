package model

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// niceness is the scheduling priority of work beside a model that serves: that one gets nine parts in ten of a core
// for which both ask.
const niceness = 10

// Aside does the work on an operating-system thread of low priority, and waits. Linux gives each thread a priority of
// its own, which only a privileged process may raise again: so the thread ends with the goroutine that was locked to it.
func Aside(work func()) {
	done := make(chan struct{})
	go func() {
		runtime.LockOSThread() // never unlocked
		defer close(done)
		_ = unix.Setpriority(unix.PRIO_PROCESS, 0, niceness) // where it fails the work is done all the same
		work()
	}()
	<-done
}
