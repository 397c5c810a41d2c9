package worker

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// inHand knows the captures that the lanes are working on, and keeps the stream from handing them to others: a
// capture whose work takes long has its deadline extended.
type inHand struct {
	mu         sync.Mutex
	deliveries map[Delivery]struct{}
}

func (h *inHand) add(d Delivery) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.deliveries == nil {
		h.deliveries = make(map[Delivery]struct{})
	}
	h.deliveries[d] = struct{}{}
}

func (h *inHand) remove(d Delivery) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.deliveries, d)
}

// extend tells the stream every third of AckWait that what is in hand is in progress, until ctx ends.
func (h *inHand) extend(ctx context.Context, ackWait time.Duration, log *slog.Logger) {
	ticker := time.NewTicker(max(ackWait/3, 10*time.Millisecond))
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			h.inProgress(log)
		}
	}
}

// inProgress sends while holding the lock, so that none is sent for a capture that has been removed.
func (h *inHand) inProgress(log *slog.Logger) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for d := range h.deliveries {
		if err := d.InProgress(); err != nil {
			log.Warn("cannot extend a capture's deadline", "subject", d.Message().Subject, "error", err)
		}
	}
}
