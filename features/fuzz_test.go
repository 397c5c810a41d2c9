package features

import (
	"errors"
	"math"
	"testing"

	"foxhunt/messages"
)

// FuzzExtract extracts from captures that have passed validation and are strange nonetheless: whatever comes in, finite
// features come out, or a refusal.
func FuzzExtract(f *testing.F) {
	f.Add([]byte("some samples"), uint16(9000), 8000.0, 8000.0, int64(0), 5.0, 45.0, 7.0, 145e6, true)
	f.Add([]byte{0}, uint16(9000), 8000.0, 8000.0, int64(0), 0.0, 45.0, 7.0, 77.5e3, true)
	f.Add([]byte{255, 0, 3}, uint16(40), 1000.0, 48000.0, int64(-7000), 1e9, -90.0, 180.0, 7e6, false)
	f.Add([]byte{1, 2, 3, 4, 5, 6, 7}, uint16(20000), 12001.3, 11998.7, int64(123456789), 1e3, 90.0, 0.0, 300e9, false)
	f.Add([]byte("x"), uint16(5000), 100e6, 1e3, int64(1), 1.0, 0.0, -180.0, 1.0, true)
	c := everything()
	c.Receivers.Pad, c.Receivers.Max = 3, 3
	e, err := New(c, Budget{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, iq []byte, samples uint16, rateA, rateB float64, late int64, sigma, lat, lon, freq float64, floats bool) {
		receiver := messages.Receiver{Station: "a", Latitude: 45, Longitude: 8, StartTime: 1e18, ClockSigma: sigma,
			SampleRate: rateA, Format: messages.CI8, IQ: repeat(iq, 2*int(samples))}
		capture := &messages.Capture{Version: messages.CaptureVersion, ID: "0123456789abcdef0123456789abcdef", Frequency: freq,
			Receivers: []messages.Receiver{receiver, receiver}}
		b := &capture.Receivers[1]
		b.Station, b.Latitude, b.Longitude, b.StartTime, b.SampleRate = "b", lat, lon, b.StartTime+late, rateB
		if floats {
			b.Format, b.IQ = messages.CF32, repeat(iq, 8*int(samples))
		}
		if capture.Validate() != nil {
			return
		}
		out := &Features{}
		if err := e.Extract(capture, "net", out); err != nil {
			var refused *messages.Refusal
			if !errors.As(err, &refused) {
				t.Fatalf("error is %v; want a messages.Refusal", err)
			}
			return
		}
		for _, x := range out.Tensors {
			for i, v := range x.Data {
				if v := float64(v); math.IsNaN(v) || math.IsInf(v, 0) {
					t.Fatalf("%s[%d] is %g", x.Name, i, v)
				}
			}
		}
	})
}

// repeat gives n bytes of the pattern.
func repeat(pattern []byte, n int) []byte {
	out := make([]byte, 0, n+len(pattern))
	for len(pattern) > 0 && len(out) < n {
		out = append(out, pattern...)
	}
	return out[:min(n, len(out))]
}
