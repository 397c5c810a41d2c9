package meeting_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"foxhunt/meeting"
	"foxhunt/meeting/meetingtest"
	"foxhunt/messages"
)

// gathering is an event of stations A, B and C that C has closed.
type gathering struct {
	store  *meetingtest.Store
	table  *meeting.Table
	places map[string]meeting.Place
}

func gather(t *testing.T) (*gathering, *meeting.Event) {
	t.Helper()
	g := &gathering{store: meetingtest.New(), places: map[string]meeting.Place{}}
	rules := meeting.DefaultRules()
	rules.Stations, rules.MinReceivers = []string{"A", "B", "C"}, 2
	g.table = meeting.NewTable(g.store, meeting.Networks{Default: rules})
	var o meeting.Outcome
	for i, station := range rules.Stations {
		p := meeting.Place{Sequence: uint64(i + 1), Stored: time.Now().UnixNano()}
		g.places[station] = p
		g.store.Put(p, &meeting.Message{Subject: "captures.net." + station})
		o = g.arrive(t, station, p, 1)
		if o.Action == meeting.Work != (station == "C") || !o.Joined {
			t.Fatalf("%s: %+v", station, o)
		}
	}
	return g, o.Event
}

func (g *gathering) arrive(t *testing.T, station string, p meeting.Place, deliveries int) meeting.Outcome {
	t.Helper()
	o, err := g.table.Arrive(t.Context(), meeting.Arrival{
		Network: "net", Event: "x", Frequency: 145e6, Deliveries: deliveries, Attempts: 12, Least: 2, Most: 32,
		Capture: meeting.Member{Place: p, Station: station, ID: "id-of-the-capture-of-" + station, Start: 1e18, End: 1e18 + 1e9, Size: 100},
	})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// TestNoRoom: where no other event may begin those that are open go on.
func TestNoRoom(t *testing.T) {
	t.Parallel()
	full := errors.New("there is no room")
	g := &gathering{store: meetingtest.New()}
	rules := meeting.DefaultRules()
	rules.Stations = []string{"A", "B", "C"}
	g.table = meeting.NewTable(g.store, meeting.Networks{Default: rules})
	g.arrive(t, "A", meeting.Place{Sequence: 1, Stored: 1e18}, 1)
	g.store.Before = func(call string) error {
		if call == "room" {
			return full
		}
		return nil
	}
	g.arrive(t, "B", meeting.Place{Sequence: 2, Stored: 1e18}, 1)
	last := meeting.Place{Sequence: 3, Stored: 1e18}
	if o := g.arrive(t, "C", last, 1); o.Action != meeting.Work {
		t.Errorf("the last: %+v", o)
	} else if err := o.Event.Finish(t.Context(), last); err != nil {
		t.Error(err)
	}
	_, err := g.table.Arrive(t.Context(), meeting.Arrival{
		Network: "net", Event: "y", Frequency: 145e6, Deliveries: 1, Attempts: 12, Least: 2, Most: 32,
		Capture: meeting.Member{Place: meeting.Place{Sequence: 4, Stored: 1e18}, Station: "A", ID: "id-of-another-capture", Start: 1e18, End: 1e18 + 1e9, Size: 100},
	})
	if !errors.Is(err, full) || len(g.store.OpenKeys()) != 0 {
		t.Errorf("another event: %v, open are %v", err, g.store.OpenKeys())
	}
}

func TestFetch(t *testing.T) {
	t.Parallel()
	g, e := gather(t)
	members, found, err := e.Fetch(t.Context(), g.places["C"])
	if err != nil || len(members) != 3 || len(found) != 3 || found[0] == nil || found[1] == nil || found[2] != nil {
		t.Fatalf("%v %v %v", members, found, err)
	}
	if members[0].Station != "A" || found[1].Subject != "captures.net.B" || e.Begun() != 0 || e.Tries() != 1 {
		t.Errorf("%+v, begun %d, tries %d", members, e.Begun(), e.Tries())
	}
}

// TestFetchWithoutOne: a capture that is gone is done without, and the entry says so, so that all say the same.
func TestFetchWithoutOne(t *testing.T) {
	t.Parallel()
	g, e := gather(t)
	_ = g.store.Delete(t.Context(), []meeting.Place{g.places["A"]})
	members, found, err := e.Fetch(t.Context(), g.places["C"])
	if err != nil || len(members) != 2 || members[0].Station != "B" || found[1] != nil {
		t.Fatalf("%v %v %v", members, found, err)
	}
	if code, _ := e.Entry().LeftOut(g.places["A"]); code != meeting.CodeLate {
		t.Errorf("A is left out with %q", code)
	}
	_ = g.store.Delete(t.Context(), []meeting.Place{g.places["B"]})
	_, _, err = e.Fetch(t.Context(), g.places["C"])
	var refusal *messages.Refusal
	if !errors.As(err, &refusal) || refusal.Code != meeting.CodeTooFew {
		t.Errorf("with one left: %v", err)
	}
}

// TestTaken: a worker that was not heard of for long finds that another has its event, whatever it tries.
func TestTaken(t *testing.T) {
	t.Parallel()
	g, e := gather(t)
	g.store.Clock = func() time.Time { return time.Now().Add(time.Minute) }
	taken := g.arrive(t, "A", g.places["A"], 2)
	if taken.Action != meeting.Work || taken.Event.Begun() != 1 || taken.Event.Tries() != 2 || taken.Event.ID() != e.ID() {
		t.Fatalf("%+v", taken)
	}
	ctx := t.Context()
	for name, err := range map[string]error{
		"beat": e.Beat(ctx), "give back": e.GiveBack(ctx, 0), "refuse": e.Refuse(ctx, "x", "y"),
		"lose": e.Lose(ctx, func(meeting.Place) bool { return false }),
	} {
		if !errors.Is(err, meeting.ErrTaken) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := e.Finish(ctx, g.places["C"]); err != nil { // its fix is the same
		t.Error(err)
	}
	if o := g.arrive(t, "B", g.places["B"], 2); o.Action != meeting.Acknowledge {
		t.Errorf("after the fix: %+v", o)
	}
	if g.store.Has(g.places["A"]) || g.store.Has(g.places["B"]) || !g.store.Has(g.places["C"]) {
		t.Error("the others are to be gone, and not the one in hand")
	}
}

// TestBeat: who says that work goes on keeps others from it for another AckWait.
func TestBeat(t *testing.T) {
	t.Parallel()
	g, e := gather(t)
	start := time.Now()
	g.store.Clock = func() time.Time { return start.Add(25 * time.Second) }
	if err := e.Beat(t.Context()); err != nil {
		t.Fatal(err)
	}
	g.store.Clock = func() time.Time { return start.Add(50 * time.Second) }
	if o := g.arrive(t, "A", g.places["A"], 2); o.Action != meeting.Wait || o.Delay != 5*time.Second {
		t.Errorf("%+v", o)
	}
}

// TestGiveBack: after a passing failure the next one begins when the delay is over, and nobody is suspected.
func TestGiveBack(t *testing.T) {
	t.Parallel()
	g, e := gather(t)
	start := time.Now()
	g.store.Clock = func() time.Time { return start }
	if err := e.GiveBack(t.Context(), 10*time.Second); err != nil {
		t.Fatal(err)
	}
	if o := g.arrive(t, "A", g.places["A"], 2); o.Action != meeting.Wait || o.Delay != 10*time.Second {
		t.Errorf("at once: %+v", o)
	}
	g.store.Clock = func() time.Time { return start.Add(10 * time.Second) }
	if o := g.arrive(t, "A", g.places["A"], 3); o.Action != meeting.Work || o.Event.Begun() != 0 || o.Event.Tries() != 2 {
		t.Errorf("after it: %+v", o)
	}
}

func TestRefuse(t *testing.T) {
	t.Parallel()
	g, e := gather(t)
	if err := e.Refuse(t.Context(), "no_baseline", "they stand in one place"); err != nil {
		t.Fatal(err)
	}
	o := g.arrive(t, "A", g.places["A"], 2)
	if o.Action != meeting.Bury || o.Code != "no_baseline" || o.Reason != "they stand in one place" || o.Ended == nil || o.Ended.ID(o.Key) != e.ID() || o.Refuses {
		t.Errorf("%+v", o)
	}
	if open := g.store.OpenKeys(); len(open) > 0 {
		t.Errorf("open: %v", open)
	}
	if o = g.arrive(t, "A", meeting.Place{Sequence: 9, Stored: 1e18}, 1); o.Action != meeting.Wait || !o.Joined {
		t.Errorf("a replay: %+v", o)
	}
}

// TestHeard: without a roster those are waited for that were heard before, of whom there must be enough.
func TestHeard(t *testing.T) {
	t.Parallel()
	store := meetingtest.New()
	now := time.Now()
	store.Clock = func() time.Time { return now }
	g := &gathering{store: store, table: meeting.NewTable(store, meeting.Networks{Default: meeting.DefaultRules()})}
	put := func(sequence int, station string) meeting.Outcome {
		now = now.Add(10 * time.Millisecond)
		return g.arrive(t, station, meeting.Place{Sequence: uint64(sequence), Stored: now.UnixNano()}, 1)
	}
	for i, station := range []string{"A", "B", "C", "D"} {
		if o := put(i+1, station); o.Action != meeting.Wait {
			t.Fatalf("the first event, of which nobody was heard before: %s: %+v", station, o)
		}
	}
	now = now.Add(5 * time.Second)
	o := g.arrive(t, "A", meeting.Place{Sequence: 1, Stored: now.Add(-5*time.Second - 30*time.Millisecond).UnixNano()}, 2)
	if o.Action != meeting.Work || !o.Event.Entry().Partial {
		t.Fatalf("after the window: %+v", o)
	}
	if err := o.Event.Refuse(t.Context(), "x", "y"); err != nil { // so that the next may have the same key
		t.Fatal(err)
	}
	for i, station := range []string{"D", "C", "B", "A"} {
		o = put(i+11, station)
		if o.Action == meeting.Work != (station == "A") {
			t.Errorf("the second event: %s: %+v", station, o)
		}
	}
	if o.Event == nil || o.Event.Entry().Partial {
		t.Errorf("the second event: %+v", o)
	}
}

// TestCrowded: where others always come first a capture fails, and comes again.
func TestCrowded(t *testing.T) {
	t.Parallel()
	g, _ := gather(t)
	g.store.Before = func(call string) error {
		if call == "write" {
			return meeting.ErrConflict
		}
		return nil
	}
	arrival := meeting.Arrival{Network: "net", Event: "y", Frequency: 1, Capture: meeting.Member{Place: meeting.Place{Sequence: 1, Stored: 1}, Station: "A", ID: "x", Start: 1, End: 1, Size: 1}}
	if _, err := g.table.Arrive(t.Context(), arrival); err == nil || errors.Is(err, meeting.ErrConflict) {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := g.table.Arrive(ctx, arrival); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// TestForeignEntry: an entry of a later version stops nothing but its own captures.
func TestForeignEntry(t *testing.T) {
	t.Parallel()
	g, _ := gather(t)
	if _, err := g.store.Write(t.Context(), meeting.KeyOfEvent("net", "z"), []byte(`{"v":2}`), 0); err != nil {
		t.Fatal(err)
	}
	_, err := g.table.Arrive(t.Context(), meeting.Arrival{Network: "net", Event: "z", Frequency: 1})
	if err == nil {
		t.Error("it is taken for an entry")
	}
}
