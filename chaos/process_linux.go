package chaos

import "syscall"

// dieWithUs has the kernel kill a process when this one ends, however it ends.
func dieWithUs() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
