package loadtest

import (
	"context"
	"fmt"

	"foxhunt/messages"
)

// Step is one rate that FindMax tried.
type Step struct {
	Rate   float64 `json:"rate"`
	Kept   bool    `json:"kept"` // the service levels were met
	Why    string  `json:"why"`  // the first thing that was not
	Report *Report `json:"report"`
}

// precision is the step at which the search ends, as a share of the rate.
const precision = 0.05

// FindMax looks for the highest rate at which the service levels are met: doubling from o.Rate while they are, then halving the interval
// until it is within a twentieth. Each rate is a run of o.Duration. It returns the steps; best is 0 where even the lowest was
// too much. A run in which the generator could not keep up ends the search: above that nothing is known.
func FindMax(ctx context.Context, target Target, base []*messages.Capture, o Options, told func(Step)) (best float64, steps []Step, err error) {
	if o.Rate <= 0 || o.Duration <= 0 {
		return 0, nil, fmt.Errorf("a search for the highest rate needs a rate to begin with and a duration for each step")
	}
	o.Requests = 0
	low, high := 0.0, 0.0 // kept, and not
	for rate := o.Rate; high == 0 || high-low > precision*high; {
		step, err := try(ctx, target, base, o, rate)
		if err != nil {
			return low, steps, err
		}
		steps = append(steps, step)
		told(step)
		switch {
		case step.Report.Invalid != "":
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
	step := Step{Rate: rate, Kept: report.Met, Report: report}
	switch {
	case report.Invalid != "":
		step.Why = report.Invalid
	case report.Overrun != "":
		step.Why = report.Overrun
	default:
		for _, l := range report.SLA {
			if !l.Met {
				step.Why = l.Name + " was " + l.Got + ", " + l.Want + " is owed"
				break
			}
		}
	}
	return step, nil
}
