package meeting_test

import (
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"foxhunt/meeting"
	"foxhunt/meeting/meetingtest"
)

// arrival is a station's capture, for an event or, without one, for a slot.
func raceArrival(station, event string, sequence uint64, start int64) meeting.Arrival {
	return meeting.Arrival{
		Network: "n", Event: event, Frequency: 145e6, Deliveries: 1, Attempts: 12, Least: 2, Most: 32,
		Capture: meeting.Member{
			Place: meeting.Place{Sequence: sequence, Stored: time.Now().UnixNano()}, Station: station, ID: "capture-of-" + station,
			Start: start, End: start + int64(time.Second), Size: 1000,
		},
	}
}

func raceTable(store meeting.Store) *meeting.Table {
	rules := meeting.DefaultRules()
	rules.MinReceivers, rules.Stations = 2, []string{"a", "b"}
	return meeting.NewTable(store, meeting.Networks{Default: rules})
}

func arrive(t *testing.T, table *meeting.Table, a meeting.Arrival, want meeting.Action) meeting.Outcome {
	t.Helper()
	o, err := table.Arrive(t.Context(), a)
	if err != nil || o.Action != want {
		t.Fatalf("the capture of %s: %+v, %v; want action %d", a.Capture.Station, o, err, want)
	}
	return o
}

// TestEndsBetweenReadings has an event end after a latecomer's worker has read that it has not, and before it reads the open
// event.
func TestEndsBetweenReadings(t *testing.T) {
	store := meetingtest.New()
	table := raceTable(store)
	start := time.Now().UnixNano()
	arrive(t, table, raceArrival("a", "e", 1, start), meeting.Wait)
	event := arrive(t, table, raceArrival("b", "e", 2, start), meeting.Work).Event
	late := raceTable(store)
	read := make(chan struct{})
	var ended int
	store.Before = func(call string) error {
		switch call {
		case "ended":
			if ended++; ended == 1 {
				close(read)
			}
		case "read":
			<-read
			store.Before = nil
			if err := event.Finish(t.Context(), meeting.Place{Sequence: 2}); err != nil {
				t.Error(err)
			}
		}
		return nil
	}
	if o := arrive(t, late, raceArrival("c", "e", 3, start), meeting.Bury); o.Code != meeting.CodeLate {
		t.Errorf("the latecomer: %+v; want %s", o, meeting.CodeLate)
	}
}

// TestOtherSlotsDoNotTakeAnEvent writes another entry of the group while an event is worked on: its revision is the group's.
func TestOtherSlotsDoNotTakeAnEvent(t *testing.T) {
	store := meetingtest.New()
	table := raceTable(store)
	start := time.Unix(1_780_000_000, 0).UnixNano()
	arrive(t, table, raceArrival("a", "", 1, start), meeting.Wait)
	last := raceArrival("b", "", 2, start)
	event := arrive(t, table, last, meeting.Work).Event
	arrive(t, raceTable(store), raceArrival("c", "", 3, start+int64(time.Minute)), meeting.Wait)
	if err := event.Beat(t.Context()); err != nil {
		t.Errorf("another slot's entry was written, and the event is %v", err)
	}
	other := raceTable(store)
	last.Deliveries = 2
	store.Clock = func() time.Time { return time.Now().Add(time.Hour) } // it was not heard of for long
	arrive(t, other, last, meeting.Work)
	if err := event.Beat(t.Context()); !errors.Is(err, meeting.ErrTaken) {
		t.Errorf("another worker has the event, and the first is told %v", err)
	}
}

// TestLanesDoNotConflict has the lanes of one process meet in many slots of one frequency, whose writes exclude each other: none
// is refused for another's of the same process.
func TestLanesDoNotConflict(t *testing.T) {
	t.Parallel()
	store := meetingtest.New()
	var writes atomic.Int32
	store.Before = func(call string) error {
		if call == "write" {
			writes.Add(1)
		}
		runtime.Gosched()
		return nil
	}
	table := raceTable(store)
	var lanes sync.WaitGroup
	const events = 100
	for i := range events {
		lanes.Go(func() {
			start := time.Unix(1_780_000_000+10*int64(i), 0).UnixNano()
			arrive(t, table, raceArrival("a", "", uint64(2*i+1), start), meeting.Wait)
			event := arrive(t, table, raceArrival("b", "", uint64(2*i+2), start), meeting.Work).Event
			if err := errors.Join(event.Beat(t.Context()), event.Finish(t.Context(), meeting.Place{Sequence: uint64(2*i + 2)})); err != nil {
				t.Error(err)
			}
		})
	}
	lanes.Wait()
	if open := store.OpenKeys(); len(open) > 0 {
		t.Errorf("left open: %q", open)
	}
	if got := writes.Load(); got > 4*events { // two arrive, and what tells that work goes on may know an older revision
		t.Errorf("%d writes for %d events; want 4 each", got, events)
	}
}
