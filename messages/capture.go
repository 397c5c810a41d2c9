package messages

import (
	"crypto/rand"
	"encoding/hex"
)

// Limits of a capture.
const (
	CaptureVersion  = 1       // the version this program writes and reads
	MaxCaptureBytes = 8 << 20 // of the whole message; the largest payload a NATS server should be set to
	MaxReceivers    = 32
	MaxTextBytes    = 256 // of event and of session
	MinIDLength     = 22  // 128 bits in unpadded base64url
	MaxIDLength     = 64
)

// Capture is what several receivers heard of one emission (or one receiver alone). On the
// wire it is a msgpack map with short keys:
//
//	v        int    1
//	id       str    22 to 64 of [A-Za-z0-9_-], or bin of 16 to 32 bytes (then read as hex); random, 128 bits or more,
//	                or as much of a hash over samples that nobody else can know
//	event    str    optional: names the emission, so that captures published alone can meet
//	session  str    optional: groups captures for those who read the fixes
//	freq     number Hz
//	cache    bool   optional, default true: whether a fix may come from the cache
//	truth    map    optional: lat and lon, degrees, of an emitter whose place is known, as in a calibration. No model gets
//	                to see it; the fix says how far off it is
//	rx       array of 1 to 32 maps:
//	  station  str     [A-Za-z0-9_-]{1,64}, once a capture
//	  lat lon  number  degrees, WGS84
//	  alt      number  m
//	  t0       int     ns since the Unix epoch (UTC) of the first sample
//	  sigma    number  ns, standard deviation of t0 against true time
//	  rate     number  Hz, the true sample rate, not the nominal one
//	  gain     number  dB
//	  fmt      str     cu8, ci8, ci16_le or cf32_le
//	  iq       bin     I, Q, I, Q, ...
//
// Unknown keys are skipped, nil stands for an absent optional value, and any of msgpack's
// number types does where a number is wanted, but for t0: a float cannot hold its nanoseconds.
type Capture struct {
	Version   int
	ID        string
	Event     string
	Session   string
	Frequency float64 // Hz
	Cache     bool
	Truth     *Position // where the emitter is; nil where nobody knows, which is the rule
	Receivers []Receiver
}

// Receiver is one station's part of a capture.
type Receiver struct {
	Station    string
	Latitude   float64 // degrees
	Longitude  float64 // degrees
	Altitude   float64 // m
	StartTime  int64   // ns since the Unix epoch of the first sample
	ClockSigma float64 // ns
	SampleRate float64 // Hz; the true rate, not the nominal one
	Gain       float64 // dB
	Format     SampleFormat
	IQ         []byte // interleaved samples; after Decode it aliases the message
}

// StartTime is the earliest first sample of the capture's receivers, ns since the Unix
// epoch; 0 when there are none.
func (c *Capture) StartTime() int64 {
	var first int64
	for i := range c.Receivers {
		if t := c.Receivers[i].StartTime; i == 0 || t < first {
			first = t
		}
	}
	return first
}

// NewCaptureID returns 128 random bits as 32 hexadecimal digits. Ids must not be guessable:
// the stream drops a message whose id it has seen as a duplicate.
func NewCaptureID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails: crypto/rand ends the program rather than return an error
	return hex.EncodeToString(b[:])
}
