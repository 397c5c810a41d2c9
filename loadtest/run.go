package loadtest

import (
	"context"
	"fmt"
	"math"
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
	overrun  string // why the open loop gave up
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
	if o.Rate > 0 {
		r.overrun = r.openLoop(ctx, sending)
	} else {
		r.closedLoop(ctx, sending)
	}
	r.open.Wait()
	took := time.Since(r.recorder.began)
	finish()
	helpers.Wait()
	report := r.report(took)
	if report.Findings != nil {
		r.settle(ctx, report.Findings)
		if known {
			report.LagBefore = &before
		}
	}
	if ctx.Err() != nil {
		report.Invalid, report.Findings = "the run was interrupted", nil
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

// openLoop sends each request when it is due, whatever became of those before. It gives up when too many are open.
func (r *run) openLoop(ctx, sending context.Context) (overrun string) {
	places := make(chan struct{}, r.most())
	random := rand.New(rand.NewPCG(r.Seed, 3))
	total := r.Users * r.Requests
	count := 0.0 // of requests by the rate; where it is a Poisson process's, gaps are exponential
	for n := 0; total == 0 || n < total; n++ {
		if r.Poisson {
			count += random.ExpFloat64()
		} else {
			count++
		}
		due := r.recorder.began.Add(r.due(count))
		if !sleep(sending, time.Until(due)) {
			return ""
		}
		r.pulse.add(time.Since(due))
		select {
		case places <- struct{}{}:
		default:
			return fmt.Sprintf("%d requests were open at once, which is the most at %g requests a second and %v for each", cap(places), r.Rate, r.Timeout)
		}
		r.open.Go(func() {
			r.ask(ctx, due)
			<-places
		})
	}
	return ""
}

// most is how many requests of an open loop may be open: as many as are sent in the time that one may take, so that there
// are more only if they do not end, within what this process carries.
func (r *run) most() int {
	return max(r.Users, int(min(math.Ceil(r.Rate*r.Timeout.Seconds()), maxUsers)))
}

// due is how long after the start so many requests are to have been sent: the rate grows evenly over Ramp.
func (r *run) due(count float64) time.Duration {
	seconds, ramp := count/r.Rate, r.Ramp.Seconds()
	if seconds < ramp/2 {
		return time.Duration(math.Sqrt(2*seconds*ramp) * float64(time.Second))
	}
	return time.Duration((seconds + ramp/2) * float64(time.Second))
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
	if ctx.Err() != nil {
		return // who stopped the run cut it short; nothing became of it
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
