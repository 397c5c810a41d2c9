package metrics

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

const (
	mostStations = 1000 // shown by name: each costs six series, and whoever may publish chooses names
	stationRests = time.Hour
	otherNetwork = "other"
	otherStation = "other"
)

// stationName is a station as the metrics name it.
type stationName struct{ network, station string }

// station is what fixes told of one station, and the numbers of its captures.
type station struct {
	used, unused float64 // fixes that rest on it, and those whose model left it out
	residual     float64 // s, in the last fix
	stored       time.Time
	seen         time.Time

	received float64 // captures with a number
	highest  uint64  // number; 0: none has one
	raised   time.Time
}

// stations counts what fixes tell of each station, and the captures that stations number. At most limit are known by name: another takes the place of the one not
// seen for longest, if that is an hour, and is counted as other if not.
type stations struct {
	limit int

	mu    sync.Mutex
	known map[stationName]*station
	full  time.Time // until then nobody rests long enough to give up a place

	fixes, residual, stored, received, sequence *prometheus.Desc
}

func newStations(r prometheus.Registerer, limit int) *stations {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, append([]string{"network", "station"}, labels...), nil)
	}
	s := &stations{
		limit: limit, known: make(map[stationName]*station),
		fixes:    desc("foxhunt_station_fixes_total", "Fixes of captures with this station: used is yes where the fix rests on it, no where the model left it out.", "used"),
		residual: desc("foxhunt_station_residual_seconds", "By how much the signal came later at this station than the last fix explains: its clock's offset, where the fix does not rest on it."),
		stored:   desc("foxhunt_station_last_capture_timestamp_seconds", "When the last capture with this station that got a fix was stored in the stream."),
		received: desc("foxhunt_station_received_total", "Captures that this station numbered, at their first delivery."),
		sequence: desc("foxhunt_station_sequence", "The highest number among them; once it was not passed for an hour, the last."),
	}
	r.MustRegister(s)
	return s
}

// add counts a fix of a capture that was stored at a time.
func (s *stations) add(network, name string, used bool, residual float64, stored, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.place(stationName{network, name}, now)
	if used {
		st.used++
	} else {
		st.unused++
	}
	st.residual, st.seen = residual, now
	if stored.After(st.stored) { // captures are delivered again, and overtake each other
		st.stored = stored
	}
}

// receive counts a capture that its station numbered. Stations without a place are not counted: numbers of several tell nothing.
func (s *stations) receive(network, name string, sequence uint64, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.place(stationName{network, name}, now)
	if st == s.known[stationName{otherNetwork, otherStation}] {
		return
	}
	st.received++
	st.seen = now
	if sequence > st.highest || now.Sub(st.raised) >= stationRests { // a station whose disk was lost begins anew
		st.highest, st.raised = sequence, now
	}
}

// place is where a station is counted.
func (s *stations) place(name stationName, now time.Time) *station {
	if st := s.known[name]; st != nil {
		return st
	}
	other := stationName{otherNetwork, otherStation}
	if len(s.known) >= s.limit && !s.makeRoom(now) && name != other {
		return s.place(other, now)
	}
	st := new(station)
	s.known[name] = st
	return st
}

// makeRoom forgets the station not seen for longest, if it has rested.
func (s *stations) makeRoom(now time.Time) bool {
	if now.Before(s.full) {
		return false
	}
	var oldest stationName
	last := now
	for name, st := range s.known {
		if st.seen.Before(last) {
			oldest, last = name, st.seen
		}
	}
	if now.Sub(last) < stationRests {
		s.full = last.Add(stationRests)
		return false
	}
	delete(s.known, oldest)
	return true
}

// Describe implements [prometheus.Collector].
func (s *stations) Describe(descs chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{s.fixes, s.residual, s.stored, s.received, s.sequence} {
		descs <- d
	}
}

// Collect implements [prometheus.Collector].
func (s *stations) Collect(out chan<- prometheus.Metric) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, st := range s.known {
		emit := func(d *prometheus.Desc, kind prometheus.ValueType, v float64, labels ...string) {
			out <- prometheus.MustNewConstMetric(d, kind, v, append([]string{name.network, name.station}, labels...)...)
		}
		if st.used+st.unused > 0 {
			emit(s.fixes, prometheus.CounterValue, st.used, "yes")
			emit(s.fixes, prometheus.CounterValue, st.unused, "no")
			emit(s.residual, prometheus.GaugeValue, st.residual)
			emit(s.stored, prometheus.GaugeValue, float64(st.stored.UnixNano())/1e9)
		}
		if st.highest > 0 {
			emit(s.received, prometheus.CounterValue, st.received)
			emit(s.sequence, prometheus.GaugeValue, float64(st.highest))
		}
	}
}
