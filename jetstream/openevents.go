package jetstream

import (
	"context"

	"golang.org/x/sync/errgroup"

	"foxhunt/meeting"
)

// Read gives an open event's entry and the revision of its key.
func (m *Meetings) Read(ctx context.Context, key meeting.Key) (value []byte, revision uint64, err error) {
	return m.open.read(ctx, key.String())
}

// Write writes an open event's entry if the key's revision is still the one given, else [meeting.ErrConflict].
func (m *Meetings) Write(ctx context.Context, key meeting.Key, value []byte, revision uint64) (uint64, error) {
	return m.open.write(ctx, key.String(), value, m.open.subject(key.String()), revision)
}

// Remove drops an open event's entry if its revision is still the one given, else [meeting.ErrConflict], as also where it is
// gone already.
func (m *Meetings) Remove(ctx context.Context, key meeting.Key, revision uint64) error {
	return m.open.remove(ctx, key.String(), revision)
}

// ReadGroup is Read for several names of one group, and before them for the last revision of the whole group.
func (m *Meetings) ReadGroup(ctx context.Context, network, group string, names []string) (values [][]byte, revisions []uint64, groupRevision uint64, err error) {
	last, err := m.open.last(ctx, m.groupSubject(network, group))
	if err != nil {
		return nil, nil, 0, err
	}
	values, revisions = make([][]byte, len(names)), make([]uint64, len(names))
	if last.Sequence == 0 {
		return values, revisions, 0, nil
	}
	var reading errgroup.Group
	reading.SetLimit(together)
	for i, name := range names {
		reading.Go(func() (err error) {
			values[i], revisions[i], err = m.Read(ctx, meeting.Key{Network: network, Group: group, Name: name})
			return err
		})
	}
	return values, revisions, last.Sequence, reading.Wait()
}

// WriteInGroup is Write on the condition that nothing was written in the whole group since groupRevision. The key's own revision
// is then the one that was read after it.
func (m *Meetings) WriteInGroup(ctx context.Context, key meeting.Key, value []byte, _, groupRevision uint64) (uint64, error) {
	return m.open.write(ctx, key.String(), value, m.groupSubject(key.Network, key.Group), groupRevision)
}

func (m *Meetings) groupSubject(network, group string) string {
	return m.open.subject(network + "." + group + ".*")
}

// Ended gives the entry of an event that ended; nil: none.
func (m *Meetings) Ended(ctx context.Context, key meeting.Key) ([]byte, error) {
	met := bucketEntries{m.conn, bucketOf(m.topology.Met.Name)}
	value, _, err := met.read(ctx, key.String())
	return value, err
}

// End keeps the entry of an event that ended, in the place of any before it. The oldest go where there is no room.
func (m *Meetings) End(ctx context.Context, key meeting.Key, value []byte) error {
	met := bucketEntries{m.conn, bucketOf(m.topology.Met.Name)}
	return met.put(ctx, key.String(), value)
}
