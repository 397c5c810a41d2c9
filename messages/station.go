package messages

import (
	"math"
	"strconv"
	"time"
)

// SequenceHeader is the header in which a station counts its captures, from 1 and without gaps, so that who receives them
// sees whether any are missing. A capture keeps its number however often it is sent. Other publishers leave it out.
const SequenceHeader = "Foxhunt-Sequence"

// maxSequence is the largest number that a float64, as metrics and JavaScript have them, tells from the next.
const maxSequence = 1 << 53

// Sequence is the number that a capture's headers state; 0 where they state none, or one that no station comes to.
func Sequence(headers map[string][]string) uint64 {
	n, err := strconv.ParseUint(first(headers, SequenceHeader), 10, 64)
	if err != nil || n > maxSequence {
		return 0
	}
	return n
}

// TickEvent names the event of the captures that begin at a time (ns since the Unix epoch) on a schedule, alike at all stations
// that hear the same frequency (Hz): 77500-20200813T065225Z.
func TickEvent(frequency float64, tick int64) string {
	hertz := strconv.FormatFloat(math.Round(frequency), 'f', -1, 64)
	return hertz + "-" + time.Unix(0, tick).UTC().Format("20060102T150405.999999999Z")
}
