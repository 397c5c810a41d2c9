package metrics

import (
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

func TestEvents(t *testing.T) {
	e := newEvents(prometheus.NewPedanticRegistry())
	e.Met("demo", "complete")
	e.Met("demo", "complete")
	e.LeftOut("demo", "A", "late")
	e.EventFixed(3)
	e.FirstToFix(2 * time.Second)
	if n := testutil.ToFloat64(e.ended.WithLabelValues("demo", "complete")); n != 2 {
		t.Errorf("%v events were complete, want 2", n)
	}
	if n := testutil.ToFloat64(e.leftOut.WithLabelValues("demo", "A", "late")); n != 1 {
		t.Errorf("%v captures of A were late, want 1", n)
	}
}

// TestEventsAreBounded: whoever may publish chooses names, and must not fill the memory of who scrapes.
func TestEventsAreBounded(t *testing.T) {
	e := newEvents(prometheus.NewPedanticRegistry())
	for i := range 3 * mostLeftOut {
		e.Met(fmt.Sprint("net", i), "partial")
		e.LeftOut("net", fmt.Sprint("station", i), "late")
	}
	if n := testutil.CollectAndCount(e.ended); n != mostNetworks+1 {
		t.Errorf("%d networks are shown, want %d and one for the others", n, mostNetworks)
	}
	if n := testutil.CollectAndCount(e.leftOut); n != mostLeftOut+1 {
		t.Errorf("%d stations are shown, want %d and one for the others", n, mostLeftOut)
	}
	if n := testutil.ToFloat64(e.leftOut.WithLabelValues(otherNetwork, otherStation, "late")); n != 2*mostLeftOut {
		t.Errorf("the others were late %v times, want %d", n, 2*mostLeftOut)
	}
}
