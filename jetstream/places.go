package jetstream

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"foxhunt/meeting"
)

// Fetch reads captures by their places, each nil that is no longer there, or is another one. More than meeting.MaxEventBytes
// together is an error.
func (m *Meetings) Fetch(ctx context.Context, places []meeting.Place) ([]*meeting.Message, error) {
	found := make([]*meeting.Message, len(places))
	var bytes atomic.Int64
	fetching, ctx := errgroup.WithContext(ctx)
	fetching.SetLimit(together)
	for i, place := range places {
		fetching.Go(func() (err error) {
			found[i], err = m.fetch(ctx, place)
			if found[i] != nil && bytes.Add(int64(len(found[i].Data))) > meeting.MaxEventBytes {
				err = fail(CodeTooLarge, nil, "the captures of one event have more than %d bytes together", meeting.MaxEventBytes)
			}
			return err
		})
	}
	if err := fetching.Wait(); err != nil {
		return nil, err
	}
	return found, nil
}

// fetch asks any server that has the stream, and its leader where that one knows of no such capture: it may be behind.
func (m *Meetings) fetch(ctx context.Context, place meeting.Place) (*meeting.Message, error) {
	stream, request := m.topology.Captures.Name, map[string]any{"seq": place.Sequence}
	msg, err := m.conn.direct(ctx, stream, request)
	if errors.Is(err, ErrNoMessage) && m.topology.Captures.Replicas > 1 {
		msg, err = m.conn.stored(ctx, stream, request)
	}
	switch {
	case errors.Is(err, ErrNoMessage):
		return nil, nil
	case err != nil:
		return nil, m.conn.explain(stream, err)
	case msg.Time.UnixNano() != place.Stored:
		return nil, nil
	}
	return &meeting.Message{Subject: msg.Subject, Header: msg.Header, Data: msg.Data, Stored: msg.Time}, nil
}

// Delete takes captures off the stream. Those that are gone are left alone, and so are all in a stream that was made after they
// were stored. That all are still the ones of which Fetch was sure, and not others of the same sequence, is taken for granted
// otherwise: only a server that forgets what it had stored, in a power cut without sync_always, would use a sequence again.
func (m *Meetings) Delete(ctx context.Context, places []meeting.Place) error {
	if len(places) == 0 {
		return nil
	}
	stream := m.topology.Captures.Name
	info, err := m.conn.streamInfo(ctx, stream, "")
	if err != nil {
		return m.conn.explain(stream, err)
	}
	var deleting errgroup.Group
	deleting.SetLimit(together)
	for _, place := range places {
		if place.Sequence < info.State.FirstSeq || place.Sequence > info.State.LastSeq || place.StoredTime().Before(info.Created) {
			continue
		}
		deleting.Go(func() error {
			if _, err := m.conn.deleteMessage(ctx, stream, place.Sequence); err != nil {
				return m.conn.explain(stream, err)
			}
			return nil
		})
	}
	return deleting.Wait()
}

// Behind says whether captures of a network wait to be delivered for the first time that were stored before then.
func (m *Meetings) Behind(ctx context.Context, network string, then time.Time) (bool, error) {
	return m.backlog.isBefore(ctx, network, then)
}
