package loadtest

import (
	"errors"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// recorder counts what became of requests.
type recorder struct {
	mu                sync.Mutex
	began             time.Time
	all, hits, misses *hdrhistogram.Histogram // of successes, µs
	sent, repeats     int
	failures          map[string]int
	reasons           map[string]string // the first of each code
	models            map[string]int
	unanswered        []string // ids of captures of which nobody knows what became
	seconds           []second
}

// second is what was answered in one second of the run.
type second struct {
	answered, failed int
	latency          *hdrhistogram.Histogram
}

func newRecorder(began time.Time) *recorder {
	return &recorder{
		began: began, all: newHistogram(), hits: newHistogram(), misses: newHistogram(),
		failures: map[string]int{}, reasons: map[string]string{}, models: map[string]int{},
	}
}

// add notes one request's end. due is when its latency began to count.
func (r *recorder) add(id string, repeated bool, due, end time.Time, answer Answer, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sent++
	if repeated {
		r.repeats++
	}
	now := r.second(end)
	if err != nil {
		now.failed++
		r.fail(id, err)
		return
	}
	took := end.Sub(due)
	now.answered++
	record(now.latency, took)
	record(r.all, took)
	if answer.CacheHit {
		record(r.hits, took)
	} else {
		record(r.misses, took)
	}
	r.models[answer.Model]++
}

func (r *recorder) fail(id string, err error) {
	code, reason := "failed", err.Error()
	var failure *Failure
	if errors.As(err, &failure) {
		code, reason = failure.Code, failure.Reason
	}
	if r.failures[code]++; r.failures[code] == 1 {
		r.reasons[code] = reason
	}
	if unsure(code) {
		r.unanswered = append(r.unanswered, id)
	}
}

// second is the entry of the time t.
func (r *recorder) second(t time.Time) *second {
	n := max(int(t.Sub(r.began)/time.Second), 0)
	for len(r.seconds) <= n {
		// Coarser than the totals: there may be many.
		r.seconds = append(r.seconds, second{latency: hdrhistogram.New(1, int64(10*time.Minute/time.Microsecond), 1)})
	}
	return &r.seconds[n]
}

// Progress is how far a run is.
type Progress struct {
	Elapsed                time.Duration
	Answered, Failed, Hits int
	P95                    time.Duration // of the answered
}

func (r *recorder) progress() Progress {
	r.mu.Lock()
	defer r.mu.Unlock()
	answered := int(r.all.TotalCount())
	return Progress{
		Elapsed: time.Since(r.began), Answered: answered, Failed: r.sent - answered, Hits: int(r.hits.TotalCount()),
		P95: time.Duration(r.all.ValueAtQuantile(95)) * time.Microsecond,
	}
}
