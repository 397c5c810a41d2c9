package worker

import "time"

// observeFix tells the observer what a fix that is safe says of its capture and of the capture's stations.
func (l *lane) observeFix(j *job) {
	l.observer.Latency(time.Since(j.message.Stored))
	for i := range j.fix.Receivers {
		r := &j.fix.Receivers[i]
		l.observer.Station(j.network, r.Station, r.Used, r.Residual, j.message.Stored)
	}
}
