package main

import (
	"strings"
	"testing"

	"foxhunt/jetstream"
	"foxhunt/messages"
	"foxhunt/worker"
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
		if _, err := h.conn.PublishFix(t.Context(), "fixes.late.after", "fixes.late.after/"+capture.ID, messages.ContentTypeJSON, []byte("{}")); err != nil {
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

// TestUsedID has a station whose ids start anew when it does: the second capture of an id becomes a dead letter, and not
// nothing; the first, sent twice, has one fix.
func TestUsedID(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.startWorker(t, "--model", plainFile(t))
	capture := longCapture(t)
	data := encode(t, capture)
	h.publish(t, captureSubject("used", "id"), data)
	h.publish(t, captureSubject("used", "id"), data)
	h.waitUntilEmpty(t)
	for i := range capture.Receivers {
		capture.Receivers[i].StartTime += 3e11
	}
	data, err := capture.Encode(nil)
	if err != nil {
		t.Fatal(err)
	}
	h.publish(t, captureSubject("used", "id"), data)
	if letter := h.nextDead(t); letter.Reason != worker.CodeDuplicateID || !strings.Contains(letter.Sentence, capture.ID) {
		t.Errorf("the dead letter says %s: %s", letter.Reason, letter.Sentence)
	}
	h.waitUntilEmpty(t)
	if fixes, dead := h.stored(t, jetstream.StreamFixes), h.stored(t, jetstream.StreamDead); fixes != 1 || dead != 1 {
		t.Errorf("%d fixes and %d dead letters; want one of each", fixes, dead)
	}
}
