package meeting_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"foxhunt/meeting"
	"foxhunt/meeting/meetingtest"
)

// letters are captures before a table whose workers die once they have written a dead letter, so that they come back.
type letters struct {
	t     *testing.T
	store *meetingtest.Store
	now   time.Time
	start int64
}

func newLetters(t *testing.T) *letters {
	l := &letters{t: t, store: meetingtest.New(), now: time.Unix(1_780_000_000, 0)}
	l.start = l.now.UnixNano()
	l.store.Clock = func() time.Time { return l.now }
	return l
}

// come has a worker of its own receive a capture.
func (l *letters) come(station string, sequence uint64, deliveries int, want meeting.Action) meeting.Outcome {
	l.t.Helper()
	return arrive(l.t, raceTable(l.store), l.arrival(station, sequence, deliveries), want)
}

func (l *letters) arrival(station string, sequence uint64, deliveries int) meeting.Arrival {
	a := raceArrival(station, "e", sequence, l.start)
	a.Capture.Stored, a.Capture.ID, a.Deliveries = l.start+int64(sequence), fmt.Sprint("capture-", sequence), deliveries
	return a
}

// refuse has a capture open an event and be alone in it.
func (l *letters) refuse(station string, sequence uint64) meeting.Outcome {
	l.t.Helper()
	l.come(station, sequence, 1, meeting.Wait)
	l.now = l.now.Add(5 * time.Second)
	return l.come(station, sequence, 2, meeting.Bury)
}

// TestBuriedStaysBuried: a capture that has its dead letter gets the same again, however many events came after the one that was
// refused with it, and is in none of them; a replay of it is another capture.
func TestBuriedStaysBuried(t *testing.T) {
	t.Parallel()
	l := newLetters(t)
	first := l.refuse("a", 1)
	l.refuse("c", 2)
	l.refuse("b", 3)
	for _, what := range []string{"with nothing open", "beside an open event"} {
		o := l.come("a", 1, 3, meeting.Bury)
		if o.Code != meeting.CodeTooFew || o.Refuses || o.Ended == nil || o.Ended.ID(o.Key) != first.Ended.ID(first.Key) {
			t.Errorf("%s: %+v; want %s, of the event that it was in", what, o, meeting.CodeTooFew)
		}
		if what == "with nothing open" {
			l.come("b", 4, 1, meeting.Wait)
		}
	}
	event := l.come("a", 5, 1, meeting.Work).Event
	if err := event.Finish(t.Context(), event.Entry().Members[1].Place); err != nil {
		t.Fatal(err)
	}
	if o := l.come("a", 1, 4, meeting.Bury); o.Code != meeting.CodeTooFew {
		t.Errorf("after the fix of the replay: %+v", o)
	}
}

// TestNotTakenStaysBuried: so does one that an event did not take, which was refused then.
func TestNotTakenStaysBuried(t *testing.T) {
	t.Parallel()
	l := newLetters(t)
	l.come("a", 1, 1, meeting.Wait)
	l.come("a", 2, 1, meeting.Bury)
	l.now = l.now.Add(5 * time.Second)
	l.come("a", 1, 2, meeting.Bury)
	for deliveries := 2; deliveries <= 3; deliveries++ {
		if o := l.come("a", 2, deliveries, meeting.Bury); o.Code != meeting.CodeRepeatedStation || o.Ended != nil {
			t.Errorf("%+v; want %s", o, meeting.CodeRepeatedStation)
		}
		l.refuse("b", uint64(deliveries+1))
	}
}

// TestFloodOfRepeats: a station that sends capture after capture into an event costs what is known of its own, and not of the
// others': theirs have their dead letter, and no other.
func TestFloodOfRepeats(t *testing.T) {
	t.Parallel()
	l := newLetters(t)
	l.refuse("b", 1)
	l.come("a", 2, 1, meeting.Wait)
	for sequence := range uint64(200) {
		l.come("a", 3+sequence, 1, meeting.Bury)
	}
	l.now = l.now.Add(5 * time.Second)
	l.come("a", 2, 2, meeting.Bury)
	if o := l.come("b", 1, 3, meeting.Bury); o.Code != meeting.CodeTooFew || o.Ended == nil {
		t.Errorf("the other station's: %+v", o)
	}
	if o := l.come("a", 202, 2, meeting.Bury); o.Code != meeting.CodeRepeatedStation {
		t.Errorf("its own last: %+v", o)
	}
}

// TestLetterWhileOthersMeet has a worker pause when it is about to write the letter of another capture of the event that it
// refused: events come and go meanwhile, none has that capture, and it is told the same.
func TestLetterWhileOthersMeet(t *testing.T) {
	t.Parallel()
	l := newLetters(t)
	a := l.arrival("a", 1, 1).Capture.Place
	l.store.Put(a, &meeting.Message{})
	l.come("a", 1, 1, meeting.Wait)
	event := l.come("b", 2, 1, meeting.Work).Event
	if err := event.Refuse(t.Context(), "no_baseline", "a sentence"); err != nil {
		t.Fatal(err)
	}
	letters := 0
	err := raceTable(l.store).BuryOthers(t.Context(), event.Key, event.Entry(), event.Entry().Members[1].Place,
		func(meeting.Member, *meeting.Message, string, string) (bool, error) {
			letters++
			l.now = l.now.Add(time.Second)
			l.refuse("c", 3)
			l.refuse("d", 4)
			l.come("b", 5, 1, meeting.Wait)
			if o := l.come("a", 1, 2, meeting.Bury); o.Code != "no_baseline" || o.Refuses {
				t.Errorf("it comes back: %+v", o)
			}
			return true, nil
		})
	if err != nil || letters != 1 || l.store.Has(a) {
		t.Errorf("%d letters, left in the stream: %v, %v", letters, l.store.Has(a), err)
	}
}

// TestComesWhileLocated: whether a capture is late is known when its event has ended.
func TestComesWhileLocated(t *testing.T) {
	t.Parallel()
	for _, fixed := range []bool{true, false} {
		l := newLetters(t)
		l.come("a", 1, 1, meeting.Wait)
		event := l.come("b", 2, 1, meeting.Work).Event
		if o := l.come("c", 3, 1, meeting.Wait); o.Joined {
			t.Error("it joined a closed event")
		}
		if !fixed {
			if err := event.Refuse(t.Context(), "no_baseline", "a sentence"); err != nil {
				t.Fatal(err)
			}
			if o := l.come("c", 3, 2, meeting.Wait); !o.Joined {
				t.Error("it may not begin an event after a refusal")
			}
			continue
		}
		if err := event.Finish(t.Context(), event.Entry().Members[1].Place); err != nil {
			t.Fatal(err)
		}
		if o := l.come("c", 3, 2, meeting.Bury); o.Code != meeting.CodeLate {
			t.Errorf("after the fix: %+v", o)
		}
	}
}

// paused reads which events have ended, and then pauses before it reads the open one.
type paused struct {
	*meetingtest.Store
	once      sync.Once
	read      chan struct{}
	meanwhile func()
}

func (p *paused) Ended(ctx context.Context, key meeting.Key) ([]byte, uint64, error) {
	defer p.once.Do(func() { close(p.read) })
	return p.Store.Ended(ctx, key)
}

func (p *paused) Read(ctx context.Context, key meeting.Key) ([]byte, uint64, error) {
	<-p.read
	p.meanwhile()
	return p.Store.Read(ctx, key)
}

// TestBuriedWhileItsWorkerPaused has a capture become a dead letter between the two readings of a worker that had it before, and
// then another event begin, or be refused.
func TestBuriedWhileItsWorkerPaused(t *testing.T) {
	t.Parallel()
	for _, refused := range []bool{false, true} {
		l := newLetters(t)
		l.come("a", 1, 1, meeting.Wait)
		l.now = l.now.Add(5 * time.Second)
		slow := &paused{Store: l.store, read: make(chan struct{}), meanwhile: func() {
			l.come("a", 1, 3, meeting.Bury)
			if refused {
				l.refuse("b", 2)
			} else {
				l.come("b", 2, 1, meeting.Wait)
			}
		}}
		if o := arrive(t, raceTable(slow), l.arrival("a", 1, 2), meeting.Bury); o.Code != meeting.CodeTooFew {
			t.Errorf("the other event was refused: %v: %+v", refused, o)
		}
	}
}

// hung is a store before which a worker hangs when it ends an event.
type hung struct {
	*meetingtest.Store
	once      sync.Once
	meanwhile func()
}

func (h *hung) End(ctx context.Context, key meeting.Key, value []byte, revision uint64) error {
	h.once.Do(h.meanwhile)
	return h.Store.End(ctx, key, value, revision)
}

// TestEndThatHung: what a worker meant to keep of an event that was refused does not have the fix of a later one forgotten.
func TestEndThatHung(t *testing.T) {
	t.Parallel()
	l := newLetters(t)
	l.come("a", 1, 1, meeting.Wait)
	l.now = l.now.Add(5 * time.Second)
	slow := &hung{Store: l.store, meanwhile: func() {
		l.come("a", 1, 3, meeting.Bury)
		l.come("b", 2, 1, meeting.Wait)
		event := l.come("a", 3, 1, meeting.Work).Event
		if err := event.Finish(t.Context(), event.Entry().Members[1].Place); err != nil {
			t.Fatal(err)
		}
	}}
	arrive(t, raceTable(slow), l.arrival("a", 1, 2), meeting.Bury)
	l.come("b", 2, 2, meeting.Acknowledge)
	if o := l.come("a", 1, 4, meeting.Bury); o.Code != meeting.CodeTooFew {
		t.Errorf("the capture of the event that was refused: %+v", o)
	}
}

// TestGoneWithTheFix has a worker come on with an event that another has ended meanwhile, whose captures are gone for that reason.
func TestGoneWithTheFix(t *testing.T) {
	t.Parallel()
	l := newLetters(t)
	for sequence := range uint64(2) {
		l.store.Put(meeting.Place{Sequence: sequence + 1, Stored: l.start + int64(sequence+1)}, &meeting.Message{})
	}
	l.come("a", 1, 1, meeting.Wait)
	first := l.come("b", 2, 1, meeting.Work).Event
	l.now = l.now.Add(time.Minute)
	second := l.come("b", 2, 2, meeting.Work).Event
	inHand := second.Entry().Members[1].Place
	if err := first.Finish(t.Context(), inHand); err != nil {
		t.Fatal(err)
	}
	if _, _, err := second.Fetch(t.Context(), inHand); !errors.Is(err, meeting.ErrTaken) {
		t.Errorf("the captures of an event that has its fix: %v", err)
	}
	l.come("b", 2, 3, meeting.Acknowledge)
	l.come("a", 1, 2, meeting.Acknowledge)
}
