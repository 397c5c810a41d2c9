package worker

import (
	"slices"
	"time"

	"foxhunt/meeting"
	"foxhunt/messages"
)

// observeFix tells the observer what a fix that is safe says of its capture and of the capture's stations.
func (l *lane) observeFix(j *job) {
	ready := j.message.Stored
	if j.met != nil {
		ready = j.met.event.Entry().Ready()
	}
	l.observer.Latency(time.Since(ready))
	for i := range j.fix.Receivers {
		r := &j.fix.Receivers[i]
		stored := j.message.Stored
		if j.met != nil {
			stored = j.met.members[i].StoredTime()
		}
		l.observer.Station(j.network, r.Station, r.Used, r.Residual, stored)
	}
	if j.met != nil {
		l.observeEvent(j)
	}
}

// observeEvent tells how the captures of a fix that is safe met.
func (l *lane) observeEvent(j *job) {
	outcome := EventComplete
	if j.met.partial {
		outcome = EventPartial
	}
	l.observer.Met(j.network, outcome)
	l.observer.EventFixed(len(j.fix.Receivers))
	if took := time.Since(j.fix.Time.Time()); took >= 0 && isLive(j.met.members) {
		l.observer.FirstToFix(took)
	}
}

// liveWithin is how long after its last sample a capture of a live event may be stored, at the station whose link is the
// fastest. Recordings that are published later, what a station's spool held during an outage, and replayed dead letters
// say nothing about how long a fix takes from its first sample.
const liveWithin = time.Minute

// isLive says whether the captures of an event came as they were heard. However long they then wait for workers, it is live.
func isLive(members []meeting.Member) bool {
	return slices.ContainsFunc(members, func(m meeting.Member) bool {
		return m.StoredTime().Sub(time.Unix(0, m.End)).Abs() <= liveWithin
	})
}

// observeNumber tells the observer the number that a station gave its capture, if it did: once, at the first delivery, and not
// again where it is put back from the dead letters.
func (l *lane) observeNumber(m Message) {
	sequence := messages.Sequence(m.Header)
	if sequence == 0 || m.NumDelivered > 1 || len(m.Header[messages.ReplayOfHeader]) > 0 {
		return
	}
	if network, source, err := messages.ParseSubject(m.Subject); err == nil {
		l.options.Observer.Received(network, source, sequence)
	}
}
