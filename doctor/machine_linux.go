package doctor

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// fileLimits are this process's, and those of the servers and workers that run beside it.
func fileLimits() ([]FileLimit, error) {
	own, err := ownLimit()
	if err != nil {
		return nil, err
	}
	return append([]FileLimit{own}, othersLimits(os.DirFS("/proc"), os.Getpid())...), nil
}

// maxProcesses bounds the processes that are shown.
const maxProcesses = 32

// othersLimits finds the processes of foxhunt's deployment, but for one, in a /proc. One that ends meanwhile is left out.
func othersLimits(proc fs.FS, but int) (limits []FileLimit) {
	entries, _ := fs.ReadDir(proc, ".")
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil || pid == but || len(limits) == maxProcesses {
			continue
		}
		comm, _ := fs.ReadFile(proc, path.Join(entry.Name(), "comm"))
		name := strings.TrimSpace(string(comm))
		if !slices.Contains([]string{"nats-server", "foxhunt", "redis-server"}, name) {
			continue
		}
		text, _ := fs.ReadFile(proc, path.Join(entry.Name(), "limits"))
		if most, ok := openFiles(string(text)); ok {
			limits = append(limits, FileLimit{Process: fmt.Sprintf("%s (process %d)", name, pid), Most: most})
		}
	}
	return limits
}

// openFiles reads the soft limit from a /proc/PID/limits.
func openFiles(limits string) (most uint64, ok bool) {
	for line := range strings.Lines(limits) {
		rest, found := strings.CutPrefix(line, "Max open files")
		if fields := strings.Fields(rest); found && len(fields) > 0 {
			if fields[0] == "unlimited" {
				return 1 << 63, true
			}
			most, err := strconv.ParseUint(fields[0], 10, 64)
			return most, err == nil
		}
	}
	return 0, false
}

func cpuQuota() (float64, error) { return quotaOf(os.DirFS("/")), nil }

// quotaOf is the least CPU quota of this process's control group and those above it, in processors; 0: none.
func quotaOf(root fs.FS) (quota float64) {
	least := func(q float64) {
		if q > 0 && (quota == 0 || q < quota) {
			quota = q
		}
	}
	groups, _ := fs.ReadFile(root, "proc/self/cgroup") // lines hierarchy:controllers:path
	for line := range strings.Lines(string(groups)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 || parts[1] != "" && !slices.Contains(strings.Split(parts[1], ","), "cpu") {
			continue
		}
		for group := path.Clean("/" + parts[2]); ; group = path.Dir(group) {
			least(quotaV2(root, path.Join("sys/fs/cgroup", group)))
			least(quotaV1(root, path.Join("sys/fs/cgroup/cpu", group)))
			if group == "/" {
				break
			}
		}
	}
	return quota
}

// quotaV2 reads cpu.max: "max 100000", or a quota and a period in microseconds.
func quotaV2(root fs.FS, group string) float64 {
	text, _ := fs.ReadFile(root, path.Join(group, "cpu.max"))
	fields := strings.Fields(string(text))
	if len(fields) != 2 {
		return 0
	}
	return ratio(fields[0], fields[1])
}

// quotaV1 reads the files of the first version of control groups; a quota of -1 means none.
func quotaV1(root fs.FS, group string) float64 {
	quota, _ := fs.ReadFile(root, path.Join(group, "cpu.cfs_quota_us"))
	period, _ := fs.ReadFile(root, path.Join(group, "cpu.cfs_period_us"))
	return ratio(strings.TrimSpace(string(quota)), strings.TrimSpace(string(period)))
}

func ratio(quota, period string) float64 {
	q, err := strconv.ParseFloat(quota, 64)
	p, err2 := strconv.ParseFloat(period, 64)
	if err != nil || err2 != nil || q <= 0 || p <= 0 {
		return 0
	}
	return q / p
}

// What adjtimex(2) says of a clock that nothing keeps in time.
const (
	stateError = 5
	statUnsync = 0x40
)

func kernelClock() (Clock, error) {
	var tx syscall.Timex
	state, err := syscall.Adjtimex(&tx)
	if err != nil {
		return Clock{}, fmt.Errorf("adjtimex: %w", err)
	}
	return clockOf(state, int(tx.Status), int64(tx.Maxerror)), nil
}

func clockOf(state, status int, maxError int64) Clock {
	return Clock{Synchronised: state != stateError && status&statUnsync == 0, MaxError: time.Duration(maxError) * time.Microsecond}
}
