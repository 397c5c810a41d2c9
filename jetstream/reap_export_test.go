package jetstream

import "time"

// Slowly has the reaper look whether something was given up only every hour, and listen for word of it for as long; what it sees settles in
// a tenth of a second.
func (r TestReaper) Slowly() {
	r.wait, r.sweep.every, r.sweep.settle = time.Hour, time.Hour, 100*time.Millisecond
}
