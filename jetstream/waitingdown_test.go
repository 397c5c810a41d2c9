package jetstream_test

import (
	"testing"
	"time"
)

// TestWaitOverAnOutage has the time of what waits come while the server is away: it comes again when that is back, and not
// after AckWait.
func TestWaitOverAnOutage(t *testing.T) {
	t.Parallel()
	server, c, s := waitingSource(t, time.Hour, 2)
	began, delay := time.Now(), 500*time.Millisecond
	for range 2 {
		if err := next(t, s).Wait(delay); err != nil {
			t.Fatal(err)
		}
	}
	server.Shutdown()
	waitFor(t, "the loss", func() bool { return !c.Connected() && time.Since(began) > delay })
	server.Restart(t)
	for range 2 {
		d := next(t, s)
		if d.NumDelivered() != 2 {
			t.Errorf("delivery %d; want the second", d.NumDelivered())
		}
		ack(t, d)
	}
}
