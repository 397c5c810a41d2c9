package jetstream

import (
	"context"
	"time"

	js "github.com/nats-io/nats.go/jetstream"

	"foxhunt/meeting"
	"foxhunt/messages"
)

// mostEvents bounds the open events, and markers of those that are over, that are read to tell how many captures wait for their
// companions; of more than these a part is told.
const mostEvents = 50_000

// setCompanions tells which captures wait for others of their event, and not for a worker: the members of the events that are
// open. Where there is no bucket of events, or this user may not read it, that is not known.
func (c *Conn) setCompanions(ctx context.Context, lag *Lag, t Topology, captures *js.StreamInfo) error {
	stream, filter := t.Meetings.Name, t.Meetings.Subjects[0]
	waiting, open := companions{subjects: map[string]uint64{}, since: captures.State.FirstTime.UnixNano()}, uint64(0)
	info, err := c.streamInfo(ctx, stream, "")
	if err == nil && info.State.Msgs > 0 {
		_, err = c.eachStored(ctx, stream, filter, mostEvents, func(m StreamMessage) {
			if !isRemoved(m) {
				open++
				waiting.add(filter, m)
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
		s.Companions = min(waiting.subjects[s.Subject], s.Lag) // they may have gone meanwhile
		lag.Companions += s.Companions
	}
	if lag.Companions > 0 && waiting.oldest != 0 {
		lag.OldestCompanionAge = age(captures, time.Unix(0, waiting.oldest))
	}
	return nil
}

// companions are the captures that wait for others of their event.
type companions struct {
	subjects map[string]uint64 // how many, by their subjects
	since    int64             // ns since 1970, when the oldest capture in the stream was stored
	oldest   int64             // and the oldest of these; 0: there is none
}

// add takes in an open event's members. Anybody may have written the entry.
func (c *companions) add(filter string, m StreamMessage) {
	key, err := meeting.ParseKey(keyOf(filter, m.Subject))
	if err != nil {
		return
	}
	entry, err := meeting.DecodeEntry(m.Data)
	if err != nil || entry.State != meeting.Open {
		return
	}
	for _, member := range entry.Members {
		if member.Left != "" { // it is a dead letter, or will be when it comes back: the others wait on without it
			continue
		}
		if subject, err := messages.CaptureSubject(key.Network, member.Station); err == nil {
			c.subjects[subject]++
			if member.Stored >= c.since && (c.oldest == 0 || member.Stored < c.oldest) { // one stored before is gone
				c.oldest = member.Stored
			}
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
