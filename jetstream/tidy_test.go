package jetstream_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

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
		if err := m.End(ctx, key, entry(1000, meeting.Done), 0); err != nil {
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

// TestTidyGoesOn: many open events are looked through several at once, and after a failure from there on.
func TestTidyGoesOn(t *testing.T) {
	t.Parallel()
	const all, together = 1000, 16
	meet, seen := make(chan struct{}), make([]atomic.Int32, all)
	look := jetstream.EachOpen(t.Context(), all, func(i int64) error {
		if i < together { // each of the first waits for another
			select {
			case meet <- struct{}{}:
			case <-meet:
			case <-time.After(patience):
				t.Error("the first events are looked at one after another")
			}
		}
		if seen[i].Add(1); i == 500 && seen[i].Load() == 1 {
			return errors.New("the server is away")
		}
		return nil
	})
	if left, err := look(); err == nil || left < all-500 || left >= all-500+together {
		t.Errorf("with a failure at 500 %d of %d are left, %v", left, all, err)
	}
	if left, err := look(); err != nil || left != 0 {
		t.Errorf("then %d are left, %v", left, err)
	}
	for i := range seen {
		if n := seen[i].Load(); n != 1 && (n != 2 || i < 500-together || i > 500+together) {
			t.Errorf("event %d was looked at %d times", i, n)
		}
	}
}

// TestTidyLessOftenInTrouble: what fails is tried again, ever less often, and in time again when it has succeeded.
func TestTidyLessOftenInTrouble(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var calls []time.Duration
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		began := time.Now()
		jetstream.KeepLooking(ctx, func(context.Context) error {
			calls = append(calls, time.Since(began))
			if time.Since(began) < 5*time.Minute {
				return errors.New("the server is away")
			}
			return nil
		})
		failed := 0
		for failed < len(calls) && calls[failed] < 5*time.Minute {
			failed++
		}
		if failed < 10 || failed > 30 {
			t.Errorf("it was tried %d times in 5 minutes in which it fails", failed)
		}
		if n := len(calls) - failed; n < 200 {
			t.Errorf("it was looked %d times in the 5 minutes after them", n)
		}
	})
}
