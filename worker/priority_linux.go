package worker

import "syscall"

// lowerPriority gives the calling thread what processor time no other wants. An unprivileged process cannot take it back.
func lowerPriority() error { return syscall.Setpriority(syscall.PRIO_PROCESS, 0, 19) } // 0: this thread, on Linux
