package jetstream

import "context"

// Pulls says whether workers are there: how many of their requests for captures are open, and how many captures they
// have. Where both are 0, and stay so, nobody works.
func (c *Conn) Pulls(ctx context.Context, t Topology) (open, inFlight int, err error) {
	consumer, err := c.js.Consumer(ctx, t.Captures.Name, t.Workers.Durable)
	if err != nil {
		return 0, 0, c.explain(t.Workers.Durable, err)
	}
	info := consumer.CachedInfo()
	return info.NumWaiting, info.NumAckPending, nil
}
