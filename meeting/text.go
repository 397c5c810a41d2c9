package meeting

import (
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
	if code == CodeNoOverlap {
		return "it has no useful time in common with the other captures of its event, which were located without it: look at its station's clock and length"
	}
	return "its event was located without it"
}
