package jetstream

import "strings"

// maxReason bounds a reason in bytes, so that whatever an error says stays within what a reason may be.
const maxReason = 1024

// reasonText makes any text fit for a reason: one line, bounded, printable.
func reasonText(s string) string {
	if len(s) > maxReason {
		s = s[:maxReason]
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
}
