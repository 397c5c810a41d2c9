//go:build chaos

package worker

import (
	"os"
	"syscall"
	"time"
)

// poison lets a capture of a certain session harm its worker, as a fault of ours or of a library could.
func poison(session string) {
	switch session {
	case "chaos-panic":
		panic("this capture makes its worker panic")
	case "chaos-kill":
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {} // until the signal has come
	case "chaos-slow":
		time.Sleep(5 * time.Second)
	}
}
