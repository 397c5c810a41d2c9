package chaos

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"foxhunt/jetstream"
)

// Traffic is captures at a steady pace.
type Traffic struct {
	Captures int
	Duration time.Duration // of the whole, if the server keeps up; 0: as fast as it goes
	Stations int           // publish side by side; default 16
	Make     func(i int) Capture
}

// Publish publishes the traffic as stations do that keep a capture until its PubAck: a lost answer and whatever may pass
// leads to another attempt under the same id. A station that is told that it, or the stream, is over its limit gives the
// capture up. It returns when all is published, or ctx ends.
func (h *House) Publish(ctx context.Context, traffic Traffic) {
	h.t.Helper()
	if traffic.Stations == 0 {
		traffic.Stations = 16
	}
	due := make(chan int)
	var stations sync.WaitGroup
	for range traffic.Stations {
		stations.Go(func() {
			for i := range due {
				h.publishOne(ctx, traffic.Make(i))
			}
		})
	}
	began := time.Now()
	for i := range traffic.Captures {
		pause := time.NewTimer(time.Until(began.Add(traffic.Duration * time.Duration(i) / time.Duration(traffic.Captures))))
		select {
		case <-pause.C:
			due <- i
		case <-ctx.Done():
		}
	}
	close(due)
	stations.Wait()
}

// publishOne publishes a capture until it is stored, refused for good, or ctx ends.
func (h *House) publishOne(ctx context.Context, c Capture) {
	h.books.Attempt(c.ID, c.Subject, c.Want)
	for ctx.Err() == nil {
		stored, err := h.Conn.PublishCapture(ctx, c.Subject, c.ID, c.Data)
		var refused *jetstream.Error
		switch {
		case err == nil && stored.Duplicate && !h.retried(c.ID):
			h.t.Errorf("the PubAck of %s says that its id was used before", c.ID)
			return
		case err == nil:
			h.books.Acked(c.ID)
			return
		case !errors.As(err, &refused):
			h.t.Errorf("publishing %s: an error without a code: %v", c.ID, err)
			return
		case refused.Code == jetstream.CodeStationOverLimit, refused.Code == jetstream.CodeStreamFull, !refused.Passing():
			h.books.Refused(c.ID, refused.Code)
			return
		}
		h.retry(c.ID)
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
		}
	}
}

// retry notes that a capture goes out a second time, retried whether it does.
func (h *House) retry(id string) { h.retries.Store(id, true) }

func (h *House) retried(id string) bool {
	_, ok := h.retries.Load(id)
	return ok
}

// steady is traffic of good captures of ten stations.
func steady(t testing.TB, captures int, duration time.Duration) Traffic {
	return Traffic{Captures: captures, Duration: duration, Make: func(i int) Capture {
		return newCapture(t, fmt.Sprintf("captures.chaos.s%d", i%10), "")
	}}
}
