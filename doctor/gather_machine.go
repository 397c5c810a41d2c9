package doctor

import (
	"context"
	"fmt"
	"runtime"
	"syscall"
)

// gatherMachine looks at the machine that this process runs on. Only Linux tells all of it.
func gatherMachine(ctx context.Context, dataDir string) Machine {
	return Machine{
		Files:      within(ctx, fileLimits),
		Disk:       within(ctx, func() (Disk, error) { return diskOf(dataDir) }),
		Processors: within(ctx, processors),
		Clock:      within(ctx, kernelClock),
	}
}

// ownLimit is how many files this process may open.
func ownLimit() (FileLimit, error) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return FileLimit{}, fmt.Errorf("the limit on open files: %w", err)
	}
	return FileLimit{Process: "this process", Most: limit.Cur}, nil
}

func diskOf(dir string) (Disk, error) {
	if dir == "" {
		return Disk{}, notAsked("the folder of the server's data was not named")
	}
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return Disk{}, fmt.Errorf("the file system of %s: %w", dir, err)
	}
	block := uint64(s.Bsize)
	return Disk{Path: dir, Size: s.Blocks * block, Free: s.Bavail * block}, nil
}

func processors() (Processors, error) {
	quota, err := cpuQuota()
	return Processors{Threads: runtime.GOMAXPROCS(0), CPUs: runtime.NumCPU(), Quota: quota}, err
}
