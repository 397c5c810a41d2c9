package jetstream

import (
	"sync"
	"time"
)

// captureKey names a capture. Its sequence alone does not: a stream made anew begins again at 1.
type captureKey struct {
	sequence uint64
	stored   int64 // ns since 1970
}

// inHand knows the captures that were fetched and not yet settled.
type inHand struct {
	mu         sync.Mutex
	deliveries map[captureKey]*Delivery
}

// hold adds d and returns true, or finds that the same capture is in hand already: then that delivery takes over what is
// newer of d, which is to be forgotten.
func (h *inHand) hold(d *Delivery) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if held := h.deliveries[d.key()]; held != nil && held.renew(d) {
		return false
	}
	h.deliveries[d.key()] = d
	return true
}

func (h *inHand) forget(d *Delivery) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.deliveries[d.key()] == d { // else it was settled and has been delivered again meanwhile
		delete(h.deliveries, d.key())
	}
}

// all returns what is in hand at this moment.
func (h *inHand) all() []*Delivery {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := make([]*Delivery, 0, len(h.deliveries))
	for _, d := range h.deliveries {
		all = append(all, d)
	}
	return all
}

// extend keeps the deadlines of the captures that wait in the source until all is closed. Whoever has been handed a
// capture extends it by InProgress; two thirds of AckWait may pass between the two.
func (s *Source) extend() {
	ticker := time.NewTicker(max(s.AckWait()/3, 10*time.Millisecond))
	defer ticker.Stop()
	for {
		select {
		case <-s.closed:
			return
		case <-ticker.C:
			for _, d := range s.inHand.all() {
				if err := d.extendWaiting(); err != nil {
					s.log.Debug("the deadline of a waiting capture cannot be extended", "subject", d.Subject, "error", err)
				}
			}
		}
	}
}
