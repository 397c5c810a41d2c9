package clock

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// What adjtimex(2) told on machines of others, as ntptime and adjtimex --print show it.
var recorded = []struct {
	name   string
	timex  unix.Timex
	synced bool
	source string
	sigma  time.Duration // of the first reading
	offset time.Duration
}{
	{"a machine without a daemon, since it started", unix.Timex{Maxerror: 16_000_000, Esterror: 16_000_000, Status: 0x40}, false, SourceUnknown, Unknown, 0},
	{"ntpd that lost its servers", unix.Timex{Maxerror: 16_000_000, Esterror: 16, Status: 0x6041}, false, SourceUnknown, Unknown, 0},
	{"ntpd, in nanoseconds", unix.Timex{Offset: -395_732, Maxerror: 279_917, Esterror: 1164, Status: 0x2001}, true, SourceKernel, 161_615 * time.Microsecond, -395_732 * time.Nanosecond},
	{"ntpd, in microseconds", unix.Timex{Maxerror: 4516, Esterror: 16, Status: 0x1}, true, SourceKernel, 2608 * time.Microsecond, 0},
	{"ntpd, a leap second ahead", unix.Timex{Maxerror: 263_240, Esterror: 102, Status: 0x2011}, true, SourceKernel, 151_983 * time.Microsecond, 0},
	{"chrony without rtcsync", unix.Timex{Maxerror: 9776, Esterror: 47, Status: 0x40}, true, SourceKernel, 5645 * time.Microsecond, 0},
	{"timesyncd, which states no error", unix.Timex{Maxerror: 12_500, Status: 0x2001}, true, SourceDaemon, Unstated, 0},
	{"a pulse a second, its estimate less than a microsecond", unix.Timex{Offset: 1658, Maxerror: 3480, Status: 0x2107}, true, SourceDaemon, Unstated, 1658 * time.Nanosecond},
	{"a clock that is broken", unix.Timex{Maxerror: 3480, Esterror: 5, Status: 0x1000}, false, SourceUnknown, Unknown, 0},
}

func TestKernelOf(t *testing.T) {
	t.Parallel()
	for _, r := range recorded {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			c := &Clock{read: func() (kernel, error) { return kernelOf(&r.timex), nil }, now: func() time.Duration { return 0 }}
			got, err := c.Read()
			if err != nil {
				t.Fatal(err)
			}
			if got.Synchronized != r.synced || got.Source != r.source || got.Offset != r.offset {
				t.Errorf("%+v; want synchronized %t, source %s, offset %v", got, r.synced, r.source, r.offset)
			}
			if off := (got.Sigma - r.sigma).Abs(); off > time.Microsecond {
				t.Errorf("sigma %v; want %v", got.Sigma, r.sigma)
			}
			if want := time.Duration(r.timex.Maxerror) * time.Microsecond; got.MaxError != want {
				t.Errorf("max error %v, want %v", got.MaxError, want)
			}
		})
	}
}

// TestLive reads this machine's kernel, and holds what it says against the kernel's own answer.
func TestLive(t *testing.T) {
	t.Parallel()
	var tx unix.Timex
	if _, err := unix.Adjtimex(&tx); err != nil {
		got, refused := Read()
		if refused == nil || got.Source != SourceUnknown || got.Sigma != Unknown || got.Synchronized {
			t.Fatalf("the kernel refuses (%v), and Read says %+v, %v", err, got, refused)
		}
		return
	}
	got, err := Read()
	if err != nil {
		t.Fatal(err)
	}
	want := kernelOf(&tx)
	if got.Synchronized != want.synchronized {
		t.Errorf("synchronized %t, the kernel says %t", got.Synchronized, want.synchronized)
	}
	// The kernel lets it grow by 500 µs a second, or a daemon set it between.
	if grown := got.MaxError - want.maxError; !want.synchronized && grown.Abs() > 10*time.Millisecond {
		t.Errorf("max error %v, the kernel says %v", got.MaxError, want.maxError)
	}
	if got.Sigma <= 0 || got.Sigma > Unknown || got.Source == "" {
		t.Errorf("reading %+v", got)
	}
}
