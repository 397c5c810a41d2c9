package main

import (
	"testing"

	"foxhunt/jetstream"
	"foxhunt/messages"
)

// TestNoDeadLetterBesideAFix has a worker refuse a capture whose fix another published before it died.
func TestNoDeadLetterBesideAFix(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	capture := longCapture(t)
	h.publish(t, captureSubject("late", "after"), encode(t, capture))
	consumer, err := h.js.Consumer(t.Context(), jetstream.StreamCaptures, jetstream.ConsumerWorkers)
	if err != nil {
		t.Fatal(err)
	}
	taken, err := consumer.Fetch(1)
	if err != nil {
		t.Fatal(err)
	}
	for message := range taken.Messages() {
		if err := h.conn.PublishFix(t.Context(), "fixes.late.after", "fixes.late.after/"+capture.ID, messages.ContentTypeJSON, []byte("{}")); err != nil {
			t.Fatal(err)
		}
		if err := message.Nak(); err != nil {
			t.Fatal(err)
		}
	}
	h.startWorker(t, "--model", plainFile(t), "--bundles", "another.one") // so that it refuses the capture
	h.waitUntilEmpty(t)
	if n := h.stored(t, jetstream.StreamDead); n != 0 {
		t.Errorf("%d dead letters beside the fix; want none", n)
	}
}
