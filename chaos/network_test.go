package chaos

import (
	"fmt"
	"testing"
	"time"

	"foxhunt/messages"
)

// TestNetwork looks at what stations publish of two networks' emissions: that all that a scenario is about occurs.
func TestNetwork(t *testing.T) {
	const slot = 10 * time.Second
	for _, coordinated := range []bool{true, false} {
		n := newNetwork("n", coordinated, slot)
		if len(n.Stations()) != networkStations {
			t.Fatalf("the network has the stations %q", n.Stations())
		}
		var few, some, all, torn int
		treatments := map[Treatment]int{}
		starts := map[string]int64{} // of emissions, by frequency and slot
		for i := range 60 {
			e := n.Emit(t)
			slots := map[int64]bool{}
			for k := range e.Heard {
				c, err := checkHeard(e, &e.Heard[k])
				if err != nil {
					t.Errorf("emission %d: %v", i, err)
					continue
				}
				treatments[e.Heard[k].Treatment]++
				start := c.StartTime()
				number := (start + int64(slot)/2) / int64(slot)
				slots[number] = true
				key := fmt.Sprint(c.Frequency, number)
				if other, taken := starts[key]; taken && max(start-other, other-start) > int64(time.Second) {
					t.Errorf("emission %d shares a slot with another one, %v apart", i, time.Duration(start-other))
				}
				starts[key] = start
			}
			switch stations := e.stations(); {
			case stations < leastReceivers:
				few++
			case stations < networkStations:
				some++
			default:
				all++
			}
			if len(slots) == 2 {
				torn++
			}
		}
		for _, treatment := range []Treatment{Punctual, Copied, Repeated, Delayed} {
			if treatments[treatment] == 0 {
				t.Errorf("no capture is %s", treatment)
			}
		}
		if few == 0 || some == 0 || all == 0 || (torn > 0) == coordinated {
			t.Errorf("coordinated %v: %d emissions are heard by too few, %d by some, %d by all; %d across slots", coordinated, few, some, all, torn)
		}
	}
}

// checkHeard expects a capture of one station, on its own subject.
func checkHeard(e *Emission, h *Heard) (*messages.Capture, error) {
	c := &messages.Capture{}
	if err := c.Decode(h.Data); err != nil {
		return nil, err
	}
	if len(c.Receivers) != 1 || c.Receivers[0].Station != h.Station || c.ID != h.CaptureID || c.Event != e.Event || h.Subject != "captures.n."+h.Station {
		return nil, fmt.Errorf("the capture %s on %s is of %+v, event %q", c.ID, h.Subject, c.Receivers, c.Event)
	}
	if (h.ID == h.CaptureID) == (h.Treatment == Copied) {
		return nil, fmt.Errorf("the %s capture %s has the message id %s", h.Treatment, h.CaptureID, h.ID)
	}
	return c, nil
}

// stations is how many stations publish a capture of the emission in time.
func (e *Emission) stations() (n int) {
	for i := range e.Heard {
		if e.Heard[i].Treatment == Punctual {
			n++
		}
	}
	return n
}
