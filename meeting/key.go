package meeting

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"foxhunt/messages"
)

// Key names an event. Each part is of A-Z a-z 0-9 _ -, so that a key is one in NATS, too.
type Key struct {
	Network string
	Group   string // "e", or "f" and the frequency in Hz
	Name    string // of an event id, its hash; else the number of the slot
}

// eventGroup is the group of the events that have an id.
const eventGroup = "e"

// nameBytes of a hash are enough that nobody finds two alike.
const nameBytes = 16

// KeyOfEvent is the key of the captures that state an event.
func KeyOfEvent(network, event string) Key {
	sum := sha256.Sum256([]byte(event))
	return Key{Network: network, Group: eventGroup, Name: hex.EncodeToString(sum[:nameBytes])}
}

// KeyOfSlot is the key of the captures without an event that begin in the slot.
func KeyOfSlot(network string, frequency float64, slot int64) Key {
	return Key{Network: network, Group: "f" + HertzOf(frequency), Name: strconv.FormatInt(slot, 10)}
}

// IsSlot reports whether the event is one of those that meet in slots, whose neighbours exclude each other.
func (k Key) IsSlot() bool { return k.Group != eventGroup }

// HertzOf is a frequency to the Hz, as it stands in keys.
func HertzOf(frequency float64) string { return strconv.FormatInt(int64(math.Round(frequency)), 10) }

// SlotOf is the number of the slot in which a capture begins that begins at start, ns since the Unix epoch. Slots are centred
// on multiples of their width, so that captures on a schedule that is aligned to UTC never lie near an edge.
func SlotOf(start int64, width time.Duration) int64 { return (start + int64(width)/2) / int64(width) }

// String is <network>.<group>.<name>.
func (k Key) String() string { return k.Network + "." + k.Group + "." + k.Name }

// ParseKey reads what String wrote.
func ParseKey(s string) (Key, error) {
	parts := strings.Split(s, ".")
	if len(parts) != 3 {
		return Key{}, fmt.Errorf("meeting: %.200q is no key; want <network>.<group>.<name>", s)
	}
	for _, part := range parts {
		if err := messages.ValidateToken("part of a key", part); err != nil {
			return Key{}, fmt.Errorf("meeting: %.200q is no key: %w", s, err)
		}
	}
	return Key{Network: parts[0], Group: parts[1], Name: parts[2]}, nil
}
