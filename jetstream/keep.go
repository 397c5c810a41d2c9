package jetstream

import "context"

// Keep makes anew, until ctx ends, what goes missing of t: because somebody deletes a stream, or because a server that
// restarted has forgotten what it kept in memory. It looks when the connection has come back, and when a fix, a dead letter, or
// what is read or written about events finds no stream.
func (c *Conn) Keep(ctx context.Context, t Topology) {
	for {
		select {
		case <-c.missing:
		case <-ctx.Done():
			return
		}
		if _, err := c.EnsureWhenReady(ctx, t); err != nil && ctx.Err() == nil {
			c.log.Warn("what is missing of the streams cannot be made", "error", err)
		}
		if !sleep(ctx, lastPause) { // whatever happens, not more often
			return
		}
	}
}

// miss has Keep look.
func (c *Conn) miss() {
	select {
	case c.missing <- struct{}{}:
	default:
	}
}
