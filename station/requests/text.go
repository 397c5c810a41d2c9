package requests

import (
	"strings"

	"foxhunt/messages"
)

// bounded makes a sentence fit for an answer.
func bounded(s string) string {
	s = strings.ToValidUTF8(s, "?")
	if len(s) > messages.MaxTextBytes {
		s = strings.ToValidUTF8(s[:messages.MaxTextBytes-3], "") + "..."
	}
	return s
}
