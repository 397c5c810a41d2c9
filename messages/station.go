package messages

import "strconv"

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
