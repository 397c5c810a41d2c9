package jetstream_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"foxhunt/jetstream"
)

// TestServerClock asks a server whose clock is an hour ahead, and that is away for a while.
func TestServerClock(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	var away atomic.Bool
	gone := errors.New("away")
	now, age := jetstream.ClockOf(func(context.Context) (time.Time, error) {
		if asked.Add(1); away.Load() {
			return time.Time{}, gone
		}
		return time.Now().Add(time.Hour), nil
	})
	expect := func(ahead time.Duration, questions int64) {
		t.Helper()
		at, err := now(t.Context())
		if err != nil || (time.Until(at)-ahead).Abs() > 30*time.Second || asked.Load() != questions {
			t.Errorf("%v ahead after %d questions, %v; want %v after %d", time.Until(at), asked.Load(), err, ahead, questions)
		}
	}
	away.Store(true)
	if _, err := now(t.Context()); !errors.Is(err, gone) {
		t.Errorf("with a server that never answered: %v", err)
	}
	away.Store(false)
	expect(time.Hour, 2)
	expect(time.Hour, 2) // it need not be asked again
	age(2 * time.Minute)
	expect(time.Hour, 3)
	away.Store(true)
	age(10 * time.Minute)
	expect(time.Hour+10*time.Minute, 4) // by what was said before
	age(time.Hour)
	if _, err := now(t.Context()); !errors.Is(err, gone) {
		t.Errorf("by a clock that was read too long ago: %v", err)
	}
}
