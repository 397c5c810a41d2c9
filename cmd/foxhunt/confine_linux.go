package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// confine gives this process, which leads a group of its own, a low priority and no more than so many bytes of memory
// beyond those it has; if whoever started it dies, it ends by itself after twice the time, measured in computing.
func confine(memory int64, timeout time.Duration) error {
	_ = unix.Setpriority(unix.PRIO_PGRP, 0, 10) // of all its threads; where it fails the check is done all the same
	data, err := dataSize()
	if err != nil {
		return err
	}
	seconds := uint64(2*timeout.Seconds()) + 1
	for resource, limit := range map[int]uint64{
		unix.RLIMIT_DATA: data + uint64(memory), // what a process may write to; not what it merely reserves, as Go does
		unix.RLIMIT_CPU:  seconds,
		unix.RLIMIT_CORE: 0,
	} {
		var now unix.Rlimit
		if err := unix.Getrlimit(resource, &now); err != nil {
			return fmt.Errorf("reading a limit: %w", err)
		}
		now.Cur = min(limit, now.Max)
		if err := unix.Setrlimit(resource, &now); err != nil {
			return fmt.Errorf("setting a limit: %w", err)
		}
	}
	return nil
}

// dataSize is what RLIMIT_DATA counts of this process now.
func dataSize() (uint64, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	_, after, _ := bytes.Cut(status, []byte("\nVmData:"))
	line, _, _ := bytes.Cut(after, []byte("kB"))
	kilobytes, err := strconv.ParseUint(string(bytes.TrimSpace(line)), 10, 54)
	return kilobytes << 10, err
}
