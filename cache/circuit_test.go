package cache

import "testing"

// TestCircuitOpensOnAShare: failures here and there are forgotten; half of the last calls open the circuit, once.
func TestCircuitOpensOnAShare(t *testing.T) {
	c := newCircuit()
	for i := range 1000 {
		if c.record(i%20 < 7) { // seven in a row, then thirteen that were answered: at most 14 of any 32
			t.Fatalf("open after %d calls, of which fewer than half failed", i+1)
		}
	}
	for range 32 {
		c.record(false)
	}
	for i := range failuresToOpen - 1 {
		if c.record(true) {
			t.Fatalf("open after %d failures", i+1)
		}
	}
	if !c.record(true) || !c.open.Load() {
		t.Error("closed after half of the calls failed")
	}
	if c.record(true) {
		t.Error("opened twice")
	}
}
