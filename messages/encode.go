package messages

import (
	"bytes"
	"slices"

	"github.com/vmihailenco/msgpack/v5"
)

// headBytes is more than what a receiver, or the capture around them, takes without iq,
// texts and names.
const headBytes = 256

// Encode appends the capture to dst and returns the longer slice. It refuses what Decode or
// Split would refuse, so that a station hears of it before a worker does.
func (c *Capture) Encode(dst []byte) ([]byte, error) {
	if err := c.Validate(); err != nil {
		return dst, err
	}
	size := headBytes + len(c.Event) + len(c.Session)
	for i := range c.Receivers {
		if err := c.Receivers[i].CheckSamples(); err != nil {
			return dst, err
		}
		size += headBytes + len(c.Receivers[i].IQ)
	}
	buffer := bytes.NewBuffer(slices.Grow(dst, size))
	encoder := msgpack.GetEncoder()
	defer msgpack.PutEncoder(encoder)
	encoder.Reset(buffer)
	if err := c.encode(encoder); err != nil {
		return dst, err
	}
	if n := buffer.Len() - len(dst); n > MaxCaptureBytes {
		return dst, refuse(CodeTooLarge, "the capture has %d bytes; want at most %d", n, MaxCaptureBytes)
	}
	return buffer.Bytes(), nil
}

// mapWriter writes the pairs of a map and keeps the first error.
type mapWriter struct {
	encoder *msgpack.Encoder
	err     error
}

func (w *mapWriter) key(name string) bool {
	if w.err == nil {
		w.err = w.encoder.EncodeString(name)
	}
	return w.err == nil
}

func (w *mapWriter) text(name, s string) {
	if w.key(name) {
		w.err = w.encoder.EncodeString(s)
	}
}

func (w *mapWriter) float(name string, x float64) {
	if w.key(name) {
		w.err = w.encoder.EncodeFloat64(x)
	}
}

func (w *mapWriter) int(name string, n int64) {
	if w.key(name) {
		w.err = w.encoder.EncodeInt(n)
	}
}

func (w *mapWriter) bool(name string, b bool) {
	if w.key(name) {
		w.err = w.encoder.EncodeBool(b)
	}
}

func (w *mapWriter) bin(name string, b []byte) {
	if w.key(name) {
		w.err = w.encoder.EncodeBytes(b)
	}
}

func (c *Capture) encode(encoder *msgpack.Encoder) error {
	w := &mapWriter{encoder: encoder}
	pairs := 7
	if c.Truth != nil {
		pairs++
	}
	w.err = encoder.EncodeMapLen(pairs)
	w.int("v", CaptureVersion)
	w.text("id", c.ID)
	w.text("event", c.Event)
	w.text("session", c.Session)
	w.float("freq", c.Frequency)
	w.bool("cache", c.Cache)
	if c.Truth != nil && w.key("truth") {
		w.err = encoder.EncodeMapLen(2)
		w.float("lat", c.Truth.Latitude)
		w.float("lon", c.Truth.Longitude)
	}
	if w.key("rx") {
		w.err = encoder.EncodeArrayLen(len(c.Receivers))
	}
	for i := range c.Receivers {
		c.Receivers[i].encode(w)
	}
	return w.err
}

func (r *Receiver) encode(w *mapWriter) {
	if w.err == nil {
		w.err = w.encoder.EncodeMapLen(10)
	}
	w.text("station", r.Station)
	w.float("lat", r.Latitude)
	w.float("lon", r.Longitude)
	w.float("alt", r.Altitude)
	w.int("t0", r.StartTime)
	w.float("sigma", r.ClockSigma)
	w.float("rate", r.SampleRate)
	w.float("gain", r.Gain)
	w.text("fmt", string(r.Format))
	w.bin("iq", r.IQ)
}
