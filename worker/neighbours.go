package worker

import "context"

// neighbours is how a lane works beside the others: together with them, or alone while they wait.
type neighbours struct {
	worker *Worker
	alone  bool
}

// join begins work beside other lanes.
func (c *neighbours) join() {
	c.worker.alone.RLock()
	c.alone = false
}

// joinAlone begins work that is to take nothing along if it kills the worker.
func (c *neighbours) joinAlone(ctx context.Context) {
	c.worker.gate.enterSuspect(ctx)
	c.worker.alone.Lock() // not before: others wait from here on
	c.alone = true
}

// goAlone goes on alone with what was begun beside others.
func (c *neighbours) goAlone(ctx context.Context) {
	if !c.alone {
		c.worker.alone.RUnlock()
		c.joinAlone(ctx)
	}
}

// leave ends the work.
func (c *neighbours) leave() {
	if !c.alone {
		c.worker.alone.RUnlock()
		return
	}
	c.worker.alone.Unlock()
	c.worker.gate.leaveSuspect()
}
