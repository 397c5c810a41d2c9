package jetstream_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"foxhunt/jetstream"
	"foxhunt/meeting"
)

// event is an entry of so many stations' captures, a, b, ...
func event(state meeting.State, stations int) []byte {
	e := meeting.Entry{State: state, Frequency: 1000, Opened: 1, Anchor: 1}
	for i := range stations {
		e.Members = append(e.Members, meeting.Member{
			Place: meeting.Place{Sequence: uint64(i + 1), Stored: 1}, Station: string(rune('a' + i)), ID: "x", Start: 1, End: 2, Size: 100,
		})
	}
	return e.Encode()
}

// letGo is an event of two stations' captures that waits on without the first, which has its dead letter.
func letGo() []byte {
	e, err := meeting.DecodeEntry(event(meeting.Open, 2))
	if err != nil {
		panic(err)
	}
	e.Members[0].Left = meeting.CodeTooFew
	return e.Encode()
}

// TestLagOfCompanions wants captures that wait for others of their event told apart from those that wait for a worker, whatever
// somebody may have written among the events.
func TestLagOfCompanions(t *testing.T) {
	t.Parallel()
	_, c, m := startMeetings(t)
	publish(t, c, "captures.net.a", 3, 100)
	publish(t, c, "captures.net.b", 1, 100)
	publish(t, c, "captures.net.c", 2, 100)
	if lag := mustLag(t, c); lag.Companions != 0 || lag.EventsOpen == nil || *lag.EventsOpen != 0 {
		t.Errorf("without an event: %+v", lag)
	}
	for key, value := range map[meeting.Key][]byte{
		meeting.KeyOfEvent("net", "1"):      event(meeting.Open, 2),
		meeting.KeyOfEvent("net", "2"):      event(meeting.Open, 2), // of b there is one capture only
		meeting.KeyOfEvent("net", "3"):      letGo(),
		meeting.KeyOfSlot("net", 1000, 7):   event(meeting.Closed, 3),
		meeting.KeyOfEvent("other", "1"):    event(meeting.Open, 3),
		meeting.KeyOfEvent("net", "broken"): []byte("{"),
		meeting.KeyOfEvent("net", "large"):  []byte(strings.Repeat(" ", 200_000)),
	} {
		if _, err := m.Write(within(t, patience), key, value, 0); err != nil {
			t.Fatal(err)
		}
	}
	gone := meeting.KeyOfEvent("net", "gone")
	revision, err := m.Write(within(t, patience), gone, event(meeting.Open, 3), 0)
	if err == nil {
		err = m.Remove(within(t, patience), gone, revision)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := c.PublishPlain("$KV."+jetstream.BucketMeetings+".odd", event(meeting.Open, 3)); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "eight events", func() bool { lag := mustLag(t, c); return *lag.EventsOpen == 8 })
	lag := mustLag(t, c)
	got := map[string]uint64{}
	for _, s := range lag.Subjects {
		got[s.Subject] = s.Companions
	}
	if lag.Companions != 3 || got["captures.net.a"] != 2 || got["captures.net.b"] != 1 || got["captures.net.c"] != 0 || lag.Total != 6 {
		t.Errorf("%d wait for companions, by subject %v, of %d; want 2 of a and 1 of b", lag.Companions, got, lag.Total)
	}
}

// TestOldestCompanion wants the age of the oldest capture that waits for others, and none of those that are gone or work is done on.
func TestOldestCompanion(t *testing.T) {
	t.Parallel()
	_, c, m := startMeetings(t)
	publish(t, c, "captures.net.a", 2, 100)
	stored, err := c.Recent(within(t, patience), jetstream.DefaultTopology().Captures.Name, 2)
	if err != nil || len(stored) != 2 {
		t.Fatal(stored, err)
	}
	older, younger := stored[0].Time, stored[1].Time
	if younger.Before(older) {
		older, younger = younger, older
	}
	entry := func(state meeting.State, stored time.Time) []byte {
		e := meeting.Entry{State: state, Frequency: 1000, Opened: 1, Anchor: 1, Members: []meeting.Member{
			{Place: meeting.Place{Sequence: 1, Stored: stored.UnixNano()}, Station: "a", ID: "x", Start: 1, End: 2, Size: 100}}}
		return e.Encode()
	}
	for key, value := range map[meeting.Key][]byte{
		meeting.KeyOfEvent("net", "gone"):   entry(meeting.Open, older.Add(-time.Hour)),
		meeting.KeyOfEvent("net", "closed"): entry(meeting.Closed, older),
		meeting.KeyOfEvent("net", "open"):   entry(meeting.Open, younger),
	} {
		if _, err := m.Write(within(t, patience), key, value, 0); err != nil {
			t.Fatal(err)
		}
	}
	lag := mustLag(t, c)
	if lag.OldestCompanionAge == nil || lag.OldestAge == nil {
		t.Fatalf("the lag is %+v", lag)
	}
	apart := *lag.OldestAge - *lag.OldestCompanionAge
	if want := younger.Sub(older).Seconds(); math.Abs(apart-want) > 1e-3 {
		t.Errorf("the oldest that waits for others is %g s younger than the oldest, want %g", apart, want)
	}
}

// TestLagWithoutEvents is where the bucket is not there, as before a worker of this version was.
func TestLagWithoutEvents(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	publish(t, c, "captures.net.a", 1, 100)
	if err := plainStream(t, s.ClientURL()).DeleteKeyValue(t.Context(), jetstream.BucketMeetings); err != nil {
		t.Fatal(err)
	}
	if lag := mustLag(t, c); lag.Total != 1 || lag.EventsOpen != nil || lag.Companions != 0 {
		t.Errorf("the lag is %+v", lag)
	}
}

// TestPaceOfCompanions wants captures that wait for companions to be no backlog.
func TestPaceOfCompanions(t *testing.T) {
	t.Parallel()
	var tracker jetstream.LagTracker
	at := time.Unix(1_000_000, 0)
	for i := range uint64(10) {
		lag := jetstream.Lag{Time: at.Add(time.Duration(i) * time.Second), Total: 100 * i, Companions: 100 * i, Arrived: 500 * i, Completed: 400 * i}
		tracker.Add(&lag)
		if i > 0 && (lag.Pace.Drain == nil || *lag.Pace.Drain != 0) {
			t.Fatalf("while all wait for companions: %+v", lag.Pace)
		}
	}
}

// FuzzCompanions has anything at all written among the events.
func FuzzCompanions(f *testing.F) {
	f.Add("$KV.m.net.e.1", event(meeting.Open, 2))
	f.Add("$KV.m.net.e", []byte("{}"))
	f.Add("", []byte(nil))
	f.Fuzz(func(t *testing.T, subject string, data []byte) {
		for s, n := range jetstream.CountMembers("$KV.m.>", subject, data) {
			if !strings.HasPrefix(s, "captures.") || n == 0 || n > 32 {
				t.Errorf("%d wait of %q", n, s)
			}
		}
	})
}
