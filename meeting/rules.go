package meeting

import (
	"fmt"
	"slices"
	"time"

	"foxhunt/messages"
)

// Rules are what a network's captures meet by. All workers must have the same.
type Rules struct {
	Slot         time.Duration // width of the slots in which captures meet that state no event
	Guard        time.Duration // captures of one emission begin within this time of the first that came
	Window       time.Duration // how long after the first has come the others are waited for
	MinReceivers int           // a fix rests on at least so many
	Stations     []string      // all that are due; none: those that were heard lately
}

// DefaultRules are those of networks for which nobody said anything else.
func DefaultRules() Rules {
	return Rules{Slot: 10 * time.Second, Guard: time.Second, Window: 5 * time.Second, MinReceivers: 3}
}

// Bounds of rules.
const (
	minSlot        = 10 * time.Millisecond
	maxSlot        = 24 * time.Hour
	minWindow      = 10 * time.Millisecond
	maxWindow      = 10 * time.Minute
	leastReceivers = 2
	guardsPerSlot  = 4 // at least, so that the two ends of a slot are apart
)

// Limits of an event.
const (
	MaxEventBytes  = 32 << 20                 // of all its captures
	MaxMemberBytes = messages.MaxCaptureBytes // of one
	maxStations    = messages.MaxReceivers    // in a roster
)

// Validate says the first rule that makes no sense.
func (r *Rules) Validate() error {
	switch {
	case r.Slot < minSlot || r.Slot > maxSlot:
		return fmt.Errorf("slot is %v; want %v to %v", r.Slot, minSlot, maxSlot)
	case r.Guard < 0 || guardsPerSlot*r.Guard > r.Slot:
		return fmt.Errorf("guard is %v; want 0 or more, and at most a quarter of the slot, %v", r.Guard, r.Slot/guardsPerSlot)
	case r.Window < minWindow || r.Window > maxWindow:
		return fmt.Errorf("window is %v; want %v to %v", r.Window, minWindow, maxWindow)
	case r.MinReceivers < leastReceivers || r.MinReceivers > messages.MaxReceivers:
		return fmt.Errorf("min_receivers is %d; want %d to %d", r.MinReceivers, leastReceivers, messages.MaxReceivers)
	case len(r.Stations) > maxStations:
		return fmt.Errorf("there are %d stations; want at most %d", len(r.Stations), maxStations)
	case len(r.Stations) > 0 && len(r.Stations) < r.MinReceivers:
		return fmt.Errorf("there are %d stations, fewer than min_receivers, %d: no event would ever have a fix", len(r.Stations), r.MinReceivers)
	}
	for i, station := range r.Stations {
		if err := messages.ValidateToken("station", station); err != nil {
			return err
		}
		if slices.Contains(r.Stations[:i], station) {
			return fmt.Errorf("station %s is listed twice", station)
		}
	}
	return nil
}
