package loadtest

import (
	"context"
	"fmt"
	"time"

	"foxhunt/messages"
)

// Step is one rate that FindMax tried.
type Step struct {
	Rate    float64 `json:"rate"`
	Kept    bool    `json:"kept"`    // the service levels were met
	Unknown bool    `json:"unknown"` // this process cannot tell whether they were
	Why     string  `json:"why"`     // the first thing that was not, or why it is unknown
	Report  *Report `json:"report"`
}

// precision is the step at which the search ends, as a share of the rate.
const precision = 0.05

// FindMax looks for the highest rate at which the service levels are met: doubling from o.Rate while they are, then halving the interval
// until it is within a twentieth. Each rate is a run of o.Duration, and begins when the backlog of the one before is gone. It
// returns the steps; best is 0 where even the lowest was too much. A step that is unknown ends the search.
func FindMax(ctx context.Context, target Target, base []*messages.Capture, o Options, told func(Step)) (best float64, steps []Step, err error) {
	if o.Rate <= 0 || o.Duration <= 0 {
		return 0, nil, fmt.Errorf("a search for the highest rate needs a rate to begin with and a duration for each step")
	}
	o.Requests = 0
	low, high := 0.0, 0.0 // kept, and not
	for rate := o.Rate; high == 0 || high-low > precision*high; {
		if len(steps) > 0 {
			if err := drain(ctx, target, o, steps[len(steps)-1].Report); err != nil {
				return low, steps, err
			}
		}
		step, err := try(ctx, target, base, o, rate)
		if err != nil {
			return low, steps, err
		}
		steps = append(steps, step)
		told(step)
		switch {
		case step.Unknown:
			return low, steps, nil
		case step.Kept:
			low = rate
		default:
			high = rate
		}
		switch {
		case high == 0:
			rate = 2 * low
		case low == 0 && high < 1:
			return 0, steps, nil
		default:
			rate = (low + high) / 2
		}
	}
	return low, steps, nil
}

func try(ctx context.Context, target Target, base []*messages.Capture, o Options, rate float64) (Step, error) {
	o.Rate = rate
	o.Seed += uint64(rate * 1000) // what an earlier step left in the cache is not fresh
	report, err := Run(ctx, target, base, o, func(Progress) {})
	if err != nil {
		return Step{}, err
	}
	if ctx.Err() != nil {
		return Step{}, ctx.Err()
	}
	step := Step{Rate: rate, Report: report}
	switch {
	case report.Invalid != "":
		step.Unknown, step.Why = true, report.Invalid
		return step, nil
	case report.Overrun != "":
		step.Why = report.Overrun
		return step, nil
	}
	step.Kept, step.Unknown = report.Met, !report.Met && !report.AnyMissed()
	for _, l := range report.SLA {
		if !l.Met {
			step.Why = l.Name + " was " + l.Got + ", " + l.Want + " is owed"
			break
		}
	}
	return step, nil
}

// drain waits until no more captures wait than before the step that was reported, for as long as the step and a request may
// take. A target that does not tell must have answered all.
func drain(ctx context.Context, target Target, o Options, report *Report) error {
	left := report.Ledger.Unanswered
	for end := time.Now().Add(o.Duration + o.Timeout); report.LagBefore != nil; {
		if lag, known := target.Lag(ctx); known {
			left = lag - *report.LagBefore
		}
		if left <= 0 {
			return nil
		}
		if time.Now().After(end) || !sleep(ctx, 100*time.Millisecond) {
			break
		}
	}
	if left > 0 {
		return fmt.Errorf("%d captures of the last step still wait, so that the next would not say what it takes", left)
	}
	return ctx.Err()
}
