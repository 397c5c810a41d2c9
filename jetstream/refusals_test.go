package jetstream

import (
	"context"
	"errors"
	"fmt"
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

// TestRefusalsOfOneSubject: of two requests under way each is refused. The first refusal tells both who wait, and the second is
// no news to anybody else; one of another subject is.
func TestRefusalsOfOneSubject(t *testing.T) {
	t.Parallel()
	var r refusals
	ended := make(chan error, 2)
	under := make(chan struct{})
	for range cap(ended) {
		go func() {
			ended <- r.heed(t.Context(), func(s string) bool { return s == "captures.a.b" }, func(ctx context.Context) error {
				under <- struct{}{}
				<-ctx.Done()
				return ctx.Err()
			})
		}()
		<-under
	}
	refusal := func(subject string) error {
		return fmt.Errorf("nats: permissions violation: Permissions Violation for Publish to %q", subject)
	}
	if !r.report(refusal("captures.a.b"), "_INBOX.x") {
		t.Error("nobody was told")
	}
	for range cap(ended) {
		var e *Error
		if err := <-ended; !errors.As(err, &e) || e.Code != CodeRefused {
			t.Errorf("who waited hears %v", err)
		}
	}
	if !r.report(refusal("captures.a.b"), "_INBOX.x") {
		t.Error("the second refusal is taken for one that belongs to no call")
	}
	if r.report(refusal("captures.a.c"), "_INBOX.x") {
		t.Error("a refusal that belongs to no call is taken for one that does")
	}
}
