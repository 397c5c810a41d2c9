package metrics

import (
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// mostArms bounds how many models in arms have series: those that were served last.
const mostArms = 20

// arms counts what each model does in each arm.
type arms struct {
	fixes      *prometheus.CounterVec
	errors     *prometheus.CounterVec
	inferences *prometheus.CounterVec
	duration   *prometheus.HistogramVec
	fallbacks  *prometheus.CounterVec
	dropped    prometheus.Counter

	mu    sync.Mutex
	known []armKey // the one served last comes last
}

type armKey struct{ model, version, arm string }

func newArms(r prometheus.Registerer) *arms {
	labels := []string{"model", "version", "arm"}
	a := &arms{
		fixes:      counters(r, "foxhunt_arm_fixes_total", "Fixes published and confirmed, by model and arm; a shadow's among them.", labels...),
		errors:     counters(r, "foxhunt_arm_errors_total", "Captures that a model could not locate, by reason code.", append(labels, "code")...),
		inferences: counters(r, "foxhunt_arm_inferences_total", "Captures that went through a model and were located.", labels...),
		fallbacks:  counters(r, "foxhunt_fallbacks_total", "Captures that the champion located instead of the challenger, by what kept that from it.", "code"),
		dropped:    counter(r, "foxhunt_shadow_dropped_total", "Captures that the shadow was to have and had no room for."),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "foxhunt_arm_duration_seconds", Buckets: latencyBuckets,
			Help: "From taking a capture off the stream to its confirmed fix; a shadow's from when its work began."}, labels),
	}
	r.MustRegister(a.duration)
	return a
}

// ArmServes says that a model serves in an arm, from now on or still. Its series begin with 0, and those of models that
// have not served for longest end where there are too many.
func (a *arms) ArmServes(model, version, arm string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	key := armKey{model, version, arm}
	if i := slices.Index(a.known, key); i >= 0 {
		a.known = slices.Delete(a.known, i, i+1)
	}
	if len(a.known) == mostArms {
		a.forget(a.known[0])
		a.known = slices.Delete(a.known, 0, 1)
	}
	a.known = append(a.known, key)
	a.fixes.WithLabelValues(model, version, arm)
	a.inferences.WithLabelValues(model, version, arm)
	a.duration.WithLabelValues(model, version, arm)
}

func (a *arms) forget(key armKey) {
	labels := prometheus.Labels{"model": key.model, "version": key.version, "arm": key.arm}
	for _, series := range []interface{ DeletePartialMatch(prometheus.Labels) int }{a.fixes, a.errors, a.inferences, a.duration} {
		series.DeletePartialMatch(labels)
	}
}

// ArmInferred records a capture that a model located.
func (a *arms) ArmInferred(model, version, arm string) {
	a.inferences.WithLabelValues(model, version, arm).Inc()
}

// ArmFixed records a confirmed fix of a model and the time it took.
func (a *arms) ArmFixed(model, version, arm string, took time.Duration) {
	a.fixes.WithLabelValues(model, version, arm).Inc()
	a.duration.WithLabelValues(model, version, arm).Observe(took.Seconds())
}

// ArmFailed records a capture that a model could not locate.
func (a *arms) ArmFailed(model, version, arm, code string) {
	a.errors.WithLabelValues(model, version, arm, code).Inc()
}

// FellBack records a capture that the champion located instead of the challenger.
func (a *arms) FellBack(code string) { a.fallbacks.WithLabelValues(code).Inc() }

// ShadowDropped records a capture that the shadow had no room for.
func (a *arms) ShadowDropped() { a.dropped.Inc() }
