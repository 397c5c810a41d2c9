package jetstream_test

import (
	"slices"
	"testing"
	"time"

	"foxhunt/jetstream"
	"foxhunt/messages"
)

// TestSweepLeavesWhatWasFinished has captures below the floor that have their fix, or their dead letter, as after a server's
// crash that brought them back; one has neither.
func TestSweepLeavesWhatWasFinished(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	body := func(id string) []byte {
		return slices.Concat([]byte{0x81, 0xa2, 'i', 'd', 0xd9, byte(len(id))}, []byte(id))
	}
	ids := map[string]string{}
	for _, subject := range []string{"captures.net.fixed", "captures.net.dead", "captures.net.neither"} {
		ids[subject] = messages.NewCaptureID()
		if _, err := w.PublishCapture(t.Context(), subject, ids[subject], body(ids[subject])); err != nil {
			t.Fatal(err)
		}
		w.neverAnswer(t, subject)
		w.loseAdvisory(t)
	}
	if _, err := w.PublishFix(t.Context(), "fixes.net.fixed", "fixes.net.fixed/"+ids["captures.net.fixed"], messages.ContentTypeJSON, []byte("{}")); err != nil {
		t.Fatal(err)
	}
	letter := &messages.DeadLetter{Subject: "captures.net.dead", Headers: map[string][]string{"Nats-Msg-Id": {ids["captures.net.dead"]}}, Reason: "truncated", Time: time.Now()}
	if _, err := w.PublishDead(t.Context(), 99, letter); err != nil {
		t.Fatal(err)
	}
	w.look(t, w.reaper(), 2)
	letters := w.expect(t, 0, 2, 1)
	if letters[0].Reason != "truncated" || letters[1].Subject != "captures.net.neither" || letters[1].Reason != jetstream.ReasonMaxDeliveries {
		t.Errorf("dead letters %+v and %+v", letters[0], letters[1])
	}
}
