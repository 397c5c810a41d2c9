//go:build !linux

package doctor

import "errors"

var errOnlyLinux = errors.New("only Linux tells")

func fileLimits() ([]FileLimit, error) {
	own, err := ownLimit()
	return []FileLimit{own}, err
}

// cpuQuota: containers run on Linux.
func cpuQuota() (float64, error) { return 0, nil }

func kernelClock() (Clock, error) { return Clock{}, errOnlyLinux }
