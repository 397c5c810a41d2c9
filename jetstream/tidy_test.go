package jetstream_test

import (
	"testing"

	"foxhunt/jetstream"
	"foxhunt/meeting"
)

// TestTidy has open entries there of an event that ended, of one that was opened anew since, and of one in progress, when a
// process comes: only the first is removed.
func TestTidy(t *testing.T) {
	t.Parallel()
	_, c, m := startMeetings(t)
	ctx := within(t, patience)
	entry := func(opened int64, state meeting.State) []byte {
		e := meeting.Entry{State: state, Frequency: 77.5e3, Opened: opened, Anchor: 1, Members: []meeting.Member{{
			Place: meeting.Place{Sequence: 1, Stored: 1}, Station: "a", ID: "capture-of-a", Start: 1, End: 2, Size: 100,
		}}}
		return e.Encode()
	}
	over, anew, open := meeting.KeyOfSlot("dcf", 77.5e3, 1), meeting.KeyOfSlot("dcf", 77.5e3, 2), meeting.KeyOfEvent("dcf", "open")
	for key, opened := range map[meeting.Key]int64{over: 1000, anew: 2000, open: 1000} {
		_, revision, err := m.Read(ctx, key)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := m.Write(ctx, key, entry(opened, meeting.Open), revision); err != nil {
			t.Fatal(err)
		}
	}
	for _, key := range []meeting.Key{over, anew} {
		if err := m.End(ctx, key, entry(1000, meeting.Done)); err != nil {
			t.Fatal(err)
		}
	}
	meetings(t, c, jetstream.DefaultTopology())
	waitFor(t, "the entry of an event that ended to go", func() bool {
		value, _, err := m.Read(ctx, over)
		return err == nil && value == nil
	})
	for _, key := range []meeting.Key{anew, open} {
		if value, _, err := m.Read(ctx, key); err != nil || value == nil {
			t.Errorf("the open entry %s: %q, %v; want it left alone", key, value, err)
		}
	}
}
