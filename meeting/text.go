package meeting

import (
	"fmt"
	"slices"
	"strings"
)

func (e *Entry) clone() *Entry {
	c := *e
	c.Members = slices.Clone(e.Members)
	return &c
}

// cut shortens a text to so many bytes, in whole characters.
func cut(s string, most int) string {
	if len(s) > most {
		s = s[:most]
	}
	return strings.ToValidUTF8(s, "")
}

// leftReason is the sentence for a member that a closed event does without.
func leftReason(code string) string {
	switch code {
	case CodeNoOverlap:
		return "it has no useful time in common with the most captures of its event: look at its station's clock and length"
	case CodeFrequencyMismatch:
		return "it is on another frequency than the most captures of its event"
	case CodeRateMismatch:
		return fmt.Sprintf("its rate is less than 1/%d of the median of its event's captures, which would have to be brought down to it", usefulRate)
	case CodeTooFew:
		return "too few others of its event came within the window; those that came at its end wait on without it"
	}
	return "its event was located without it"
}
