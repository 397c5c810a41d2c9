package spool

import (
	"cmp"
	"fmt"
	"regexp"
	"strconv"
	"time"
)

// Endings of the files' names.
const (
	captureEnd   = ".capture"
	temporaryEnd = ".tmp"
	lastEnd      = ".last"
	reasonEnd    = ".txt"
)

// entry is a capture's file. Its name says all that is needed without opening it.
type entry struct {
	sequence uint64
	put      int64 // ms since the Unix epoch
	size     int64 // of the file, bytes
	tries    int   // that failed
	notUntil time.Time
}

func (e entry) name() string { return fmt.Sprintf("%016d-%d%s", e.sequence, e.put, captureEnd) }

// mostSequence bounds what a file's name may say; no station comes that far, and what stands in a header is a float64 to others.
const mostSequence = 1 << 53

// tooLarge is an error for a file that cannot be a capture.
func (e entry) tooLarge() error {
	if e.size > leastBytes {
		return fail(CodeDamaged, nil, "the file has %d bytes; no capture takes more than %d", e.size, leastBytes)
	}
	return nil
}

// bySequence is the order of captures.
func bySequence(a, b entry) int {
	return cmp.Or(cmp.Compare(a.sequence, b.sequence), cmp.Compare(a.put, b.put))
}

func lastName(sequence uint64) string { return fmt.Sprintf("%016d%s", sequence, lastEnd) }

var (
	capturePattern = regexp.MustCompile(`^([0-9]{16})-([0-9]{1,15})\.capture$`)
	lastPattern    = regexp.MustCompile(`^([0-9]{16})\.last$`)
)

// parseName is the entry of a capture's file, its size apart.
func parseName(name string) (entry, bool) {
	m := capturePattern.FindStringSubmatch(name)
	if m == nil {
		return entry{}, false
	}
	sequence, _ := strconv.ParseUint(m[1], 10, 64) // digits of a length that fits
	put, _ := strconv.ParseInt(m[2], 10, 64)
	e := entry{sequence: sequence, put: put}
	return e, sequence > 0 && sequence < mostSequence && e.name() == name // a leading zero makes two names of one entry
}

func parseLast(name string) (sequence uint64, ok bool) {
	m := lastPattern.FindStringSubmatch(name)
	if m == nil {
		return 0, false
	}
	sequence, _ = strconv.ParseUint(m[1], 10, 64)
	return sequence, sequence < mostSequence
}
