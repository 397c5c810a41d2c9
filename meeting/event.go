package meeting

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"time"

	"foxhunt/messages"
)

// Event is a closed event on which work has begun in this process: it is to be ended by [Event.Finish], [Event.Refuse] or
// [Event.GiveBack]. Its methods may be called from two goroutines: one works, and one tells that work goes on.
type Event struct {
	Key   Key
	table *Table
	last  last
	least int // receivers that the fix needs

	mu       sync.Mutex
	entry    *Entry
	revision uint64
}

// ErrTaken says that another worker has the event, or it has ended: what is in hand is to be handed back, and asks anew.
var ErrTaken = errors.New("meeting: another worker has the event")

// Entry is the event's entry as it was last written. It is not to be changed.
func (e *Event) Entry() *Entry {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.entry
}

// ID is the capture id of an event's fix. It is the same whoever locates the event, and another for one that is opened
// anew under the same key.
func (e *Entry) ID(key Key) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "foxhunt event\n%s\n%d", key, e.Opened))
	return hex.EncodeToString(sum[:16])
}

// ID is the capture id of the event's fix.
func (e *Event) ID() string { return e.Entry().ID(e.Key) }

// Begun is how often work was begun and, as far as is known, never ended, this time not counted.
func (e *Event) Begun() int { return e.Entry().Begun - 1 }

// Tries is how often work on it was begun, this time included.
func (e *Event) Tries() int { return e.Entry().Tries }

// change writes the entry changed, if nobody else has written it: else ErrTaken.
func (e *Event) change(ctx context.Context, change func(*Entry)) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	defer e.table.keys.lock(e.Key)()
	changed := e.entry.clone()
	change(changed)
	for attempt := range mostConflicts {
		revision, err := e.table.store.Write(ctx, e.Key, changed.Encode(), e.revision)
		if err == nil {
			e.entry, e.revision = changed, revision
			return nil
		}
		if !errors.Is(err, ErrConflict) {
			return err
		}
		if err := e.renew(ctx); err != nil {
			return err
		}
		if err := pause(ctx, attempt); err != nil {
			return err
		}
	}
	return errCrowded
}

// renew takes the revision of an entry that is as it was left: a slot's is that of its whole group, so that another slot's
// makes a conflict, too. ErrTaken says that the entry is another one.
func (e *Event) renew(ctx context.Context) error {
	value, revision, err := e.table.store.Read(ctx, e.Key)
	switch {
	case err != nil:
		return err
	case !bytes.Equal(value, e.entry.Encode()):
		return ErrTaken
	}
	e.revision = revision
	return nil
}

// Fetch gives the captures that the fix rests on, in order of their stations' names, but for the one in hand, which is nil.
// Those that are gone from the stream the event does without from now on; where too few are left the error is a
// [*messages.Refusal]. ErrTaken says that another worker has ended the event, or works on it.
func (e *Event) Fetch(ctx context.Context, inHand Place) ([]Member, []*Message, error) {
	for {
		chosen := e.Entry().Chosen()
		if len(chosen) < e.least {
			return nil, nil, &messages.Refusal{Code: CodeTooFew, Reason: fmt.Sprintf(
				"%d captures of its event are left, as others cannot be read any more; a fix rests on at least %d", len(chosen), e.least)}
		}
		fetched, err := e.table.store.Fetch(ctx, others(chosen, inHand))
		if err != nil {
			return nil, nil, err
		}
		found, gone := make([]*Message, len(chosen)), map[Place]bool{}
		for i := range chosen {
			if chosen[i].Place == inHand {
				continue
			}
			if found[i], fetched = fetched[0], fetched[1:]; found[i] == nil {
				gone[chosen[i].Place] = true
			}
		}
		if len(gone) == 0 {
			return chosen, found, nil
		}
		if over, err := e.table.isLast(ctx, e.Key, e.Entry()); err != nil || over { // they are gone because it has its fix
			return nil, nil, cmp.Or(err, ErrTaken)
		}
		if err := e.Lose(ctx, func(p Place) bool { return gone[p] }); err != nil {
			return nil, nil, err
		}
	}
}

// others are the places of members, but for one.
func others(members []Member, inHand Place) (places []Place) {
	for i := range members {
		if members[i].Place != inHand {
			places = append(places, members[i].Place)
		}
	}
	return places
}

// Lose has the event do without captures: they are gone, or are not what the entry says.
func (e *Event) Lose(ctx context.Context, gone func(Place) bool) error {
	return e.change(ctx, func(entry *Entry) {
		for i := range entry.Members {
			if gone(entry.Members[i].Place) {
				entry.Members[i].Left = CodeLate
			}
		}
	})
}

// Beat tells the other workers that work on the event goes on.
func (e *Event) Beat(ctx context.Context) error {
	now, err := e.table.store.Now(ctx)
	if err != nil {
		return err
	}
	return e.change(ctx, func(entry *Entry) { entry.Until = now.Add(e.table.store.AckWait()).UnixNano() })
}

// GiveBack says that work has ended without a result: whoever comes after the delay begins anew.
func (e *Event) GiveBack(ctx context.Context, delay time.Duration) error {
	now, err := e.table.store.Now(ctx)
	if err != nil {
		return err
	}
	return e.change(ctx, func(entry *Entry) { entry.Begun, entry.Until = max(0, entry.Begun-1), now.Add(delay).UnixNano() })
}

// Refuse ends the event without a fix: its members become dead letters. ErrTaken says that another worker goes on with it.
func (e *Event) Refuse(ctx context.Context, code, reason string) error {
	if err := e.change(ctx, func(entry *Entry) { entry.refuse(code, reason) }); err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	defer e.table.keys.lock(e.Key)()
	return e.table.end(ctx, e.Key, e.entry, e.revision, e.last)
}

// Finish ends the event whose fix is safe: its other captures are taken off the stream, and the one in hand may be.
func (e *Event) Finish(ctx context.Context, inHand Place) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	done := e.entry.clone()
	done.State = Done
	if err := e.table.keep(ctx, e.Key, done, e.last); err != nil {
		return err
	}
	removed := make(chan error, 1)
	go func() {
		defer e.table.keys.lock(e.Key)()
		removed <- e.table.remove(ctx, e.Key, e.revision)
	}()
	return errors.Join(e.table.store.Delete(ctx, others(done.Chosen(), inHand)), <-removed)
}

// LeftOut says why the event does without one of its captures: a code and a sentence; "" where the fix rests on it.
func (e *Entry) LeftOut(p Place) (code, reason string) {
	for i := range e.Members {
		if m := &e.Members[i]; m.Place == p && m.Left != "" {
			return m.Left, leftReason(m.Left)
		}
	}
	return "", ""
}

// Holds says whether the event's fix is safe and rests on the capture.
func (e *Entry) Holds(p Place) bool {
	for i := range e.Members {
		if e.Members[i].Place == p {
			return e.State == Done && e.Members[i].Left == ""
		}
	}
	return false
}

// Ready is when nobody was waited for any more: the last of the captures was stored, or the window had passed.
func (e *Entry) Ready() time.Time {
	if e.Partial {
		return time.Unix(0, e.Closed)
	}
	last := e.Members[0].Stored
	for i := range e.Members {
		last = max(last, e.Members[i].Stored)
	}
	return time.Unix(0, last)
}

// FirstStored is when the first of the event's captures was stored: a time on which all workers agree.
func (e *Entry) FirstStored() time.Time {
	first := e.Members[0].Stored
	for i := range e.Members {
		first = min(first, e.Members[i].Stored)
	}
	return time.Unix(0, first)
}
