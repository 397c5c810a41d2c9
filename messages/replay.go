package messages

import (
	"strconv"
	"strings"
	"time"
)

// Headers of a capture that was put back from the dead letters. Workers pass over them; should the capture die again, its
// new letter keeps them with the original's headers and so shows its history.
const (
	ReplayOfHeader     = "Foxhunt-Replay-Of"          // sequence of its last dead letter in the stream of dead letters
	ReplayReasonHeader = "Foxhunt-Replay-Reason"      // that letter's code
	ReplayCountHeader  = "Foxhunt-Replay-Count"       // how often it was put back
	ReplayFirstHeader  = "Foxhunt-Replay-First-Death" // when it died first, RFC 3339

	replayPrefix = "Foxhunt-Replay-"
)

// Replay is what a capture's headers say of its earlier deaths. Whoever may publish may write such headers: it is a note
// for people, and nothing is decided by it.
type Replay struct {
	Of         uint64    // sequence of its last dead letter
	Reason     string    // that letter's code
	Count      int       // how often it was put back; 0: never
	FirstDeath time.Time // zero: not known
}

// ReplayOf reads the headers of a capture, or of a dead letter's original. What cannot be read is left at zero.
func ReplayOf(headers map[string][]string) (r Replay) {
	r.Of, _ = strconv.ParseUint(first(headers, ReplayOfHeader), 10, 64)
	r.Reason = headerText(first(headers, ReplayReasonHeader))
	if count, err := strconv.Atoi(first(headers, ReplayCountHeader)); err == nil {
		r.Count = min(max(count, 0), maxReplays)
	}
	r.FirstDeath, _ = time.Parse(time.RFC3339Nano, first(headers, ReplayFirstHeader))
	return r
}

// maxReplays bounds a count that a stranger may have written.
const maxReplays = 1_000_000

// ReplayHeaders are the headers to put d's original back with. sequence is d's own in the stream of dead letters. They are
// the original's and the history, without those by which the original asked the server for something: above all its
// Nats-Msg-Id, under which the stream may still take the replay for a duplicate.
func (d *DeadLetter) ReplayHeaders(sequence uint64) map[string][]string {
	headers := map[string][]string{}
	for name, values := range d.Headers {
		if !hasPrefixFold(name, "Nats-") && !hasPrefixFold(name, replayPrefix) {
			headers[name] = values
		}
	}
	before := ReplayOf(d.Headers)
	if before.FirstDeath.IsZero() || before.FirstDeath.After(d.Time) {
		before.FirstDeath = d.Time
	}
	headers[ReplayOfHeader] = []string{strconv.FormatUint(sequence, 10)}
	headers[ReplayReasonHeader] = []string{headerText(d.Reason)}
	headers[ReplayCountHeader] = []string{strconv.Itoa(before.Count + 1)}
	headers[ReplayFirstHeader] = []string{before.FirstDeath.UTC().Format(time.RFC3339Nano)}
	return headers
}

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}
