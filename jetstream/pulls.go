package jetstream

import (
	"context"
	"time"

	js "github.com/nats-io/nats.go/jetstream"
)

// Pulls says whether workers are there: how many of their requests for captures are open, and how many captures they
// have. Where both are 0, and stay so, nobody works. Captures that nobody has answered, with none delivered either, for as
// long as AckWait are with no worker, but with one that died: they count as 0.
func (c *Conn) Pulls(ctx context.Context, t Topology) (open, inFlight int, err error) {
	consumer, err := c.js.Consumer(ctx, t.Captures.Name, t.Workers.Durable)
	if err != nil {
		return 0, 0, c.explain(t.Workers.Durable, err)
	}
	info := consumer.CachedInfo()
	if info.TimeStamp.Sub(lastActive(info)) > info.Config.AckWait {
		return info.NumWaiting, 0, nil
	}
	return info.NumWaiting, info.NumAckPending, nil
}

// lastActive is when a consumer delivered or was answered last, by the server's clock; zero if not since the server started.
func lastActive(info *js.ConsumerInfo) (last time.Time) {
	for _, at := range []*time.Time{info.Delivered.Last, info.AckFloor.Last} {
		if at != nil && at.After(last) {
			last = *at
		}
	}
	return last
}
