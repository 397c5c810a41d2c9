package doctor

import "time"

// patience is how many failures a worker allows a capture before it gives it up itself; the server must allow more.
const patience = 8

func checkMaxDeliver(f *Facts) []Finding {
	const code = "max_deliver"
	c := workersOf(f)
	if c == nil {
		return nil
	}
	switch n := c.Info.Config.MaxDeliver; {
	case n <= 0:
		return []Finding{finding(code, Error, "%s delivers a capture without end", c.Name)}
	case n <= patience:
		return []Finding{finding(code, Warning, "%s gives a capture up after %d deliveries, before a worker would, after %d failures", c.Name, n, patience)}
	default:
		return []Finding{finding(code, OK, "%s delivers a capture %d times at most", c.Name, n)}
	}
}

func checkAckPending(f *Facts) []Finding {
	const code = "ack_pending"
	c := workersOf(f)
	if c == nil {
		return nil
	}
	most := c.Info.Config.MaxAckPending
	if f.Readings.seen() && most > 0 {
		least := last(f).InFlight // over the looking time
		for _, r := range f.Readings.Value {
			least = min(least, r.InFlight)
		}
		if share(uint64(least), uint64(most)) >= atLimit {
			return []Finding{finding(code, Warning, "%d captures are with the workers, of %d that may be", least, most)}
		}
	}
	if most > 0 && most < c.Want.MaxAckPending {
		return []Finding{finding(code, Info, "%d captures may be with the workers at once, not %d", most, c.Want.MaxAckPending)}
	}
	return []Finding{finding(code, OK, "%d captures may be with the workers at once", most)}
}

func checkPaused(f *Facts) []Finding {
	const code = "consumer_paused"
	c := workersOf(f)
	if c == nil {
		return nil
	}
	if c.Info.Paused {
		return []Finding{finding(code, Error, "%s is paused for another %v", c.Name, c.Info.PauseRemaining.Round(time.Second)).
			mend("nats consumer resume %s %s", c.Stream, c.Name)}
	}
	return []Finding{finding(code, OK, "%s is not paused", c.Name)}
}
