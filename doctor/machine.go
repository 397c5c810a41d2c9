package doctor

import (
	"fmt"
	"time"
)

// leastFiles is the least number of open files that a process of foxhunt's deployment should be allowed.
const leastFiles = 4096

func checkFiles(f *Facts) (all []Finding) {
	const code = "files_limit"
	if !f.Machine.Files.seen() {
		return []Finding{unknown(code, f.Machine.Files.Err, "ulimit -n, where the server starts")}
	}
	for _, limit := range f.Machine.Files.Value {
		severity := OK
		if limit.Most < leastFiles {
			severity = Warning
		}
		all = append(all, finding(code, severity, "%s may open %d files", limit.Process, limit.Most))
	}
	return all
}

// Free space from which on it is an error, and a warning.
const (
	noSpace     = 1 << 30
	littleSpace = 8 << 30
)

// checkDisk judges what is free, and what the streams may still grow by.
func checkDisk(f *Facts) []Finding {
	const code = "disk"
	disk := f.Machine.Disk
	if !wasAsked(disk.Err) {
		return []Finding{unknown(code, disk.Err, "on the server's machine: foxhunt doctor --data-dir FOLDER, JetStream's store_dir")}
	}
	if !disk.seen() {
		return []Finding{unknown(code, disk.Err, "df -h FOLDER, on the server's machine")}
	}
	d := disk.Value
	severity := OK
	switch {
	case d.Free < noSpace:
		severity = Error
	case d.Free < min(littleSpace, d.Size/10):
		severity = Warning
	}
	seen := fmt.Sprintf("%s of %s are free at %s", size(d.Free), size(d.Size), d.Path)
	if growth := mayGrow(f); growth > 0 {
		seen += fmt.Sprintf("; the streams may grow by %s", size(growth))
		if severity == OK && growth > d.Free {
			severity = Warning
		}
	}
	return []Finding{finding(code, severity, "%s", seen)}
}

// mayGrow is how many bytes all streams together may still take.
func mayGrow(f *Facts) (bytes uint64) {
	if !f.Inventory.seen() {
		return 0
	}
	for _, s := range f.Inventory.Value.Streams {
		if s.Info != nil && s.Info.Config.MaxBytes > 0 && uint64(s.Info.Config.MaxBytes) > s.Info.State.Bytes {
			bytes += uint64(s.Info.Config.MaxBytes) - s.Info.State.Bytes
		}
	}
	return bytes
}

func checkProcessors(f *Facts) []Finding {
	const code = "processors"
	if !f.Machine.Processors.seen() {
		return []Finding{unknown(code, f.Machine.Processors.Err, "nproc, and the container's CPU limit")}
	}
	p := f.Machine.Processors.Value
	quota := "no quota"
	if p.Quota > 0 {
		quota = fmt.Sprintf("a quota of %.3g", p.Quota)
	}
	severity := OK
	switch {
	case p.Quota > 0 && p.Quota < 1:
		severity = Warning
	case p.Quota > 0 && float64(p.Threads) > p.Quota+1, p.Threads > p.CPUs:
		severity = Warning
	case p.Threads < p.CPUs && p.Quota == 0:
		severity = Info
	}
	return []Finding{finding(code, severity, "GOMAXPROCS is %d on %d processors, with %s", p.Threads, p.CPUs, quota)}
}

func checkClock(f *Facts) []Finding {
	const code = "clock_sync"
	if !f.Machine.Clock.seen() {
		return []Finding{unknown(code, f.Machine.Clock.Err, "timedatectl, or chronyc tracking")}
	}
	if c := f.Machine.Clock.Value; !c.Synchronised {
		return []Finding{finding(code, Warning, "the kernel says that nothing keeps this machine's clock in time")}
	}
	return []Finding{finding(code, OK, "the clock is kept in time, to within %v", f.Machine.Clock.Value.MaxError.Round(time.Millisecond))}
}
