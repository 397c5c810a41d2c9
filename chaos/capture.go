package chaos

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"
	"time"

	"foxhunt/messages"
)

// Sessions of captures that do something to a worker built with the tag chaos.
const (
	sessionPanic = "chaos-panic"
	sessionKill  = "chaos-kill"
	sessionSlow  = "chaos-slow"
)

// Capture is what is published: a capture, or what only looks like one.
type Capture struct {
	ID      string
	Subject string
	Data    []byte
	Want    Fate
}

// leastSamples is what the small model needs of each receiver.
const leastSamples = 4480

// newCapture makes a good capture of three receivers, 27 KB, unlike any other.
func newCapture(t testing.TB, subject, session string) Capture {
	return sizedCapture(t, subject, session, 3, leastSamples)
}

// sizedCapture is newCapture of a choice of sizes.
func sizedCapture(t testing.TB, subject, session string, receivers, samples int) Capture {
	t.Helper()
	c := messages.Capture{Version: messages.CaptureVersion, ID: messages.NewCaptureID(), Session: session, Frequency: 145e6, Cache: true}
	seed, start := rand.Uint64(), time.Now().UnixNano()
	for i := range receivers {
		c.Receivers = append(c.Receivers, messages.Receiver{
			Station: string(rune('a' + i)), Latitude: 45 + 0.2*float64(i%2), Longitude: 8 + 0.2*float64(i), ClockSigma: 100,
			StartTime: start, SampleRate: 48e3, Format: messages.CI8, IQ: heard(seed, i, samples),
		})
	}
	data, err := c.Encode(nil)
	if err != nil {
		t.Fatal(err)
	}
	return Capture{ID: c.ID, Subject: subject, Data: data, Want: Fixed}
}

// heard is what receiver i hears of a wide-band emission: the same noise, a few samples later, and a little of its own.
func heard(seed uint64, i, samples int) []byte {
	emission, own := rand.NewPCG(seed, 0), rand.NewPCG(seed, uint64(i+1))
	for range 3 * i {
		emission.Uint64()
	}
	iq := make([]byte, 2*samples+16)
	for k := 0; k < 2*samples; k += 8 {
		binary.LittleEndian.PutUint64(iq[k:], emission.Uint64()&^0x0303030303030303|own.Uint64()&0x0303030303030303)
	}
	return iq[:2*samples]
}

// hostile gives messages that no worker can make a capture of: by turns truncated, garbage, empty, and with lengths that
// promise gigabytes.
func hostile(t testing.TB, subject string, i int) Capture {
	t.Helper()
	c := newCapture(t, subject, "")
	c.ID, c.Want = messages.NewCaptureID(), Dead
	switch i % 7 {
	case 0:
		c.Data = c.Data[:len(c.Data)/2]
	case 1:
		for k := range c.Data {
			c.Data[k] = byte(rand.Uint32())
		}
		c.Data[0] = 0x91 // an array: never a capture
	case 2:
		c.Data = nil
	case 3:
		c.Data = []byte{0x81, 0xa2, 'i', 'q', 0xc6, 0x7f, 0xff, 0xff, 0xff} // samples of 2 GB
	case 4:
		c.Data = []byte{0xdf, 0x80, 0, 0, 0} // a map of 2 billion
	case 5:
		c.Data = append(c.Data, 1, 2) // something follows the capture
	case 6:
		c.Data = bytes.Replace(c.Data, []byte("\xa1v\x01"), []byte("\xa1v\x02"), 1) // version 2
	}
	return c
}
