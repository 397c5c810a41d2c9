package features

import (
	"testing"

	"foxhunt/contract"
	"foxhunt/dsp"
	"foxhunt/geo"
)

// TestGroundIsWhereTheReceiversAre puts the network on a high plain.
func TestGroundIsWhereTheReceiversAre(t *testing.T) {
	s := scene(3)
	for i := range s.Receivers {
		s.Receivers[i].Position.Altitude = 1600
	}
	e := newExtractor(t, asking(contract.ReceiverPosition), Budget{})
	x, f := e.must(t, record(t, s))
	near(t, "the frame's altitude", f.Frame.Origin().Altitude, 1600, 1e-6)
	for i := range int64(3) {
		if up := at(x[contract.ReceiverPosition], i, 2); up > 0 || up < -1500 {
			t.Errorf("receiver %d is %g m above the frame's plane; want a little below, by the Earth's curvature", i, up)
		}
	}
}

func TestReceiversAtOnePlace(t *testing.T) {
	s := scene(3)
	mast := s.Receivers[0].Position
	for i := range s.Receivers {
		s.Receivers[i].Position, _ = geo.Direct(mast, float64(120*i), 3)
	}
	correlation := dsp.DefaultCorrelationConfig()
	c := asking(contract.CrossCorrelation)
	c.Inputs[0].Correlation = &correlation
	err := newExtractor(t, c, Budget{}).Extract(record(t, s), "net", &Features{})
	wantRefusal(t, err, CodeNoBaseline, "within")
}
