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
		f := newFaults(t, name)
		stations := slices.Insert([]string{"A", "B", "C"}, c.at, "D")
		start := f.now.Add(c.early)
		for i, station := range stations {
			if i == 1 {
				f.passTo(start)
			}
			f.passTo(f.now.Add(100 * time.Millisecond))
			f.come(station, uint64(i+1), start, c.fault)
		}
		windows := f.now.Add(meeting.DefaultRules().Window) // of who was the last to come
		f.passTo(f.now.Add(2 * time.Minute))
		if string(f.located) != "ABC" || !slices.Equal(f.dead, []string{"D " + c.code}) || f.locatedAt.After(windows) {
			t.Errorf("%s: located are %q %v after the last window, and dead letters %q; want D %s", name, f.located, f.locatedAt.Sub(windows), f.dead, c.code)
		}
	}
}

// TestLetGo has D open an event, and A come at the end of its window: without D the others have a window from when A came, and no
// longer.
func TestLetGo(t *testing.T) {
	t.Parallel()
	const s = time.Second
	for name, c := range map[string]struct {
		b, c    time.Duration // when they come
		located string
		after   time.Duration
		dead    []string
	}{
		"in its window":        {6 * s, 8900 * time.Millisecond, "ABC", 9 * s, []string{"D"}},
		"after it":             {20 * s, 33 * s, "", 0, []string{"D", "A", "B", "C"}},
		"at its end once more": {8 * s, 12 * s, "", 0, []string{"D", "A", "B", "C"}},
	} {
		f := newFaults(t, name)
		start := f.now
		for i, after := range []time.Duration{0, 4 * s, c.b, c.c} {
			f.passTo(start.Add(after))
			f.come(string("DABC"[i]), uint64(i+1), start, func(*meeting.Arrival) {})
		}
		f.passTo(f.now.Add(2 * time.Minute))
		for i := range f.dead {
			f.dead[i] = f.dead[i][:1]
		}
		if string(f.located) != c.located || c.located != "" && f.locatedAt.Sub(start) != c.after || !slices.Equal(f.dead, c.dead) {
			t.Errorf("%s: located are %q after %v, and dead letters %q; want %q after %v, and %q",
				name, f.located, f.locatedAt.Sub(start), f.dead, c.located, c.after, c.dead)
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

	locatedAt time.Time
}

func newFaults(t *testing.T, name string) *faults {
	f := &faults{t: t, name: name, now: time.Unix(1_780_000_000, 0), store: meetingtest.New()}
	f.store.Clock = func() time.Time { return f.now }
	f.table = meeting.NewTable(f.store, meeting.Networks{Default: meeting.DefaultRules()})
	return f
}

// come has a station's capture come, of which D's is at fault.
func (f *faults) come(station string, sequence uint64, start time.Time, fault func(*meeting.Arrival)) {
	a := raceArrival(station, "e", sequence, start.UnixNano())
	a.Capture.Stored, a.Capture.End = f.now.UnixNano(), a.Capture.Start+int64(2*time.Second)
	a.Capture.Rate = 250e3
	if station == "D" {
		fault(&a)
	}
	f.arrive(a)
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
		f.locatedAt = f.now
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
