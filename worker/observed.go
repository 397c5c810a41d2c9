package worker

import (
	"time"

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
	l.observer.EventFixed(len(j.fix.Receivers), time.Since(j.fix.Time.Time()))
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
