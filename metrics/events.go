package metrics

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Bounds of what is counted by name: whoever may publish chooses names.
const (
	mostNetworks = 100
	mostLeftOut  = 1000 // stations of networks, each with a few codes
)

// firstToFixBuckets reach from captures of milliseconds to a window of minutes.
var firstToFixBuckets = []float64{.1, .2, .5, 1, 2, 3, 5, 7, 10, 15, 20, 30, 60, 120, 300, 1800}

// receiversBuckets are receivers of a fix.
var receiversBuckets = []float64{2, 3, 4, 5, 6, 8, 12, 16, 24, 32}

// events counts how captures of one receiver meet.
type events struct {
	ended      *prometheus.CounterVec
	leftOut    *prometheus.CounterVec
	firstToFix prometheus.Histogram
	receivers  prometheus.Histogram

	networks nameSet
	stations nameSet
}

func newEvents(r prometheus.Registerer) *events {
	e := &events{
		ended:   counters(r, "foxhunt_events_total", "Events that ended: complete where all stations that were due came, partial where the window passed, too_few or refused where there is no fix.", "network", "outcome"),
		leftOut: counters(r, "foxhunt_event_captures_left_out_total", "Captures that their event does without, by the code of their dead letter: late and repeated_station among them.", "network", "station", "code"),
		firstToFix: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "foxhunt_event_fix_seconds", Buckets: firstToFixBuckets,
			Help: "From the first sample of a live event to its confirmed fix, by the station's clock and then the worker's: the captures' length and the wait for the others included."}),
		receivers: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "foxhunt_event_receivers", Buckets: receiversBuckets, Help: "Captures that met in a fix."}),
		networks: nameSet{most: mostNetworks}, stations: nameSet{most: mostLeftOut},
	}
	r.MustRegister(e.firstToFix, e.receivers)
	return e
}

// Met records how an event ended.
func (e *events) Met(network, outcome string) {
	if !e.networks.known(network) {
		network = otherNetwork
	}
	e.ended.WithLabelValues(network, outcome).Inc()
}

// EventFixed records a fix in which so many captures met.
func (e *events) EventFixed(receivers int) { e.receivers.Observe(float64(receivers)) }

// FirstToFix records the time from the first sample of a live event to its fix.
func (e *events) FirstToFix(took time.Duration) { e.firstToFix.Observe(took.Seconds()) }

// LeftOut records a capture that its event does without.
func (e *events) LeftOut(network, station, code string) {
	if !e.stations.known(network + "." + station) {
		network, station = otherNetwork, otherStation
	}
	e.leftOut.WithLabelValues(network, station, code).Inc()
}

// nameSet is the first that came, up to a number.
type nameSet struct {
	most int

	mu  sync.Mutex
	all map[string]bool
}

// known says whether the name is among them; it is if there is room.
func (n *nameSet) known(name string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.all[name] {
		return true
	}
	if len(n.all) >= n.most {
		return false
	}
	if n.all == nil {
		n.all = make(map[string]bool)
	}
	n.all[name] = true
	return true
}
