package station

import (
	"math"
	"testing"
	"time"

	"foxhunt/messages"
)

// Of a time nobody vouches for no more is believed than of an unmeasured receiver's, nor more than its digits say. What says how good it
// is goes before: the file, then the stations file, then Options.
func TestTimesNobodyVouchesFor(t *testing.T) {
	const wholeSeconds = 288.675e6 // 1 s / sqrt(12), ns
	sigmf := func(segment object) []byte { segment["core:sample_start"] = 0; return sigmfMetaText(t, nil, segment) }
	place := Stations{{ID: "A", Latitude: 45, Longitude: 7}}
	precise := Stations{{ID: "A", Latitude: 45, Longitude: 7, ClockSigma: 9}}
	start := time.Date(2020, 8, 13, 6, 52, 20, 0, time.UTC).UnixNano()
	for name, c := range map[string]struct {
		meta     []byte // of SigMF; nil: a wav file
		o        Options
		stations Stations
		want     float64
		unknown  bool
	}{
		"whole seconds":         {sigmf(object{"core:datetime": "2020-08-13T06:52:20Z"}), Options{}, place, math.Hypot(20e6, wholeSeconds), true},
		"zeros are no digits":   {sigmf(object{"core:datetime": "2020-08-13T06:52:20.000000Z"}), Options{}, place, math.Hypot(20e6, wholeSeconds), true},
		"tenths":                {sigmf(object{"core:datetime": "2020-08-13T06:52:20.3Z"}), Options{}, place, math.Hypot(20e6, wholeSeconds/10), true},
		"nanoseconds":           {sigmf(object{"core:datetime": dcfTime}), Options{}, place, 20e6, true},
		"the file says it":      {sigmf(object{"core:datetime": "2020-08-13T06:52:20Z", "foxhunt:sigma_ns": 40}), Options{}, place, 40, false},
		"of another time":       {sigmf(object{"core:datetime": dcfTime, "foxhunt:sigma_ns": 40}), Options{StartTime: start + 1}, place, 20e6, true},
		"of a time it has not":  {sigmf(object{"foxhunt:sigma_ns": 40}), Options{StartTime: start + 1}, place, 20e6, true},
		"the stations file":     {sigmf(object{"core:datetime": dcfTime}), Options{}, precise, 9, true},
		"its user":              {sigmf(object{"core:datetime": "2020-08-13T06:52:20Z"}), Options{ClockSigma: 3}, precise, 3, false},
		"a wav file's":          {nil, Options{StartTime: start + 1}, place, 20e6, true},
		"a wav file's, seconds": {nil, Options{StartTime: start}, place, math.Hypot(20e6, wholeSeconds), true},
		"a wav file's, stated":  {nil, Options{StartTime: start, ClockSigma: 70}, place, 70, false},
	} {
		c.o.Station, c.o.Frequency = "A", 1e6
		var r *Recording
		var err error
		if c.meta != nil {
			r, err = Open(writePair(t, t.TempDir(), "x", c.meta, make([]byte, 2000)), c.o)
		} else {
			r, err = open(t, "x.wav", wavFile(wavPCM, 16, 1000, make([]byte, 4000), nil), c.o)
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		capture, err := Bundle([]*Recording{r}, c.stations, CaptureOptions{})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := capture.Receivers[0].ClockSigma; math.Abs(got-c.want) > 1e-3*c.want || r.SigmaUnknown != c.unknown || got > messages.MaxClockSigma {
			t.Errorf("%s: a standard deviation of %g ns, want %g; unknown is %t", name, got, c.want, r.SigmaUnknown)
		}
	}
}
