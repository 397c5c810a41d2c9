package features

import (
	"math"
	"strings"
	"testing"
)

func TestBudgetByBand(t *testing.T) {
	cases := []struct {
		frequency, bandwidth float64
		want                 float64
		source               string
	}{
		{77.5e3, 500, 20e-6, "ground wave"},
		{2.999999e6, 1e6, 20e-6, "ground wave"},
		{3e6, 3e3, 200e-6, "sky wave"},
		{14e6, 0, 200e-6, "sky wave"},
		{29.999999e6, 10e3, 200e-6, "sky wave"},
		{30e6, 0, 0.3e-6, "above 30 MHz"},
		{145e6, 10e3, math.Hypot(0.3e-6, 5e-6), "above 30 MHz"},
		{433e6, 1e9, 0.3e-6, "above 30 MHz"},
	}
	for _, c := range cases {
		got := Budget{}.For("net", c.frequency, c.bandwidth)
		near(t, "propagation error", got.Propagation, c.want, 1e-12)
		if !strings.Contains(got.Source, c.source) {
			t.Errorf("at %g Hz the source is %q; want %q", c.frequency, got.Source, c.source)
		}
	}
}

// TestBudgetOptions wants the network's option before the default, and that before the band's.
func TestBudgetOptions(t *testing.T) {
	b := Budget{Default: 5e-6, Networks: map[string]float64{"own": 9e-6}}
	for _, frequency := range []float64{77.5e3, 10e6, 145e6} {
		if got := b.For("own", frequency, 0); got != (AppliedBudget{9e-6, "network option"}) {
			t.Errorf("a network with an option has %+v", got)
		}
		if got := b.For("other", frequency, 0); got != (AppliedBudget{5e-6, "option"}) {
			t.Errorf("a network without one has %+v", got)
		}
	}
}

func TestBudgetValidate(t *testing.T) {
	network := func(seconds float64) Budget { return Budget{Networks: map[string]float64{"net": seconds}} }
	for _, good := range []Budget{{}, {Default: 1}, {Default: 20e-6}, network(1e-9), network(1)} {
		if err := good.Validate(); err != nil {
			t.Errorf("%+v: %v", good, err)
		}
	}
	for _, bad := range []float64{-1e-9, 1.001, math.NaN(), math.Inf(1), math.Inf(-1)} {
		if err := (Budget{Default: bad}).Validate(); err == nil || !strings.Contains(err.Error(), "want 0 to 1 s") {
			t.Errorf("a default of %g s: %v", bad, err)
		}
		if err := network(bad).Validate(); err == nil || !strings.Contains(err.Error(), `network "net"`) {
			t.Errorf("a network's %g s: %v", bad, err)
		}
	}
	if network(0).Validate() == nil {
		t.Error("a network's propagation error of 0 was accepted")
	}
}
