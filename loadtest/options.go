package loadtest

import (
	"fmt"
	"time"
)

// Options say how much is sent, and at what pace. With Rate the loop is open: requests are due at their times whatever
// became of the ones before, and latency counts from when a request was due. Without it each user waits for an answer before
// asking again.
type Options struct {
	Users    int           // that ask at the same time
	Requests int           // of each user, also with Rate; 0: until Duration has passed
	Duration time.Duration // after which nothing new is sent; 0: until Requests are done
	Ramp     time.Duration // over which the users begin, or the rate grows from nothing
	Rate     float64       // requests per second; 0: closed loop
	Poisson  bool          // with Rate: the gaps between requests are exponential, as of many who know nothing of each other
	Repeat   float64       // share of requests that are exact repeats of one answered before, 0 to 1
	Timeout  time.Duration // after which a request counts as failed
	Seed     uint64
	SLA      SLA
}

// SLA is what the deployment owes. A zero asks for nothing.
type SLA struct {
	P95     time.Duration // of all latencies
	P99     time.Duration
	HitP95  time.Duration // of the latencies of cache hits
	HitRate float64       // share of successes that came from the cache; asked for where at least as large a share were repeats
	Success float64       // share of requests that got a fix
}

// DefaultOptions are 50 users of 10 requests each, four of five of them repeats.
func DefaultOptions() Options {
	return Options{
		Users: 50, Requests: 10, Repeat: 0.8, Timeout: 30 * time.Second, Seed: 1,
		SLA: SLA{P95: 500 * time.Millisecond, P99: 750 * time.Millisecond, HitP95: 50 * time.Millisecond, HitRate: 0.8, Success: 0.99},
	}
}

// maxUsers bounds goroutines and open requests.
const maxUsers = 10_000

// Validate says the first option that makes no sense.
func (o *Options) Validate() error {
	switch {
	case o.Users < 1 || o.Users > maxUsers:
		return fmt.Errorf("users are %d; want 1 to %d", o.Users, maxUsers)
	case o.Requests < 0 || o.Duration < 0 || o.Ramp < 0 || o.Timeout <= 0:
		return fmt.Errorf("requests %d, duration %v and ramp %v may not be negative, and the timeout %v must be more than 0", o.Requests, o.Duration, o.Ramp, o.Timeout)
	case o.Requests == 0 && o.Duration == 0:
		return fmt.Errorf("neither requests nor a duration is given; the run would have no end")
	case !(o.Rate >= 0 && o.Rate <= 1e6):
		return fmt.Errorf("rate is %v requests a second; want 0 (closed loop) to 1e6", o.Rate)
	case o.Poisson && o.Rate == 0:
		return fmt.Errorf("gaps of a Poisson process need a rate")
	case !(o.Repeat >= 0 && o.Repeat < 1):
		return fmt.Errorf("the share of repeats is %v; want 0 or more, and less than 1", o.Repeat)
	case o.SLA.P95 < 0 || o.SLA.P99 < 0 || o.SLA.HitP95 < 0:
		return fmt.Errorf("latencies that are owed are %v, %v and %v; none may be negative", o.SLA.P95, o.SLA.P99, o.SLA.HitP95)
	case !(o.SLA.HitRate >= 0 && o.SLA.HitRate <= 1 && o.SLA.Success >= 0 && o.SLA.Success <= 1):
		return fmt.Errorf("shares that are owed are %v of hits and %v of successes; want 0 to 1: 0.8 is 80 %%", o.SLA.HitRate, o.SLA.Success)
	}
	return nil
}
