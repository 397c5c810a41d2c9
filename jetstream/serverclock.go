package jetstream

import (
	"context"
	"sync"
	"time"
)

// serverClock tells the time of day by the server's clock, of which it asks once in a while.
type serverClock struct {
	ask func(context.Context) (time.Time, error)

	asking sync.Mutex // held by who asks
	mu     sync.Mutex
	at     time.Time // by the server, when it was asked
	asked  time.Time // by this machine; only its monotonic clock is read, so that setting the clock does no harm
}

const (
	clockFresh = time.Minute      // until a reading is to be replaced
	clockStale = 30 * time.Minute // until it is no longer good: two clocks drift apart by less than 100 ms in it
)

// now asks the server if nothing fresh is known. While one asks, the others go by what they have.
func (c *serverClock) now(ctx context.Context) (time.Time, error) {
	now, age := c.read()
	if age < clockFresh {
		return now, nil
	}
	if age < clockStale {
		if !c.asking.TryLock() {
			return now, nil
		}
	} else {
		c.asking.Lock()
	}
	defer c.asking.Unlock()
	if now, age = c.read(); age < clockFresh { // somebody else asked meanwhile
		return now, nil
	}
	err := c.set(ctx)
	if now, age = c.read(); age < clockStale {
		return now, nil
	}
	return time.Time{}, err
}

// set asks the server. The answer is taken for the time in the middle of asking.
func (c *serverClock) set(ctx context.Context) error {
	start := time.Now()
	at, err := c.ask(ctx)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at, c.asked = at, start.Add(time.Since(start)/2)
	return nil
}

// read is the time by the last reading, and how old that is.
func (c *serverClock) read() (now time.Time, age time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.at.IsZero() {
		return time.Time{}, clockStale
	}
	age = time.Since(c.asked)
	return c.at.Add(age), age
}
