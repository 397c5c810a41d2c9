package gateway

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"time"

	"foxhunt/messages"
)

// An id has timeDigits hexadecimal digits of the time, in ms since 1970, and randomDigits of chance.
const (
	timeDigits   = 12
	randomDigits = 32
)

// newID is the id of a capture that is made now: the time, so that its fix can be found later without a search through
// all of a day, and 128 random bits, so that nobody can guess it.
func newID(now time.Time) string {
	return fmt.Sprintf("%0*x%s", timeDigits, now.UnixMilli(), messages.NewCaptureID())
}

// timeOf is when an id was made; ok is false for an id that no gateway made.
func timeOf(id string, now time.Time) (made time.Time, ok bool) {
	if _, err := hex.DecodeString(id); err != nil || len(id) != timeDigits+randomDigits {
		return time.Time{}, false
	}
	ms, err := strconv.ParseInt(id[:timeDigits], 16, 64)
	made = time.UnixMilli(ms)
	return made, err == nil && made.Before(now.Add(skew)) && made.After(now.Add(-maxAge))
}

// skew is how far the clocks of gateways and NATS servers may be apart; maxAge is older than any fix that is kept.
const (
	skew   = 2 * time.Minute
	maxAge = 31 * 24 * time.Hour
)
