package meeting_test

import (
	"slices"
	"testing"
	"time"

	"foxhunt/meeting"
	"foxhunt/meeting/meetingtest"
)

// TestOneAtFault has three stations hear an emission for two seconds, and a fourth, D, which knows their event's name, publish
// something else beside them, before or after: the others have their fix.
func TestOneAtFault(t *testing.T) {
	t.Parallel()
	short := func(a *meeting.Arrival) { a.Capture.End = a.Capture.Start + int64(time.Millisecond) }
	slow := func(a *meeting.Arrival) { a.Capture.Rate = 1000 }
	tuned := func(a *meeting.Arrival) { a.Frequency += 5 }
	for name, c := range map[string]struct {
		at    int           // when D comes, among the others
		early time.Duration // before the others
		fault func(*meeting.Arrival)
		code  string // of D's dead letter
	}{
		"the first is short":               {0, 0, short, meeting.CodeNoOverlap},
		"the last is short":                {3, 0, short, meeting.CodeNoOverlap},
		"the first is slow":                {0, 0, slow, meeting.CodeRateMismatch},
		"the last is slow":                 {3, 0, slow, meeting.CodeRateMismatch},
		"the first is on another":          {0, 0, tuned, meeting.CodeFrequencyMismatch},
		"the second is on another":         {1, 0, tuned, meeting.CodeFrequencyMismatch},
		"the last is on another":           {3, 0, tuned, meeting.CodeFrequencyMismatch},
		"the first opens it early":         {0, 4900 * time.Millisecond, tuned, meeting.CodeTooFew},
		"the first opens it in its time":   {0, 4900 * time.Millisecond, func(*meeting.Arrival) {}, meeting.CodeTooFew},
		"the first opens it half a window": {0, 2600 * time.Millisecond, short, meeting.CodeNoOverlap},
	} {
		f := &faults{t: t, name: name, now: time.Unix(1_780_000_000, 0), store: meetingtest.New()}
		f.store.Clock = func() time.Time { return f.now }
		f.table = meeting.NewTable(f.store, meeting.Networks{Default: meeting.DefaultRules()})
		stations := slices.Insert([]string{"A", "B", "C"}, c.at, "D")
		start := f.now.Add(c.early)
		for i, station := range stations {
			if i == 1 {
				f.passTo(start)
			}
			f.passTo(f.now.Add(100 * time.Millisecond))
			a := raceArrival(station, "e", uint64(i+1), start.UnixNano())
			a.Capture.Stored, a.Capture.End = f.now.UnixNano(), a.Capture.Start+int64(2*time.Second)
			a.Capture.Rate = 250e3
			if station == "D" {
				c.fault(&a)
			}
			f.arrive(a)
		}
		f.passTo(f.now.Add(2 * time.Minute))
		if string(f.located) != "ABC" || !slices.Equal(f.dead, []string{"D " + c.code}) {
			t.Errorf("%s: located are %q, and dead letters %q; want D %s", name, f.located, f.dead, c.code)
		}
	}
}

// faults is a stream whose captures come back when it is time.
type faults struct {
	t       *testing.T
	name    string
	now     time.Time
	store   *meetingtest.Store
	table   *meeting.Table
	waiting []meeting.Arrival
	due     []time.Time
	located []byte
	dead    []string
}

// passTo lets time go by, and captures come back in it.
func (f *faults) passTo(then time.Time) {
	for {
		next := -1
		for i := range f.due {
			if !f.due[i].After(then) && (next < 0 || f.due[i].Before(f.due[next])) {
				next = i
			}
		}
		if next < 0 {
			f.now = then
			return
		}
		a := f.waiting[next]
		a.Deliveries++
		f.now = f.due[next]
		f.waiting, f.due = slices.Delete(f.waiting, next, next+1), slices.Delete(f.due, next, next+1)
		f.arrive(a)
	}
}

func (f *faults) arrive(a meeting.Arrival) {
	o, err := f.table.Arrive(f.t.Context(), a)
	if err != nil {
		f.t.Fatalf("%s: %v", f.name, err)
	}
	switch o.Action {
	case meeting.Wait:
		f.waiting, f.due = append(f.waiting, a), append(f.due, f.now.Add(o.Delay))
	case meeting.Bury:
		f.dead = append(f.dead, a.Capture.Station+" "+o.Code)
	case meeting.Work:
		for _, m := range o.Event.Entry().Chosen() {
			f.located = append(f.located, m.Station...)
		}
		if err := o.Event.Finish(f.t.Context(), a.Capture.Place); err != nil {
			f.t.Fatal(err)
		}
		if code, _ := o.Event.Entry().LeftOut(a.Capture.Place); code != "" {
			f.dead = append(f.dead, a.Capture.Station+" "+code)
		}
	}
}
