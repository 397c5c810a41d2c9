package main

import (
	"context"
	"strings"
	"testing"

	"foxhunt/rollout"
)

// TestAnEventHasAllTheTime: how long NATS is away does not matter while the worker runs.
func TestAnEventHasAllTheTime(t *testing.T) {
	t.Parallel()
	told := ""
	w := workerModels{publish: func(ctx context.Context, kind string, body []byte) error {
		if deadline, bounded := ctx.Deadline(); bounded {
			t.Errorf("it is given up at %v", deadline)
		}
		told = kind + " " + string(body)
		return nil
	}}
	if err := w.event(t.Context(), rollout.Event{V: 1, Kind: rollout.EventLoaded, Sentence: "net serves"}); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(told, "loaded {") || !strings.Contains(told, "net serves") {
		t.Errorf("told %s", told)
	}
}
