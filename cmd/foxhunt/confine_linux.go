package main

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// childNiceness is the priority of a process that tries a model: workers that serve get three parts in four of a core.
const childNiceness = 5

// confine gives this process, which leads a group of its own, a low priority, no more than so many bytes of memory
// beyond those it has, and an end after so much computing, which comes even where whoever started it is dead.
func confine(memory int64, computing time.Duration) error {
	_ = unix.Setpriority(unix.PRIO_PGRP, 0, childNiceness) // of all its threads; where it fails the check is done all the same
	data, err := dataSize()
	if err != nil {
		return err
	}
	bounds := map[int]uint64{
		unix.RLIMIT_DATA: data + uint64(memory), // what a process may write to; not what it merely reserves, as Go does
		unix.RLIMIT_CPU:  uint64(math.Ceil(computing.Seconds())),
		unix.RLIMIT_CORE: 0,
	}
	for resource, most := range bounds {
		var limit unix.Rlimit
		if err := unix.Getrlimit(resource, &limit); err != nil {
			return fmt.Errorf("reading a limit: %w", err)
		}
		most = min(most, limit.Max)
		if err := unix.Setrlimit(resource, &unix.Rlimit{Cur: most, Max: most}); err != nil {
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
