package meeting_test

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"foxhunt/meeting"
	"foxhunt/meeting/meetingtest"
)

// TestRoundTrips counts what the meeting costs beyond a bundled capture: the questions to the server, and how many of them
// are waited for one after the other, which is what a call of a millisecond takes in milliseconds.
func TestRoundTrips(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := meetingtest.New()
		var questions atomic.Int32
		store.Before = func(call string) error {
			if call == "now" { // is known
				return nil
			}
			questions.Add(1)
			time.Sleep(time.Millisecond)
			return nil
		}
		rules := meeting.DefaultRules()
		rules.Stations = []string{"A", "B", "C"}
		g := &gathering{store: store, table: meeting.NewTable(store, meeting.Networks{Default: rules})}
		began := time.Now()
		var o meeting.Outcome
		for i, station := range rules.Stations {
			p := meeting.Place{Sequence: uint64(i + 1), Stored: began.UnixNano()}
			store.Put(p, &meeting.Message{})
			o = g.arrive(t, station, p, 1)
		}
		last := meeting.Place{Sequence: 3, Stored: began.UnixNano()}
		if _, _, err := o.Event.Fetch(t.Context(), last); err != nil {
			t.Fatal(err)
		}
		toFix := time.Since(began)
		if err := o.Event.Finish(t.Context(), last); err != nil {
			t.Fatal(err)
		}
		trips := time.Since(began).Milliseconds()
		t.Logf("three captures: %d round trips one after the other, of which %d before the fix, and %d calls", trips, toFix.Milliseconds(), questions.Load())
		if trips > 3*3 {
			t.Errorf("%d round trips for three captures; want 3 each", trips)
		}
	})
}
