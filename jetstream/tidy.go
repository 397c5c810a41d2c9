package jetstream

import (
	"context"
	"errors"
	"time"

	"foxhunt/meeting"
)

// tidyTime bounds one look through the open events.
const tidyTime = time.Minute

// keepTidy removes the open entries of events that ended, now and whenever the connection came back: a server that was killed
// may forget a removal, see bucketEntries.remove.
func (m *Meetings) keepTidy(ctx context.Context) {
	done := uint64(0)
	for first := true; first || sleep(ctx, time.Second); first = false {
		now := m.conn.Reconnects() + 1
		if now == done {
			continue
		}
		if err := m.tidy(ctx); err == nil {
			done = now
		} else if ctx.Err() == nil {
			m.conn.log.Debug("open events could not be looked through, trying again", "error", err)
		}
	}
}

// tidy removes the open entries of events that ended. Where their workers live and are just about to, nothing is lost by it.
func (m *Meetings) tidy(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, tidyTime)
	defer cancel()
	opened := map[string]int64{}
	revisions := map[string]uint64{}
	prefix := m.open.subject("")
	_, err := m.conn.eachStored(ctx, m.open.stream(), bucketSubjects(m.open.bucket), mostOpen, func(s StreamMessage) {
		if e, err := meeting.DecodeEntry(s.Data); err == nil {
			key := s.Subject[len(prefix):]
			opened[key], revisions[key] = e.Opened, s.Sequence
		}
	})
	if err != nil {
		return err
	}
	for name, at := range opened {
		if err := m.tidyEvent(ctx, name, at, revisions[name]); err != nil {
			return err
		}
	}
	return nil
}

// mostOpen bounds how many open events are looked through.
const mostOpen = 100_000

// tidyEvent removes an open entry if the event that was opened then has ended.
func (m *Meetings) tidyEvent(ctx context.Context, name string, opened int64, revision uint64) error {
	key, err := meeting.ParseKey(name)
	if err != nil {
		return nil // nobody reads it
	}
	value, err := m.Ended(ctx, key)
	if err != nil || value == nil {
		return err
	}
	ended, err := meeting.DecodeEntry(value)
	if err != nil || ended.Opened != opened {
		return nil
	}
	if err := m.Remove(ctx, key, revision); !errors.Is(err, meeting.ErrConflict) {
		return err
	}
	return nil
}
