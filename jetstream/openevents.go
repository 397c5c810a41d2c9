package jetstream

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"

	"foxhunt/meeting"
)

// Read gives an open event's entry and its revision. In slots that is the revision of the whole group, on which all writes
// there are conditional. Writes on an own key's condition and on the group's must not be mixed: with several replicas
// nats-server 2.15 compares a condition with what is stored and, of what is on the way to that, with conditions on the same
// subject only. So one of two writes at once was lost, in 163 of 200 races of six against six; with one kind alone in none.
func (m *Meetings) Read(ctx context.Context, key meeting.Key) (value []byte, revision uint64, err error) {
	if key.IsSlot() {
		values, revision, err := m.ReadGroup(ctx, key.Network, key.Group, []string{key.Name})
		if err != nil {
			return nil, 0, err
		}
		return values[0], revision, nil
	}
	return m.open.read(ctx, key.String())
}

// Write writes an open event's entry if its revision is still the one given, else [meeting.ErrConflict].
func (m *Meetings) Write(ctx context.Context, key meeting.Key, value []byte, revision uint64) (uint64, error) {
	within := m.open.subject(key.String())
	if key.IsSlot() {
		within = m.groupSubject(key.Network, key.Group)
	}
	return m.open.write(ctx, key.String(), value, within, revision)
}

// Remove drops an open event's entry if nobody has written it since the revision given, else [meeting.ErrConflict], as also
// where it is gone already.
func (m *Meetings) Remove(ctx context.Context, key meeting.Key, revision uint64) error {
	own := m.open.subject(key.String())
	if !key.IsSlot() {
		return m.open.remove(ctx, key.String(), own, revision)
	}
	group, within := revision, m.groupSubject(key.Network, key.Group)
	for {
		err := m.open.remove(ctx, key.String(), within, group)
		if !errors.Is(err, meeting.ErrConflict) {
			return err
		}
		last, err := m.open.last(ctx, within) // before the entry is read
		if err != nil {
			return err
		}
		entry, err := m.open.last(ctx, own)
		if err != nil {
			return err
		}
		if entry.Sequence > revision || isRemoved(entry) {
			return meeting.ErrConflict
		}
		group = last.Sequence
		if !sleep(ctx, jitter(removePause)) {
			return ctx.Err()
		}
	}
}

// removePause is how long a removal waits for others that write to slots of its group.
const removePause = 5 * time.Millisecond

// ReadGroup is Read for several names of one group of slots. The group's revision is read first: what is written between that
// and the reading of the entries makes a write by it a conflict.
func (m *Meetings) ReadGroup(ctx context.Context, network, group string, names []string) (values [][]byte, revision uint64, err error) {
	last, err := m.open.last(ctx, m.groupSubject(network, group))
	if err != nil {
		return nil, 0, err
	}
	values = make([][]byte, len(names))
	if last.Sequence == 0 {
		return values, 0, nil
	}
	var reading errgroup.Group
	reading.SetLimit(together)
	for i, name := range names {
		reading.Go(func() (err error) {
			values[i], _, err = m.open.read(ctx, network+"."+group+"."+name)
			return err
		})
	}
	return values, last.Sequence, reading.Wait()
}

func (m *Meetings) groupSubject(network, group string) string {
	return m.open.subject(network + "." + group + ".*")
}

// Ended gives the entry of an event that ended, and its revision; nil and 0: none.
func (m *Meetings) Ended(ctx context.Context, key meeting.Key) (value []byte, revision uint64, err error) {
	met := bucketEntries{m.conn, bucketOf(m.topology.Met.Name)}
	return met.read(ctx, key.String())
}

// End keeps the entry of an event that ended in the place of the one with the revision, else [meeting.ErrConflict]. The oldest go
// where there is no room.
func (m *Meetings) End(ctx context.Context, key meeting.Key, value []byte, revision uint64) error {
	met := bucketEntries{m.conn, bucketOf(m.topology.Met.Name)}
	_, err := met.write(ctx, key.String(), value, met.subject(key.String()), revision)
	return err
}
