package meeting_test

import (
	"fmt"
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
			if call == "now" || call == "room" { // are known
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

// BenchmarkArrive is the processor time of the decisions about an event of three stations, from the first capture to the end,
// without a server.
//
//	go test ./meeting -run '^$' -bench Arrive
func BenchmarkArrive(b *testing.B) {
	store := meetingtest.New()
	rules := meeting.DefaultRules()
	rules.Stations = []string{"A", "B", "C"}
	table := meeting.NewTable(store, meeting.Networks{Default: rules})
	for i := range b.N {
		var o meeting.Outcome
		for k, station := range rules.Stations {
			p := meeting.Place{Sequence: uint64(3*i + k + 1), Stored: 1e18}
			store.Put(p, &meeting.Message{})
			var err error
			o, err = table.Arrive(b.Context(), meeting.Arrival{
				Network: "net", Event: fmt.Sprint(i), Frequency: 145e6, Deliveries: 1, Attempts: 12, Least: 2, Most: 32,
				Capture: meeting.Member{Place: p, Station: station, ID: "id-of-the-capture-of-" + station, Start: 1e18, End: 1e18 + 1e9, Size: 100},
			})
			if err != nil {
				b.Fatal(err)
			}
		}
		last := meeting.Place{Sequence: uint64(3*i + 3), Stored: 1e18}
		if _, _, err := o.Event.Fetch(b.Context(), last); err != nil {
			b.Fatal(err)
		}
		if err := o.Event.Finish(b.Context(), last); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(3*b.N), "µs/capture")
}
