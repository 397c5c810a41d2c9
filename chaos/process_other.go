//go:build !linux

package chaos

import "syscall"

// dieWithUs leaves a process in the terminal's group, so that Ctrl-C reaches it, too; only Linux has more to offer.
func dieWithUs() *syscall.SysProcAttr { return nil }
