package jetstream

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"

	"foxhunt/meeting"
)

// openEvent is an open entry, as it was when it was looked for.
type openEvent struct {
	name     string // of its key
	opened   int64
	revision uint64
}

// keepTidy removes the open entries of events that ended, now and whenever the connection came back: a server that was killed
// may forget a removal, see bucketEntries.remove.
func (m *Meetings) keepTidy(ctx context.Context) {
	looked := uint64(0)
	var left []openEvent
	keepLooking(ctx, func(ctx context.Context) error {
		var err error
		if now := m.conn.Reconnects() + 1; now != looked {
			var open []openEvent
			if open, err = m.openEvents(ctx); err == nil {
				looked, left = now, open
			}
		}
		var failed error
		left, failed = eachOpen(ctx, left, m.tidyEvent)
		if err = errors.Join(err, failed); err != nil && ctx.Err() == nil {
			m.conn.log.Debug("open events could not be looked through, going on", "left", len(left), "error", err)
		}
		return err
	})
}

// How often it is looked: a reading that fails begins anew, and with many open events all workers at once would keep a server busy
// that has trouble enough.
const (
	tidyPause        = time.Second
	longestTidyPause = 30 * time.Second
)

// keepLooking calls look until ctx ends, every second, and after failures less and less often.
func keepLooking(ctx context.Context, look func(context.Context) error) {
	for pause := tidyPause; ; {
		if look(ctx) == nil {
			pause = tidyPause
		} else {
			pause = min(2*pause, longestTidyPause)
		}
		if !sleep(ctx, jitter(pause)) {
			return
		}
	}
}

// openEvents reads which events are open.
func (m *Meetings) openEvents(ctx context.Context) (open []openEvent, err error) {
	prefix := m.open.subject("")
	_, err = m.conn.eachStored(ctx, m.open.stream(), bucketSubjects(m.open.bucket), mostOpen, func(s StreamMessage) {
		if e, err := meeting.DecodeEntry(s.Data); err == nil {
			open = append(open, openEvent{s.Subject[len(prefix):], e.Opened, s.Sequence})
		}
	})
	return open, err
}

// tidyTogether is how many open events are looked at together: of 50,000 one after another would take minutes.
const tidyTogether = 16

// eachOpen calls do for events, several at once, until one fails, and returns those that are left then.
func eachOpen(ctx context.Context, events []openEvent, do func(context.Context, openEvent) error) (left []openEvent, err error) {
	for ; len(events) > 0; events = events[min(tidyTogether, len(events)):] {
		var round errgroup.Group
		for _, e := range events[:min(tidyTogether, len(events))] {
			round.Go(func() error { return do(ctx, e) })
		}
		if err := round.Wait(); err != nil {
			return events, err
		}
	}
	return nil, nil
}

// mostOpen bounds how many open events are looked through.
const mostOpen = 100_000

// tidyEvent removes an open entry if the event that was opened then has ended. Where its worker lives and is just about to, nothing
// is lost by it.
func (m *Meetings) tidyEvent(ctx context.Context, e openEvent) error {
	key, err := meeting.ParseKey(e.name)
	if err != nil {
		return nil // nobody reads it
	}
	value, _, err := m.Ended(ctx, key)
	if err != nil || value == nil {
		return err
	}
	ended, err := meeting.DecodeEntry(value)
	if err != nil || ended.Opened != e.opened {
		return nil
	}
	if err := m.Remove(ctx, key, e.revision); !errors.Is(err, meeting.ErrConflict) {
		return err
	}
	return nil
}
