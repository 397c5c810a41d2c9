package meeting

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// Table is where captures meet: it reads entries, decides, and writes, again if somebody else has written meanwhile. Its
// methods are called from many goroutines.
type Table struct {
	store    Store
	networks Networks
	keys     locks
}

// NewTable makes a table; networks have been validated.
func NewTable(store Store, networks Networks) *Table { return &Table{store: store, networks: networks} }

// AckWait is how long the server waits for a worker that has a capture in hand and says nothing.
func (t *Table) AckWait() time.Duration { return t.store.AckWait() }

// Arrival is a capture of one receiver that was delivered.
type Arrival struct {
	Network    string
	Event      string // that it states; "" for none
	Frequency  float64
	Capture    Member // Left empty
	Deliveries int    // this one included
	Attempts   int    // deliveries that a capture should be done with
	Least      int    // receivers that a fix needs, beside what the rules say
	Most       int    // receivers that it takes
}

// Outcome is what is to be done about a capture that has arrived.
type Outcome struct {
	Action  Action
	Delay   time.Duration // for Wait
	Code    string        // for Bury
	Reason  string        // for Bury
	Event   *Event        // for Work: to be located, and then ended, refused or given back
	Ended   *Entry        // for Bury: the event that was refused, if that is why; nil: the capture's own fault
	Key     Key           // of the event
	Joined  bool          // the capture is now a member that was none before
	Refuses bool          // for Bury: it was this call that refused the event; also beside an error, where its end could not be kept
}

// Conflicts are passing: each means that somebody else came on.
const (
	mostConflicts  = 64
	conflictPause  = 2 * time.Millisecond
	longestPause   = 100 * time.Millisecond
	pauseDoublings = 6
)

var errCrowded = errors.New("meeting: others wrote the entry each time before this worker could")

// Arrive notes the capture in its event, and says what is to be done. An error is passing.
func (t *Table) Arrive(ctx context.Context, a Arrival) (Outcome, error) {
	rules := t.networks.For(a.Network)
	rules.MinReceivers = max(rules.MinReceivers, a.Least)
	keys := rules.Keys(a.Network, a.Event, a.Frequency, a.Capture.Start)
	unlock := t.keys.lock(keys[0])
	defer unlock()
	for attempt := range mostConflicts {
		o, err := t.attempt(ctx, &a, rules, keys)
		if err == nil && o.Action == again || errors.Is(err, ErrConflict) {
			if err := pause(ctx, attempt); err != nil {
				return Outcome{}, err
			}
			continue
		}
		return o, err
	}
	return Outcome{}, errCrowded
}

func pause(ctx context.Context, attempt int) error {
	if attempt == 0 {
		return nil
	}
	longest := min(conflictPause<<min(attempt, pauseDoublings), longestPause)
	select {
	case <-time.After(rand.N(longest)):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// attempt reads, decides and writes once.
func (t *Table) attempt(ctx context.Context, a *Arrival, rules Rules, keys []Key) (Outcome, error) {
	events, err := t.read(ctx, keys)
	if err != nil {
		return Outcome{}, err
	}
	now, err := t.store.Now(ctx)
	if err != nil {
		return Outcome{}, err
	}
	f := &events[rules.choose(&a.Capture, events)]
	v := t.view(a, rules, f, now)
	v.behind = func() (bool, error) { return t.store.Behind(ctx, a.Network, time.Unix(0, v.windowEnd(f.open))) }
	t.store.Hear(a.Network, a.Frequency, a.Capture.Station)
	d, err := v.decide()
	if err != nil {
		return Outcome{}, err
	}
	o, err := t.carryOut(ctx, f, d)
	if o.Event != nil {
		o.Event.least = rules.MinReceivers
	}
	return o, err
}

func (t *Table) view(a *Arrival, rules Rules, f *found, now time.Time) *view {
	v := &view{
		capture: a.Capture, event: a.Event, frequency: a.Frequency, deliveries: a.Deliveries, attempts: a.Attempts,
		open: f.open, ended: f.ended, rules: rules, most: a.Most, now: now.UnixNano(), ackWait: t.store.AckWait(),
	}
	v.awaited = rules.Stations
	if len(v.awaited) == 0 && f.open != nil {
		v.awaited = t.store.Heard(a.Network, f.open.frequency(), time.Unix(0, f.open.Opened))
	}
	return v
}

// read reads the entries of all keys.
func (t *Table) read(ctx context.Context, keys []Key) (events []found, err error) {
	events = make([]found, len(keys))
	open, revision := make([][]byte, len(keys)), uint64(0)
	var both errgroup.Group
	for i, key := range keys {
		both.Go(func() (err error) { events[i].last, err = t.readEnded(ctx, key); return err })
	}
	if len(keys) == 1 {
		open[0], revision, err = t.store.Read(ctx, keys[0])
	} else {
		names := []string{keys[0].Name, keys[1].Name}
		open, revision, err = t.store.ReadGroup(ctx, keys[0].Network, keys[0].Group, names)
	}
	if err := errors.Join(err, both.Wait()); err != nil {
		return nil, err
	}
	for i, key := range keys {
		f := &events[i]
		f.key, f.revision = key, revision
		if f.open, err = decodeIf(open[i]); err != nil {
			return nil, fmt.Errorf("%w (key %s)", err, key)
		}
		// Where one may begin and an entry was removed one may have ended between the two readings, and would begin anew with a
		// capture that is late, or that has its dead letter.
		if f.open == nil && f.revision != 0 && (f.ended == nil || f.ended.State == Refused) {
			if f.last, err = t.readEnded(ctx, key); err != nil {
				return nil, err
			}
		}
	}
	return events, nil
}

// readEnded reads what is kept of the last event of a key that ended.
func (t *Table) readEnded(ctx context.Context, key Key) (l last, err error) {
	value, revision, err := t.store.Ended(ctx, key)
	if err != nil {
		return last{}, err
	}
	l.endedRev = revision
	if l.ended, err = decodeIf(value); err != nil {
		return last{}, fmt.Errorf("%w (key %s)", err, key)
	}
	return l, nil
}

func decodeIf(b []byte) (*Entry, error) {
	if b == nil {
		return nil, nil
	}
	return DecodeEntry(b)
}

// carryOut writes what a decision says.
func (t *Table) carryOut(ctx context.Context, f *found, d Decision) (o Outcome, err error) {
	o = Outcome{Action: d.Action, Delay: d.Delay, Code: d.Code, Reason: d.Reason, Key: f.key, Ended: cmp.Or(d.ends, d.of), Refuses: d.ends != nil && d.write != nil}
	revision := f.revision
	if d.write != nil {
		begins := f.open == nil || d.write.Opened != f.open.Opened
		if begins {
			if err := t.store.Room(ctx); err != nil {
				return Outcome{}, err
			}
		}
		if revision, err = t.store.Write(ctx, f.key, d.write.Encode(), revision); err != nil {
			return Outcome{}, err
		}
		o.Joined = begins || len(d.write.Members) > len(f.open.Members)
	}
	if d.Action == Work {
		o.Event = &Event{table: t, Key: f.key, entry: d.write, revision: revision, last: f.last}
	}
	if d.ends != nil {
		return o, t.end(ctx, f.key, d.ends, revision, f.last)
	}
	if d.clear {
		return o, t.remove(ctx, f.key, revision)
	}
	return o, nil
}

// end keeps the entry of an event that ended, and removes the open one. The caller has the key's lock.
func (t *Table) end(ctx context.Context, key Key, e *Entry, revision uint64, before last) error {
	if err := t.keep(ctx, key, e, before); err != nil {
		return err
	}
	return t.remove(ctx, key, revision)
}

// keep keeps the entry of an event that ended, unless it was kept by another worker, or that of a later event is: a worker that has
// hung is not to have what came after it forgotten.
func (t *Table) keep(ctx context.Context, key Key, e *Entry, before last) (err error) {
	for attempt := range mostConflicts {
		if b := before.ended; b != nil && (b.Opened > e.Opened || b.Opened == e.Opened && (b.State == Done || e.State == Refused)) {
			return nil
		}
		if err = t.store.End(ctx, key, e.Encode(), before.endedRev); !errors.Is(err, ErrConflict) {
			return err
		}
		if err = pause(ctx, attempt); err != nil {
			return err
		}
		if before, err = t.readEnded(ctx, key); err != nil {
			return err
		}
	}
	return errCrowded
}

// remove removes an open entry, if nobody else has.
func (t *Table) remove(ctx context.Context, key Key, revision uint64) error {
	err := t.store.Remove(ctx, key, revision)
	if errors.Is(err, ErrConflict) {
		return nil
	}
	return err
}

// locks are mutexes by what a write is conditional on, so that the lanes of one process do not conflict: by key, or, for slots, by
// group.
type locks struct {
	mu   sync.Mutex
	held map[Key]*lock
}

type lock struct {
	sync.Mutex
	users int
}

func (l *locks) lock(key Key) (unlock func()) {
	if key.IsSlot() {
		key.Name = ""
	}
	l.mu.Lock()
	if l.held == nil {
		l.held = make(map[Key]*lock)
	}
	k := l.held[key]
	if k == nil {
		k = &lock{}
		l.held[key] = k
	}
	k.users++
	l.mu.Unlock()
	k.Lock()
	return func() {
		k.Unlock()
		l.mu.Lock()
		defer l.mu.Unlock()
		if k.users--; k.users == 0 {
			delete(l.held, key)
		}
	}
}
