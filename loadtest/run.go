package loadtest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"foxhunt/messages"
)

// run is one run's state.
type run struct {
	Options
	target   Target
	supply   *supply
	recorder *recorder
	pulse    *pulse
	open     sync.WaitGroup
}

// Run sends captures made from base to the target, and reports. Progress is told about once a second. The error says that
// the run could not be made at all; what it found is in the report.
func Run(ctx context.Context, target Target, base []*messages.Capture, o Options, progress func(Progress)) (*Report, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	if len(base) == 0 {
		return nil, fmt.Errorf("there is no capture to send")
	}
	target.Begin()
	before, known := target.Lag(ctx)
	r := &run{Options: o, target: target, supply: newSupply(base, o.Repeat, o.Seed), pulse: newPulse(), recorder: newRecorder(time.Now())}
	sending, stop := context.WithCancel(ctx)
	defer stop()
	if o.Duration > 0 {
		sending, stop = context.WithTimeout(ctx, o.Duration)
		defer stop()
	}
	watching, finish := context.WithCancel(ctx)
	var helpers sync.WaitGroup
	helpers.Go(func() { r.pulse.run(watching) })
	helpers.Go(func() { r.tell(watching, progress) })
	var overrun error
	if o.Rate > 0 {
		overrun = r.openLoop(ctx, sending)
	} else {
		r.closedLoop(ctx, sending)
	}
	r.open.Wait()
	took := time.Since(r.recorder.began)
	finish()
	helpers.Wait()
	report := r.report(took, overrun)
	r.settle(ctx, report)
	if known {
		report.LagBefore = &before
	}
	return report, nil
}

// closedLoop has every user ask, wait and ask again. Requests under way when sending ends are waited for.
func (r *run) closedLoop(ctx, sending context.Context) {
	for user := range r.Users {
		r.open.Go(func() {
			if !sleep(sending, r.Ramp*time.Duration(user)/time.Duration(r.Users)) {
				return
			}
			for n := 0; (r.Requests == 0 || n < r.Requests) && sending.Err() == nil; n++ {
				r.ask(ctx, time.Time{})
			}
		})
	}
}

// openLoop sends each request when it is due. It gives up when more are open than Users: the deployment does not keep up,
// and the rest of the run would only measure the queue.
func (r *run) openLoop(ctx, sending context.Context) error {
	places := make(chan struct{}, r.Users)
	random := rand.New(rand.NewPCG(r.Seed, 3))
	total := r.Users * r.Requests
	last := time.Now()
	for n := 0; total == 0 || n < total; n++ {
		due := last.Add(r.gap(time.Since(r.recorder.began), random))
		last = due
		if !sleep(sending, time.Until(due)) {
			return nil
		}
		r.pulse.add(time.Since(due))
		select {
		case places <- struct{}{}:
		default:
			return fmt.Errorf("%d requests were open at once, as many as --users allows: at %g requests a second the answers do not keep up", r.Users, r.Rate)
		}
		r.open.Go(func() {
			r.ask(ctx, due)
			<-places
		})
	}
	return nil
}

// gap is the time from one request to the next, so long after the start.
func (r *run) gap(elapsed time.Duration, random *rand.Rand) time.Duration {
	rate := r.Rate
	if elapsed < r.Ramp {
		rate *= max(float64(elapsed)/float64(r.Ramp), 0.01)
	}
	seconds := 1 / rate
	if r.Poisson {
		seconds *= random.ExpFloat64()
	}
	return time.Duration(seconds * float64(time.Second))
}

// ask sends one capture and notes what came of it. A zero due stands for now, when the capture is made.
func (r *run) ask(ctx context.Context, due time.Time) {
	d, repeated := r.supply.take()
	request, err := r.supply.make(d)
	if due.IsZero() {
		due = time.Now()
	}
	var answer Answer
	if err == nil {
		limited, cancel := context.WithDeadline(ctx, due.Add(r.Timeout))
		answer, err = r.target.Locate(limited, request)
		cancel()
	}
	r.recorder.add(request.ID, repeated, due, time.Now(), answer, err)
	if err == nil && !repeated {
		r.supply.known(d)
	}
}

// tell reports progress until ctx ends.
func (r *run) tell(ctx context.Context, progress func(Progress)) {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			progress(r.recorder.progress())
		}
	}
}

func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
