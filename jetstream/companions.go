package jetstream

import (
	"context"

	"foxhunt/meeting"
	"foxhunt/messages"
)

// mostEvents bounds the open events, and markers of those that are over, that are read to tell how many captures wait for their
// companions; of more than these a part is told.
const mostEvents = 50_000

// setCompanions tells which captures wait for others of their event, and not for a worker: the members of the events that are
// open. Where there is no bucket of events, or this user may not read it, that is not known.
func (c *Conn) setCompanions(ctx context.Context, lag *Lag, t Topology) error {
	stream, filter := bucketStream+t.Meetings.Bucket, bucketSubjects(t.Meetings.Bucket)
	waiting, open := map[string]uint64{}, uint64(0)
	info, err := c.streamInfo(ctx, stream, "")
	if err == nil && info.State.Msgs > 0 {
		_, err = c.eachStored(ctx, stream, filter, mostEvents, func(m StreamMessage) {
			if !isRemoved(m) {
				open++
				countMembers(waiting, filter, m)
			}
		})
	}
	if err != nil {
		e := c.explain(stream, err)
		if e.Code == CodeRefused || e.Code == CodeNoStream {
			return nil
		}
		return e
	}
	lag.EventsOpen = &open
	for i := range lag.Subjects {
		s := &lag.Subjects[i]
		s.Companions = min(waiting[s.Subject], s.Lag) // they may have gone meanwhile
		lag.Companions += s.Companions
	}
	return nil
}

// countMembers counts an open event's members by their subjects. Anybody may have written the entry.
func countMembers(waiting map[string]uint64, filter string, m StreamMessage) {
	key, err := meeting.ParseKey(keyOf(filter, m.Subject))
	if err != nil {
		return
	}
	entry, err := meeting.DecodeEntry(m.Data)
	if err != nil || entry.State != meeting.Open {
		return
	}
	for _, member := range entry.Members {
		if subject, err := messages.CaptureSubject(key.Network, member.Station); err == nil {
			waiting[subject]++
		}
	}
}

// keyOf is the key of a subject that filter, a bucket's subjects, matches.
func keyOf(filter, subject string) string {
	prefix := len(filter) - len(">")
	if len(subject) < prefix {
		return ""
	}
	return subject[prefix:]
}
