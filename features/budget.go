package features

import (
	"fmt"
	"math"
)

// Budget says how far a network's time differences may be off by propagation, on top of the receivers' clocks. It
// matters more to the ellipse than any detail of the estimator.
type Budget struct {
	Default  float64            // s; 0: by band, see [Budget.For]
	Networks map[string]float64 // s, by network's name; goes before Default
}

// AppliedBudget is the propagation error that one fix rests on.
type AppliedBudget struct {
	Propagation float64 // s
	Source      string  // where the figure is from
}

// Validate refuses budgets that are negative, not finite or beyond a second.
func (b Budget) Validate() error {
	if !(b.Default >= 0 && b.Default <= 1) {
		return fmt.Errorf("propagation error is %g s; want 0 to 1 s", b.Default)
	}
	for network, seconds := range b.Networks {
		if !(seconds > 0 && seconds <= 1) {
			return fmt.Errorf("propagation error of network %q is %g s; want more than 0, at most 1 s", network, seconds)
		}
	}
	return nil
}

// Band limits in Hz and the propagation errors taken for them in seconds.
const (
	hfFrom  = 3e6
	vhfFrom = 30e6

	groundWave = 20e-6  // LF and MF: measured on two long-wave sets
	skyWave    = 200e-6 // HF: a guess, and the fix says so
	vhfFloor   = 0.3e-6 // VHF and up: hypot(vhfFloor, vhfShare / bandwidth); one urban set
	vhfShare   = 0.05
)

// For gives the propagation error for a capture: the network's own, else the default, else the band's. Bandwidth is
// the occupied one in Hz, 0 where it is not known: multipath smears a narrow signal's delay by a share of its
// resolution. Bandwidth has no say in the source.
func (b Budget) For(network string, frequency, bandwidth float64) AppliedBudget {
	if seconds, ok := b.Networks[network]; ok {
		return AppliedBudget{seconds, "network option"}
	}
	switch {
	case b.Default > 0:
		return AppliedBudget{b.Default, "option"}
	case frequency < hfFrom:
		return AppliedBudget{groundWave, "default below 3 MHz: ground wave"}
	case frequency < vhfFrom:
		return AppliedBudget{skyWave, "default for HF: sky wave, a guess"}
	case bandwidth > 0:
		return AppliedBudget{math.Hypot(vhfFloor, vhfShare/bandwidth), "default above 30 MHz"}
	default:
		return AppliedBudget{vhfFloor, "default above 30 MHz"}
	}
}
