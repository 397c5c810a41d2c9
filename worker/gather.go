package worker

import (
	"cmp"
	"context"
	"slices"

	"foxhunt/meeting"
	"foxhunt/messages"
)

// mostCompanionBytes bounds the captures that the lanes of a worker have fetched for events, beside those that they were
// given: two of the largest events, or many of the usual size.
const mostCompanionBytes = 2 * meeting.MaxEventBytes

// gather makes the job's capture that of its whole event.
func (l *lane) gather(ctx context.Context, j *job) error {
	event := j.met.event
	if begun := event.Begun(); begun > 0 && !j.suspect {
		l.options.Log.Warn("an event whose work was begun before and never ended is located alone", "key", event.Key.String(), "begun", begun)
		j.suspect = true
		l.neighbours.goAlone(ctx) // before room is taken that others may wait for
	}
	var bytes int64
	for _, m := range event.Entry().Chosen() {
		bytes += int64(m.Size)
	}
	if err := l.companions.Acquire(ctx, bytes); err != nil {
		return err
	}
	j.met.bytes = bytes
	for {
		fetching, cancel := context.WithTimeout(ctx, meetTime)
		members, found, err := event.Fetch(fetching, j.met.place)
		cancel()
		if err != nil {
			return err
		}
		foreign := l.merge(j, members, found)
		if foreign < 0 {
			return nil
		}
		l.options.Log.Error("an event's capture is not what the event's entry says; it is located without it",
			"key", event.Key.String(), "station", members[foreign].Station, "sequence", members[foreign].Sequence)
		place := members[foreign].Place
		if err := event.Lose(ctx, func(p meeting.Place) bool { return p == place }); err != nil {
			return err
		}
	}
}

// merge makes one capture of those of an event, the same whichever of them is in hand. It returns the index of the first that
// is not what the entry says; -1: none. A session, which chooses the model, is the event's only if all are of it, and a truth, by
// which models are compared, only if all that state one agree: a single station is not to choose for the others.
func (l *lane) merge(j *job, members []meeting.Member, found []*meeting.Message) (foreign int) {
	entry := j.met.event.Entry()
	whole := messages.Capture{
		Version: messages.CaptureVersion, ID: j.met.event.ID(), Event: entry.Event, Cache: true,
		Receivers: make([]messages.Receiver, 0, len(members)),
	}
	var truth *messages.Position
	contested := false
	for i := range members {
		c, t := &j.capture, j.truth
		if found[i] != nil {
			if c = l.companion(&members[i], found[i], j.network); c == nil {
				return i
			}
			t = c.Truth
		}
		whole.Receivers = append(whole.Receivers, c.Receivers[0])
		whole.Cache = whole.Cache && c.Cache
		if i == 0 {
			whole.Frequency, whole.Session = c.Frequency, c.Session // frequencies are the same to a Hz
		}
		if c.Session != whole.Session {
			whole.Session = ""
		}
		contested = contested || t != nil && truth != nil && *t != *truth
		truth = cmp.Or(truth, t)
	}
	if contested {
		truth = nil
	}
	j.capture, j.truth = whole, truth
	j.source = messages.EventSource
	j.subject = eventSubject(j.network)
	j.met.members, j.met.stored, j.met.partial = members, entry.FirstStored(), entry.Partial
	return -1
}

// companion reads another station's capture of an event; nil where it is not what the entry says.
func (l *lane) companion(m *meeting.Member, found *meeting.Message, network string) *messages.Capture {
	c := &messages.Capture{}
	if c.Decode(found.Data) != nil || c.ID != m.ID || len(c.Receivers) != 1 || c.Receivers[0].Station != m.Station {
		return nil
	}
	of, source, err := messages.ParseSubject(found.Subject)
	if err != nil || of != network || l.bundles.checkOrigin(network, source, c) != nil {
		return nil
	}
	return c
}

// captureIDs are those of an event's own captures, in the order of the receivers; nil where there is no event.
func (j *job) captureIDs() (ids []string) {
	if j.met == nil {
		return nil
	}
	for i := range j.met.members {
		ids = append(ids, j.met.members[i].ID)
	}
	return slices.Clip(ids)
}

// eventSubject is what the subject of an event's fix follows, as if a source had published all its captures as one.
func eventSubject(network string) string {
	return messages.CapturePrefix + "." + network + "." + messages.EventSource
}
