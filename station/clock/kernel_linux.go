package clock

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// mostError is where the kernel lets maxerror end, 16 s, in microseconds: nobody has set it for nine hours, or ever.
const mostError = 16_000_000

// readKernel asks the kernel; modes 0 changes nothing and needs no rights.
func readKernel() (kernel, error) {
	var tx unix.Timex
	switch _, err := unix.Adjtimex(&tx); {
	case errors.Is(err, unix.EPERM):
		return kernel{}, fmt.Errorf("adjtimex: %w: the container's seccomp profile forbids even to read the clock's state; allow adjtimex, or state what you know (--clock)", err)
	case errors.Is(err, unix.ENOSYS):
		return kernel{}, fmt.Errorf("adjtimex: %w: this kernel does not tell the clock's state; state what you know (--clock)", err)
	case err != nil:
		return kernel{}, fmt.Errorf("adjtimex: %w", err)
	}
	return kernelOf(&tx), nil
}

// kernelOf reads the kernel's struct. Its errors are in microseconds, its offset in nanoseconds where the status says so. Whether
// anything keeps the clock in time is told by maxerror, as timedatectl does it, and not by STA_UNSYNC, which chrony leaves set
// without its option rtcsync.
func kernelOf(tx *unix.Timex) kernel {
	unit := time.Microsecond
	if tx.Status&unix.STA_NANO != 0 {
		unit = time.Nanosecond
	}
	return kernel{
		offset:       time.Duration(tx.Offset) * unit,
		estError:     time.Duration(tx.Esterror) * time.Microsecond,
		maxError:     time.Duration(tx.Maxerror) * time.Microsecond,
		synchronized: tx.Maxerror < mostError && tx.Status&unix.STA_CLOCKERR == 0,
	}
}
