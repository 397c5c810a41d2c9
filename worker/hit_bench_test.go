package worker

import (
	"testing"

	"foxhunt/messages"
	"foxhunt/model/grid"
)

// BenchmarkHit has a lane serve captures that the cache knows, with the default model's features: what a hit costs beside the
// pull and the PubAck. Hashing the samples is most of it.
func BenchmarkHit(b *testing.B) {
	for _, size := range []struct {
		name               string
		receivers, samples int
	}{{"27KB", 3, 4480}, {"4MB", 4, 1 << 19}} {
		b.Run(size.name, func(b *testing.B) {
			data := capture(b, func(c *messages.Capture) { sameNoise(c, size.receivers, size.samples) })
			l := startLane(b, &fakeModel{contract: grid.Contract()}, &fakeCache{}, nil)
			l.serveOne(b, "net", data)
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				if !l.serveOne(b, "net", data).fix.CacheHit {
					b.Fatal("not a hit")
				}
			}
		})
	}
}

// sameNoise makes the capture one of several receivers that hear the same noise.
func sameNoise(c *messages.Capture, receivers, samples int) {
	iq, x := make([]byte, 2*samples), uint32(1)
	for i := range iq {
		x ^= x << 13
		x ^= x >> 17
		x ^= x << 5
		iq[i] = byte(x)
	}
	c.Receivers = nil
	for i := range receivers {
		c.Receivers = append(c.Receivers, messages.Receiver{
			Station: string(rune('a' + i)), Latitude: 45 + 0.2*float64(i%2), Longitude: 8 + 0.2*float64(i), ClockSigma: 100,
			StartTime: 1_700_000_000_000_000_000, SampleRate: 250e3, Format: messages.CI8, IQ: iq,
		})
	}
}

// BenchmarkComputed has a lane serve captures that no cache knows, with a model that answers at once: what a capture costs beside
// the model, the pull and the PubAck.
func BenchmarkComputed(b *testing.B) {
	l := startLane(b, &fakeModel{contract: grid.Contract()}, nil, func(o *Options) { o.BatchDelay = 0 })
	data := capture(b, func(c *messages.Capture) { sameNoise(c, 3, 4480) })
	l.serveOne(b, "net", data)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		l.serveOne(b, "net", data)
	}
}
