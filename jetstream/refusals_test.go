package jetstream

import (
	"context"
	"errors"
	"testing"
	"time"
)

// TestExchangeEndsWithItsConnection: when the connection is back, who asked before it was lost waits in vain. What was asked
// since nats.go sends then, so that its answer is still to come, and who waits for more than one answer goes on.
func TestExchangeEndsWithItsConnection(t *testing.T) {
	t.Parallel()
	var r refusals
	none := func(string) bool { return false }
	under, calls := make(chan struct{}), make(map[string]chan error)
	ctx, cancel := context.WithCancel(t.Context())
	begin := func(name string, how func(context.Context, func(string) bool, func(context.Context) error) error) {
		calls[name] = make(chan error, 1)
		go func() {
			calls[name] <- how(ctx, none, func(ctx context.Context) error {
				under <- struct{}{}
				<-ctx.Done()
				return ctx.Err()
			})
		}()
		<-under
	}
	begin("before", r.exchange)
	begin("more answers", r.heed)
	r.disconnected()
	begin("meanwhile", r.exchange)
	r.reconnected()
	select {
	case err := <-calls["before"]:
		var e *Error
		if !errors.Is(err, errLost) || !errors.As(err, &e) || !isUnanswered(e) || !e.Passing() {
			t.Errorf("asked before: %v", err)
		}
	case <-time.After(30 * time.Second):
		t.Error("who asked before the connection was lost still waits")
	}
	cancel()
	for _, name := range []string{"meanwhile", "more answers"} {
		if err := <-calls[name]; errors.Is(err, errLost) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
