package main

import (
	"context"
	"log/slog"
	"math"
	"time"

	"foxhunt/jetstream"
	"foxhunt/messages"
	"foxhunt/metrics"
	"foxhunt/station/cutter"
	"foxhunt/station/receiver"
	"foxhunt/station/requests"
)

// hearRequests answers requests until stop is called. A station that may not hear them makes its other captures.
func (p *stationProcess) hearRequests(ctx context.Context, conn *jetstream.Conn) (stop func()) {
	desk := requests.New(requests.Options{Station: p.who.ID, Receiver: p.canDo, Take: p.take})
	subject, err := messages.RequestSubject(p.o.network)
	if err == nil {
		var questions *jetstream.Questions
		if questions, err = conn.HearQuestions(ctx, subject, desk.Answer); err == nil {
			p.asked.Store(&askedRequests{desk, questions})
			return questions.Stop
		}
	}
	if ctx.Err() == nil {
		p.log.Error("requests for captures are not heard", "error", err)
	}
	return func() {}
}

// askedRequests counts what was asked for.
type askedRequests struct {
	desk      *requests.Desk
	questions *jetstream.Questions
}

func (a *askedRequests) counts() metrics.RequestCounts {
	if a == nil {
		return metrics.RequestCounts{}
	}
	c := a.desk.Counts()
	return metrics.RequestCounts{Accepted: float64(c.Accepted), Refused: float64(c.Refused), Malformed: float64(c.Malformed),
		Limited: float64(c.Limited + a.questions.Dropped())}
}

// canDo is what the receiver can do for a request. One that has captures to make by itself is not tuned away from them. Its sigma is
// what a capture would state now: to be tuned elsewhere does not change that.
func (p *stationProcess) canDo() requests.Receiver {
	info, seen := p.receiver.Info(), p.cutter.Meter().Read()
	sigma := p.cutter.Sigma()
	if info.Live() {
		sigma = math.Hypot(sigma, float64(p.clock.sigma()))
	}
	return requests.Receiver{
		Frequency: p.tuner.home, Tunable: info.Tuning > 0 && p.o.cut.every == 0 && p.o.cut.level == "", Tuning: info.Tuning,
		SampleRate: info.SampleRate, SampleBytes: info.Format.BytesPerSample(), Keep: p.cutter.Kept(), ClockSigma: time.Duration(math.Ceil(sigma)),
		Silent: silent(info, seen, time.Now()),
	}
}

// silentAfter is how long a live receiver may give no samples until it counts as silent. One that has lost some gives none for up to
// four seconds, as those that come are held until it is known when they were taken.
const silentAfter = 6 * time.Second

// silent reports whether no samples come. Those of recordings come when there is time for them.
func silent(info receiver.Info, seen receiver.Reading, now time.Time) bool {
	return seen.Came.IsZero() || info.Live() && now.Sub(seen.Came) > silentAfter
}

func (p *stationProcess) take(r cutter.Request) error {
	if err := p.cutter.Request(r); err != nil {
		return err
	}
	p.tuner.plan(r)
	return nil
}

// tuner tunes the receiver for requests, and back.
type tuner struct {
	receiver receiver.Receiver
	home     float64 // Hz, when no request wants another
	wanted   chan visit
	log      *slog.Logger
}

// visit is a time at another frequency.
type visit struct {
	frequency float64
	from, to  time.Time
}

func newTuner(r receiver.Receiver, log *slog.Logger) *tuner {
	return &tuner{receiver: r, home: r.Info().Frequency, wanted: make(chan visit, requests.MaxPlans), log: log}
}

// plan has the receiver hear a request's frequency in time. As many fit as the desk accepts.
func (t *tuner) plan(r cutter.Request) {
	if r.Frequency == t.home {
		return
	}
	tuning := t.receiver.Info().Tuning
	select {
	case t.wanted <- visit{frequency: r.Frequency, from: r.At.Add(-tuning), to: r.At.Add(r.Length + tuning)}:
	default:
		t.log.Warn("a request's frequency is not tuned to, as too many wait", "freq", r.Frequency)
	}
}

// run tunes until ctx ends, which is no error.
func (t *tuner) run(ctx context.Context) error {
	var visits []visit
	at := t.home
	for {
		want, next := t.now(&visits, time.Now())
		if want != at {
			if err := t.receiver.Tune(ctx, want); err != nil {
				t.log.Warn("the receiver was not tuned", "freq", want, "error", err)
			}
			at = want
		}
		timer := time.NewTimer(next)
		select {
		case v := <-t.wanted:
			visits = append(visits, v)
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil
		}
		timer.Stop()
	}
}

// now is the frequency to be at, and for how long nothing changes. Visits that are over are removed.
func (t *tuner) now(visits *[]visit, now time.Time) (frequency float64, next time.Duration) {
	frequency, next = t.home, time.Minute
	left := (*visits)[:0]
	for _, v := range *visits {
		if !now.Before(v.to) {
			continue
		}
		left = append(left, v)
		if now.Before(v.from) {
			next = min(next, v.from.Sub(now))
			continue
		}
		frequency = v.frequency
		next = min(next, v.to.Sub(now))
	}
	*visits = left
	return frequency, next
}
