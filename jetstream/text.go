package jetstream

import (
	"strings"
	"sync"
)

// maxHeaderText bounds a header's value in bytes, so that a dead letter stays within what the server takes.
const maxHeaderText = 1024

// headerText makes any text fit for a header or a reason: one line, bounded, printable.
func headerText(s string) string {
	if len(s) > maxHeaderText {
		s = s[:maxHeaderText]
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
}

// lastText is a string that one goroutine writes and another reads.
type lastText struct {
	mu   sync.Mutex
	text string
}

func (l *lastText) set(s string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = s
}

func (l *lastText) get() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text
}
